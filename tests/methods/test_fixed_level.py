import pytest
import torch

from aslp_lib import Technique, sc_bce_with_logits
from aslp_lib.aslp import perturbation as P
from aslp_lib.methods import Draws
from aslp_lib.methods.fixed_level import FixedLevel, FixedLevelOptions
from aslp_lib.methods.label_smoothing import LabelSmoothing, LabelSmoothingOptions

UNIFORM = torch.tensor([0.1, 0.9, 0.24, 0.2], dtype=torch.float64)
DRAWS = Draws(UNIFORM, range(4), lambda image: 10 + image)
SWITCHED = torch.tensor([1.0, 0.0, 0.0, 1.0])  # at 0.24: a draw of exactly the level is off


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(4, 1, 6, 6, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(logits.shape, generator=generator) < 0.5).double()


def loss(batch, **options):
    return FixedLevel(4, FixedLevelOptions(**options)).loss(*batch, torch.arange(4), DRAWS)


@pytest.mark.parametrize(
    ("name", "technique"),
    [("HI", P.HARD_INVERSION), ("SI", P.SOFT_INVERSION), ("M", P.MODERATION)],
)
def test_it_is_sc_bce_with_each_image_s_switch(batch, name, technique):
    oracle = sc_bce_with_logits(*batch, SWITCHED, technique, reduction="sum")
    torch.testing.assert_close(loss(batch, technique=name, alpha=0.24), oracle)


def test_each_image_s_noise_is_its_own(batch):
    logits, labels = batch
    targets = labels.clone()
    for i in (0, 3):
        own = torch.Generator().manual_seed(10 + i)
        targets[i] = 0.5 + P.pixel_noise(labels.shape[1:], P.DYNAMIC_MODERATION, own)
    oracle = torch.nn.functional.softplus(logits) - targets * logits
    torch.testing.assert_close(loss(batch, technique="DM"), oracle.sum())


@pytest.mark.parametrize(("technique", "beta"), [("HI", 2.0), ("SI", 1.5), ("M", 1.0), ("DM", 1.0)])
def test_its_expected_targets_are_label_smoothing_of_alpha_beta(batch, technique, beta):
    smoothing = LabelSmoothing(4, LabelSmoothingOptions(0.3 * beta))
    torch.testing.assert_close(
        loss(batch, technique=technique, alpha=0.3, use_expected_targets=True),
        smoothing.loss(*batch, torch.arange(4), DRAWS),
    )


def test_a_level_of_1_is_always_on(batch):
    oracle = sc_bce_with_logits(*batch, 1.0, Technique("M", 1.0), reduction="sum")
    torch.testing.assert_close(loss(batch, alpha=1.0), oracle)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"technique": "release"}, "technique is 'release', but must be one of HI, SI, M, DM"),
        ({"technique": "HI", "alpha": 0.51}, r"alpha is 0.51, but must lie in \[0, 0.5\] for HI"),
        ({"technique": "SI", "alpha": 0.7}, r"alpha is 0.7, but must lie in \[0, 0.6667\] for SI"),
        ({"alpha": -0.1}, r"alpha is -0.1, but must lie in \[0, 1\] for M"),
        ({"alpha": float("nan")}, "alpha is nan"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        FixedLevelOptions(**options)
    assert FixedLevelOptions() == FixedLevelOptions("M", 0.24, False)
    assert FixedLevelOptions("HI", 0.5) != FixedLevelOptions("HI", 0.0)  # both ends may be
