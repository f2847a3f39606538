import json
from dataclasses import asdict, replace

import pytest
import torch

from aslp_lib.config import PRESETS, RENAMED, Settings


def test_the_paper_s_preset():
    """The numbers of the paper's code, with the figure's beta and the stable step."""
    paper = PRESETS["paper"]
    assert (paper.network, paper.size, paper.batch_size, paper.epochs) == ("resnet50", 384, 10, 30)
    assert (paper.learning_rate, paper.encoder_lr_factor) == (2.5e-5, 1.0)
    aslp = paper.hyperparameters.aslp
    assert (aslp.alpha_step_size, aslp.constraint_weight, aslp.alpha_warm_up) == (0.002, 2000.0, 5)
    assert (aslp.perturbation.beta, aslp.dynamics) == (2, "stable")


def test_the_release_s_preset_differs_in_named_settings():
    paper, release = asdict(PRESETS["paper"]), asdict(PRESETS["release"])
    groups = paper.pop("hyperparameters"), release.pop("hyperparameters")
    assert changed(paper, release) == {
        "methods": ("calibration",),
        "schedule": "release",
        "augment_at": "image",
        "soft_masks": True,
        "validate_at": "image",
        "precision": "no",
        "min_max_maps": True,
        "resize_logits": True,
    }
    assert changed(*groups).keys() == {"aslp"}
    assert changed(groups[0]["aslp"], groups[1]["aslp"]) == {
        "technique": "release",
        "dynamics": "release",
    }
    assert PRESETS["release"].hyperparameters.aslp.perturbation.beta == 4


def changed(before, after):
    return {name: after[name] for name in after if after[name] != before[name]}


VERSION_0_1 = {
    "data": "Dataset",
    "network": "mobilenet_v2",
    "methods": ["bce", "gap"],
    "encoder_rate": 0.3,
    "accumulate": 2,
    "clip": 1.5,
    "technique": "HI",
    "beta": 1.25,
    "step": 0.01,
    "weight": 30.0,
    "gain": 0.2,
    "alpha_warm_up": 3,
    "dynamics": "stable",
    "expected": True,
    "hold": False,
    "workers": 4,
}


def test_settings_of_version_0_1_open():
    """Every name that has changed since."""
    expected = Settings(
        data="Dataset",
        network="mobilenet_v2",
        methods=("bce", "measured_gap"),
        encoder_lr_factor=0.3,
        accumulation_steps=2,
        max_grad_norm=1.5,
        cache_images=False,
        num_workers=4,
    ).tuned(
        aslp={
            "technique": "HI",
            "beta": 1.25,
            "alpha_step_size": 0.01,
            "constraint_weight": 30.0,
            "bound_gain": 0.2,
            "alpha_warm_up": 3,
            "use_expected_targets": True,
        }
    )
    assert Settings.from_json(json.dumps(VERSION_0_1)) == expected
    assert RENAMED.keys() <= VERSION_0_1.keys()


@pytest.mark.parametrize("name", PRESETS)
def test_settings_are_kept_whole(name):
    assert Settings.from_json(PRESETS[name].to_json()) == PRESETS[name]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": 1}, "unknown settings: colour"),
        ({"hyperparameters": {"magic": {}}}, "unknown settings: magic"),
        ({"hyperparameters": {"focal": {"gama": 2.0}}}, "unknown settings: focal.gama"),
    ],
)
def test_unknown_settings_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        Settings.from_json(json.dumps({"methods": ["bce"], **values}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accumulation_steps": 0}, "accumulation_steps is 0, but must be at least 1"),
        ({"max_grad_norm": 0.0}, "max_grad_norm is 0.0, but must be positive, or None"),
        ({"max_grad_norm": float("nan")}, "max_grad_norm is nan"),
        ({"num_workers": -1}, "num_workers is -1, but must be 0 or more, or None"),
        ({"schedule": "steep"}, "schedule is 'steep', but must be one of constant, cosine, "),
        ({"augment_at": "file"}, "augment_at is 'file', but must be one of network, image"),
        ({"validate_at": "file"}, "validate_at is 'file', but must be one of network, image"),
        ({"augment_at": "image"}, "crop is 'anywhere', but must be centred with augment_at=image"),
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
