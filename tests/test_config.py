import json
from dataclasses import asdict, replace

import pytest
import torch

from aslp_lib.config import PRESETS, RENAMED, Settings
from aslp_lib.runs import Run


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
        ({"methods": ("bce", "bce")}, "methods is .* each at most once"),
        ({"size": 10_001}, "size is 10001, but must be 1 to 10000"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(Settings(), **changes)


OTHER_KINDS = {
    "augment": ("false", "augment is 'false', but must be true or false"),
    "cache_images": (1, "cache_images is 1, but must be true or false"),
    "grey": ("refused", "grey is 'refused', but must be one of refuse, threshold"),
    "device": ("cuda", "device is 'cuda', but must be one of auto, cpu"),
    "crop": (3, "crop is 3, but must be one of anywhere, centred"),
    "network": ("huge", "network is 'huge', but must be of tiny"),
    "data": (None, "data is None, but must be text"),
    "epochs": (2.5, "epochs is 2.5, but must be a whole number"),
    "batch_size": (10.0, "batch_size is 10.0, but must be a whole number"),
    "size": (True, "size is True, but must be a whole number"),
    "seed": (10**30, "seed is 1000.*, but must be a whole number"),
    "limit": ("3", "limit is '3', but must be a whole number, or None"),
    "learning_rate": (float("nan"), "learning_rate is nan, but must be a number"),
    "encoder_lr_factor": (float("inf"), "encoder_lr_factor is inf, but must be a number"),
    "weights": (7, "weights is 7, but must be text, or None"),
    "methods": (["bce", 3], "methods is (3, but must be of bce|.'bce', 3., but must be a list)"),
    "recalibrate": ("temperature", "recalibrate is 'temperature', but must be a list"),
}


@pytest.mark.fault("a setting of another kind, as `augment` 'false'", "it is refused by name")
@pytest.mark.parametrize("name", OTHER_KINDS)
def test_a_setting_of_another_kind_is_named(name):
    value, message = OTHER_KINDS[name]
    with pytest.raises(ValueError, match=message):
        replace(Settings(), **{name: value})
    values = json.loads(Settings().to_json()) | {name: value}
    with pytest.raises(ValueError, match=message):
        Settings.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("family", "name", "value", "message"),
    [
        ("aslp", "technique", 3, "aslp.technique is 3, but must be text"),
        ("aslp", "dynamics", "steady", "aslp.dynamics is 'steady', but must be one of "),
        ("aslp", "alpha_warm_up", 1.5, "aslp.alpha_warm_up is 1.5, but must be a whole number"),
        ("aslp", "use_expected_targets", 0, "aslp.use_expected_targets is 0, but must be true or"),
        ("focal", "gamma", "2", "focal.gamma is '2', but must be a number"),
        ("label_smoothing", "epsilon", float("nan"), "label_smoothing.epsilon is nan"),
    ],
)
def test_a_hyperparameter_of_another_kind_is_named(family, name, value, message):
    with pytest.raises(ValueError, match=message):
        Settings().tuned(**{family: {name: value}})
    with pytest.raises(ValueError, match=message):
        Settings.from_json(json.dumps({"hyperparameters": {family: {name: value}}}))


@pytest.mark.fault("settings.json holds something else than settings", "it is refused by name")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is .., but must be an object"),
        ("3", "is 3, but must be an object"),
        ('"x"', "is 'x', but must be an object"),
        ("null", "is None, but must be an object"),
        ("", "Expecting value"),
        ('{"size": 32, "size": 48}', "'size' is there twice"),
        ('{"clip": 1.0, "max_grad_norm": 2.0}', "clip and max_grad_norm are one setting"),
        ('{"hyperparameters": []}', "hyperparameters is .., but must be an object of groups"),
        ('{"hyperparameters": {"aslp": 3}}', "aslp is 3, but must be an object of settings"),
        ('{"data": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"data": ' + "[" * 500 + "]" * 500 + "}", "data is .*, but must be text"),
        ('{"size": ' + "9" * 4000 + "}", "size is 999.*, but must be a whole number"),
        ('{"size": ' + "9" * 9000 + "}", "4300 digits"),
        ('{"learning_rate": 1e999}', "learning_rate is inf"),
    ],
)
def test_a_file_of_something_else_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ValueError, match=rf"settings.json cannot be used: .*{message}") as refused:
        Run.open(tmp_path)
    assert len(str(refused.value)) < 1000


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
