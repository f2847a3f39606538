from dataclasses import asdict, replace

import pytest
import torch

from aslp_lib.config import PRESETS, Settings


def test_the_paper_s_preset():
    """The values of the paper's code, but for its step's dynamics."""
    paper = PRESETS["paper"]
    assert (paper.network, paper.size, paper.batch_size, paper.epochs) == ("resnet50", 384, 10, 30)
    assert (paper.learning_rate, paper.encoder_lr_factor, paper.alpha_warm_up) == (2.5e-5, 1.0, 5)
    assert (paper.alpha_step_size, paper.constraint_weight, paper.dynamics) == (
        0.002,
        2000.0,
        "stable",
    )
    assert paper.perturbation.beta == 2


def test_the_release_s_preset_differs_in_named_settings():
    paper, release = asdict(PRESETS["paper"]), asdict(PRESETS["release"])
    assert {name: release[name] for name in release if release[name] != paper[name]} == {
        "methods": ("calibration",),
        "technique": "release",
        "dynamics": "release",
        "schedule": "release",
        "min_max_maps": True,
    }
    assert PRESETS["release"].perturbation.beta == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accumulation_steps": 0}, "accumulation_steps is 0, but must be at least 1"),
        ({"max_grad_norm": 0.0}, "max_grad_norm is 0.0, but must be positive, or None"),
        ({"max_grad_norm": float("nan")}, "max_grad_norm is nan"),
        ({"num_workers": -1}, "num_workers is -1, but must be 0 or more, or None"),
        ({"schedule": "steep"}, "schedule is 'steep', but must be one of constant, cosine, "),
        ({"precision": "fp8"}, "precision is 'fp8', but must be one of no, bf16, fp16, auto"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(Settings(), **changes)


@pytest.mark.parametrize(
    ("cuda", "native", "precision", "meaning"),
    [
        (False, False, "auto", "no"),
        (False, False, "fp16", "no"),
        (False, False, "bf16", "bf16"),
        (True, True, "auto", "bf16"),
        (True, False, "auto", "no"),
        (True, False, "fp16", "fp16"),
        (True, True, "no", "no"),
    ],
)
def test_the_machine_decides_what_auto_means(monkeypatch, cuda, native, precision, meaning):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: native)
    settings = Settings(precision=precision, num_workers=None)
    assert settings.mixed_precision == meaning
    assert (settings.loading_workers > 0) == cuda
    assert replace(settings, device="cpu").loading_workers == 0
    assert Settings(num_workers=3).loading_workers == 3
