"""Invalid arguments: functions refuse them, and name the argument, its value and a remedy."""

import inspect
import math
from itertools import product

import numpy as np
import pytest
import torch

from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp import theory
from aslp_lib.aslp.alphas import AdaptiveAlpha, alpha_gradient, release_gradient
from aslp_lib.aslp.loss import perturbed_logits, sc_bce_with_logits
from aslp_lib.checks import class_channels
from aslp_lib.metrics.accumulator import CountsAccumulator

M, HI, THREE = P.MODERATION, P.HARD_INVERSION, P.HARD_INVERSION.for_classes(3)
ONE_CHANNEL = {
    "logits": torch.full((2, 3), 4.0),
    "labels": torch.ones(2, 3),
    "index": torch.arange(2),
    "alpha": 0.1,
    "technique": M,
    "shape": (2, 3),
    "posterior": 0.3,
    "images": 2,
    "name": "any",
    "accuracy": 0.9,
    "confidence": 0.9,
}
"""Valid arguments of the functions below, by name."""
THREE_CLASSES = {
    "logits": torch.zeros(2, 3, 4, 5),
    "labels": torch.zeros(2, 4, 5).long(),
    "technique": THREE,
}
IDS, HOT = THREE_CLASSES["labels"], torch.zeros(2, 3, 4, 5)


def alphas(technique=M, **options):
    return AdaptiveAlpha(2, technique, warm_up=0, **options)


def count(logits, labels):
    CountsAccumulator(logits=True).update(logits, labels)


SC_BCE, UPDATE, LOOK_UP = sc_bce_with_logits, alphas().update, alphas().__getitem__
OBSERVE = alphas(rule="aslp_gap").observe
GRADIENTS = [alpha_gradient, release_gradient]
ON_IDS = [SC_BCE, alpha_gradient]
TARGETS = [P.sampled_targets, P.expected_targets]
CLOSED_FORMS = [theory.minimiser, theory.loss_floor, theory.target_variance]
CLOSED_FORMS += [theory.expected_confidence]
TAKING = {
    "labels": [P.perturb, *TARGETS, SC_BCE, *GRADIENTS, UPDATE],
    "logits": [SC_BCE, perturbed_logits, *GRADIENTS, UPDATE],
    "alpha": [*TARGETS, SC_BCE, perturbed_logits],
    "index": [UPDATE, LOOK_UP],
    "technique": [
        *(P.perturb, P.pixel_noise, *TARGETS, SC_BCE, perturbed_logits, *GRADIENTS),
        *(AdaptiveAlpha, *CLOSED_FORMS),
    ],
}


def call(function, valid, **changes):
    """Call a function with those of the valid arguments that it takes, and with the changes."""
    names = inspect.signature(function).parameters
    return function(**{k: v for k, v in valid.items() if k in names} | changes)


NAN = math.nan
TWO_INVALID = {x: {"labels": torch.tensor([[0, x, x], [1, 1, 1]])} for x in (255, -1, 1.5, NAN)}
WITHOUT_CHANNEL = {"logits": torch.zeros(2, 1, 5, 5), "labels": torch.ones(2, 5, 5)}
SI, DM = P.SOFT_INVERSION, P.DYNAMIC_MODERATION
DOSE = r"^alpha \* beta is 1.*; expected less than 1 for"
LARGEST = r"largest alpha \* beta is 1\..*; expected at"
NO_TENSORS = np.ones((2, 3), np.float32), [[1.0], [0.0]], "HI", None
OF_WRONG_TYPE = [
    *(
        (TAKING[name], {name: x}, rf"the type of {name} is {type(x).__name__}; expected a tensor")
        for name, x in product(("labels", "logits", "alpha", "index"), NO_TENSORS)
    ),
    *(
        (TAKING["technique"], {"technique": x}, r'HARD_INVERSION or TECHNIQUES\["HI"\]')
        for x in ("HI", None, P.Technique)
    ),
]
REFUSED = [  # functions, changed arguments, a part of the message
    *(
        (TAKING["labels"], labels, f"2 of 6 labels .* first is {x:g}")
        for x, labels in TWO_INVALID.items()
    ),
    # A label is checked before half precision rounds it.
    *(
        ([SC_BCE], {"logits": torch.ones(1, 3, dtype=dtype), "labels": labels, **ignored}, message)
        for dtype in (torch.float64, torch.float16, torch.bfloat16)
        for labels, ignored, message in (
            (
                torch.tensor([[1.0, 2049, 2049]]),
                {"ignore_index": 2048},
                "2 of 3 labels .* first is 2049",
            ),
            (torch.tensor([[1.0, 1.001, 7]]), {}, r"2 of 3 labels .* first is 1\.001"),
            (
                torch.tensor([[0, 1, 255]]).byte(),
                {"ignore_index": -1},
                "1 of 3 labels .* first is 255",
            ),
        )
    ),
    ([UPDATE], {"labels": torch.full((2, 3), NAN), "ignore_index": 254}, "6 of 6 .* first is nan"),
    ([SC_BCE, UPDATE], {"labels": torch.ones(1, 3)}, "the shape of labels is"),  # would broadcast
    ([SC_BCE, UPDATE], {"labels": torch.ones(2, 2)}, "the shape of labels is"),
    ([SC_BCE, UPDATE], {"labels": torch.ones(3)}, "the shape of labels is"),
    (
        [SC_BCE, UPDATE, count],
        WITHOUT_CHANNEL,
        r"of labels is \(2, 5, 5\); .* labels\[:, None\]\.$",
    ),
    (TAKING["alpha"], {"alpha": -0.01}, r"alpha spans \[-0.01, "),
    (TAKING["alpha"], {"alpha": 1.01}, r"alpha spans \[1.01, "),
    (TAKING["alpha"], {"alpha": NAN}, r"alpha spans \[nan, "),
    (TAKING["alpha"], {"alpha": torch.tensor([0.5, 2.0])}, r"alpha spans \[0.5, 2\]"),
    (TAKING["alpha"], {"alpha": torch.zeros(1)}, r"of alpha is \(1,\); .* the shape \(2,\)"),
    (TAKING["alpha"], {"alpha": torch.zeros(3)}, r"of alpha is \(3,\); .* the shape \(2,\)"),
    (TAKING["alpha"], {"alpha": torch.zeros(2, 1)}, r"of alpha is \(2, 1\); .* shape \(2,\)"),
    ([perturbed_logits], {"alpha": 0.5, "technique": HI}, DOSE),
    ([perturbed_logits], {"alpha": 0.7, "technique": SI}, DOSE),
    ([perturbed_logits], {"alpha": 1, "technique": M}, DOSE),
    ([perturbed_logits], {"alpha": torch.tensor([0.1, 0.51]), "technique": HI}, LARGEST),
    ([perturbed_logits], {"alpha": torch.tensor(0.6), "technique": HI}, LARGEST),
    ([perturbed_logits], {"technique": P.RELEASE}, r"^beta is 4.0; expected at most 2 for the for"),
    (TAKING["index"], {"index": torch.tensor([0, -1])}, "image index is -1; expected 0 to 1"),
    (TAKING["index"], {"index": torch.tensor([2, 1])}, "image index is 2; expected 0 to 1"),
    (TAKING["index"], {"index": torch.tensor([0.0, 1])}, "torch.float32; expected an integer"),
    (TAKING["index"], {"index": torch.tensor([0j, 1])}, "torch.complex64; expected an integer"),
    (TAKING["index"], {"index": torch.tensor([True, False])}, "torch.bool; expected an integer"),
    ([UPDATE], {"index": torch.tensor([0])}, r"of index is \(1,\); expected \(2,\)"),
    ([UPDATE], {"index": torch.tensor([[0], [1]])}, r"shape of index is \(2, 1\)"),
    ([UPDATE], {"index": torch.tensor(0)}, r"shape of index is \(\)"),
    ([alphas().half().update], {}, r"levels is torch.float16; expected .* alphas\.float"),
    ([alphas().bfloat16().update], {}, r"levels is torch.bfloat16; expected .* alphas\.float"),
    # A validation may report NaN or a percentage by mistake.
    *(([OBSERVE], {"accuracy": x}, f"accuracy is {x}") for x in (-0.1, 1.1, NAN)),
    *(([OBSERVE], {"confidence": x}, f"confidence is {x}") for x in (-0.1, 1.1, NAN, None)),
    ([AdaptiveAlpha], {"rule": "magic"}, "rule is 'magic'"),
    ([AdaptiveAlpha], {"dynamics": "wild"}, "dynamics is 'wild'"),
    ([AdaptiveAlpha], {"alpha_step_size": -1.0}, "alpha_step_size is -1.0"),
    ([AdaptiveAlpha], {"constraint_weight": math.inf}, "constraint_weight is inf"),
    ([AdaptiveAlpha], {"bound_gain": NAN}, "bound_gain is nan"),
    ([AdaptiveAlpha], {"images": 0}, "images is 0"),
    ([AdaptiveAlpha], {"warm_up": -1}, "warm_up is -1"),
    ([AdaptiveAlpha], {"rule": "aslp_gap", "dynamics": "release"}, "rule is 'aslp_gap'"),
    ([AdaptiveAlpha], {"technique": P.RELEASE}, "expected dynamics='release'"),
    ([AdaptiveAlpha], {"technique": HI, "classes": 3}, r"beta is 2\.0; expected at most 1\.5"),
    ([AdaptiveAlpha], {"classes": 1}, "classes is 1"),
    *(([P.Technique], {"beta": x}, f"beta is {x}") for x in (-0.1, 2.1, 4.0, NAN)),
    ([P.Technique], {"beta": -1.0, "unbounded": True}, r"beta is -1\.0"),
    ([P.Technique], {"beta": 2.0, "noise": 0.1}, "noise is 0.1"),
    *(([P.Technique], {"beta": 1.0, "noise": x}, f"noise is {x}") for x in (0.6, -0.1)),
    *(([P.disturb_label], {"rate": x}, f"rate is {x}; expected") for x in (-0.1, 1.1, NAN)),
    ([P.perturb], {"technique": DM, "noise": torch.zeros(1)}, "the shape of noise is"),
    ([P.perturb], {"technique": DM, "noise": torch.zeros(5, 2, 3)}, "the shape of noise is"),
    ([P.perturb], {"technique": DM, "noise": torch.zeros(2, 1)}, "the shape of noise is"),
]
REFUSED_OF_THREE_CLASSES = [  # the same
    (ON_IDS, {"technique": HI}, r"beta is 2\.0; expected at most 1\.5 .*for_classes\(3"),
    (ON_IDS, {"technique": DM}, "technique is 'DM'; expected 'HI', 'SI' or 'M'"),
    (ON_IDS, {"technique": P.RELEASE}, "technique is 'release'; expected .* noise and the"),
    (ON_IDS, {"labels": IDS + 3}, "40 of 40 labels .*first is 3; expected 0 to 2"),
    (ON_IDS, {"labels": IDS - 1}, "labels are invalid, the first is -1"),
    (ON_IDS, {"labels": IDS.float()}, r"ids have dtype torch\.float32; .*labels\.long\(\)"),
    (ON_IDS, {"labels": IDS.bool()}, r"ids have dtype torch\.bool"),
    (ON_IDS, {"labels": IDS[:, None]}, r"of labels is \(2, 1, 4, 5\); .*els\[:, 0\]"),
    (ON_IDS, {"labels": IDS.mT}, r"the shape of labels is \(2, 5, 4\)"),
    (ON_IDS, {"labels": HOT + 0.2}, r"40 of 40 labels .*0\.2.*argmax\(dim=1\)"),
    (ON_IDS, {"labels": HOT + torch.tensor([2.0, -1, 0]).view(3, 1, 1)}, "40 of 40"),
    # In unsigned 8-bit integers, -1 would be 255.
    ([alpha_gradient], {"labels": HOT.byte() + 255, "ignore_index": -1}, "40 of 40 labels"),
    ([DM.for_classes], {"classes": 3}, "technique is 'DM'"),
    ([P.RELEASE.for_classes], {"classes": 3}, "technique is 'release'"),
    ([THREE.for_classes], {"classes": 1}, "classes is 1; expected at least 2"),
    ([P.perturb], {"labels": HOT, "technique": HI, "classes": 3}, r"Use technique\.for_classes\(3"),
    ([P.perturb], {"classes": 3}, r"one-hot labels, \(N, 3, \.\.\.\).*one_hot\("),
    ([P.expected_targets], {"labels": HOT, "classes": 3}, "that sum to 1"),
    ([theory.loss_floor], {"technique": HI, "classes": 3}, r"beta is 2\.0"),
    ([AdaptiveAlpha], {"classes": 3, "dynamics": "release"}, "expected 'stable'"),
    ([UPDATE], {}, "logits is 3; expected 2. Make Adap"),
    ([alphas(THREE, classes=3).update], {"logits": HOT[:, :2]}, "logits is 2; expected 3"),
    ([perturbed_logits], {}, "classes is None; expected 3, the number"),
    ([perturbed_logits], {"classes": 2}, "classes is 2; expected 3"),
    ([perturbed_logits], {"classes": 3, "alpha": 0.9}, r"alpha \* beta is 1\.35.*less"),
    ([SC_BCE], {"reduction": "max"}, "reduction is 'max'"),
]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("error", "valid", "functions", "changes", "message"),
    [
        *((TypeError, ONE_CHANNEL, *row) for row in OF_WRONG_TYPE),
        *((ValueError, ONE_CHANNEL, *row) for row in REFUSED),
        *((ValueError, ONE_CHANNEL | THREE_CLASSES, *row) for row in REFUSED_OF_THREE_CLASSES),
    ],
)
def test_what_is_wrong_is_refused_with_the_remedy(error, valid, functions, changes, message):
    for function in functions:
        with pytest.raises(error, match=message):
            call(function, valid, **changes)
    assert not UPDATE.__self__.alpha.any() and not OBSERVE.__self__.observed  # nothing has moved


def test_valid_arguments_are_taken():
    """Also the ends of each range, and a number of NumPy's."""
    for function in {function for functions in TAKING.values() for function in functions}:
        if function != UPDATE:
            call(function, ONE_CHANNEL)
    ends = {"alpha_step_size": 0.0, "constraint_weight": 0.0, "bound_gain": 0.0, "warm_up": 0}
    assert len(AdaptiveAlpha(1, HI, **ends)) == 1
    for beta, noise in ((0.0, 0.0), (2.0, 0.0), (1.0, 0.5), (0.5, 0.25)):
        assert P.Technique("end", beta, noise).alpha_limit == min(1.0, 1 / beta if beta else 1.0)
    assert P.Technique("t", 2.5, unbounded=True).alpha_limit == 1 / 2.5
    for rate in (0.0, 1.0):
        assert P.disturb_label(rate) == (rate / 2, HI)
    for alpha, one in product((0.0, 1.0, np.float32(0.5), torch.tensor([0.0, 1.0])), TARGETS):
        assert one(torch.ones(2, 1), alpha, HI).shape == (2, 1)


@pytest.mark.parametrize("invalid", [255, -1, 1.5, math.nan])
def test_values_on_another_device_are_not_read(invalid):
    """A check would synchronise the device; meta tensors have no values."""
    y, alpha = torch.full((2, 3, 4, 4), invalid, device="meta"), torch.zeros(2, device="meta")
    one, ids = y[:, :1].float(), y[:, 0].long()
    assert P.perturb(one, M).shape == one.shape
    for labels, logits, technique in (
        (one, one, M),
        (y.float(), y.float(), THREE),
        (ids, y, THREE),
    ):
        for ignored in (None, 255):
            arguments = logits.float(), labels, alpha, technique
            assert sc_bce_with_logits(*arguments, ignore_index=ignored).shape == ()
            assert alpha_gradient(*arguments[:2], technique, ignored).shape == (2,)


def test_alphas_on_another_device_are_not_read():
    """Switches are drawn although all alphas may be 0. A number is on the CPU."""
    labels, generator = torch.ones(3, 1, 2, 2, device="meta"), torch.Generator()
    for alpha, draws in ((torch.zeros(3, device="meta"), True), (0.0, False)):
        before = generator.get_state()
        P.sampled_targets(labels, alpha, M, generator)
        assert torch.equal(generator.get_state(), before) != draws


@pytest.mark.parametrize(
    ("classes", "logits", "labels"),
    [
        (3, (4, 3), (4,)),
        (3, (4, 3, 8, 9), (4, 8, 9)),
        (3, (4, 3, 8, 9), (4, 3, 8, 9)),
        (2, (4, 2, 5, 8, 9), (4, 5, 8, 9)),
        # One channel; (4, 5, 1, 8, 9) are patches.
        *((1, each, each) for each in ((4, 3), (4, 8, 9), (4, 1, 8, 9), (4, 5, 1, 8, 9), (4,), ())),
    ],
)
def test_classes_are_told_by_the_shapes(classes, logits, labels):
    assert class_channels(logits, labels) == classes
