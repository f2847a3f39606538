"""Settings: the presets, what is refused and how it is named, and what a machine makes of them."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from aslp_lib.config import IN_MAPS, MAY_CHANGE, PRESETS, Settings
from aslp_lib.prediction.provenance import check_training, made_with
from aslp_lib.runs import MethodFolder, Run


def test_the_paper_s_preset():
    """The numbers of the paper's code, with the figure's beta and the stable step."""
    paper = PRESETS["paper"]
    assert (paper.network, paper.size, paper.batch_size, paper.epochs) == ("resnet50", 384, 10, 30)
    assert (paper.learning_rate, paper.encoder_lr_factor) == (2.5e-5, 1.0)
    aslp = paper.hyperparameters.aslp
    assert (aslp.alpha_step_size, aslp.constraint_weight, aslp.alpha_warm_up) == (0.002, 2000.0, 5)
    assert (aslp.perturbation.beta, aslp.dynamics) == (2, "stable")


@pytest.mark.parametrize("name", PRESETS)
def test_settings_are_kept_whole(name):
    assert Settings.from_json(PRESETS[name].to_json()) == PRESETS[name]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("accumulation_steps", 0, "0; expected at least 1"),
        ("max_grad_norm", 0.0, "0.0; expected a positive number"),
        ("num_workers", -1, "-1; expected 0 or more"),
        ("seed", 10**30, "1000.*; expected an integer"),
        ("learning_rate", float("nan"), "nan; expected a number"),
        ("validation_share", 1.0, "1.0; expected a number between 0 and 1"),
        ("ignore_index", 256, "256; expected a grey level, 0 to 255"),
        ("limit", "3", "'3'; expected an integer, or None"),
        ("classes", "3", "'3'; expected a list"),
        ("classes", ("sky",), ".'sky',.; expected 2 to 255 different names, or their number"),
        ("classes", ("a", "b", "a"), ".*; expected 2 to 255 different names"),
        ("classes", ("256",), ".'256',.; expected 2 to 255 different names"),
        ("size", 10_001, "10001; expected 1 to 10000"),
        ("size", True, "True; expected an integer"),
        ("schedule", "steep", "'steep'; expected one of constant, cosine, "),
        ("augment", "false", "'false'; expected true or false"),
        ("weights", 7, "7; expected text, or None"),
        ("network", "huge", "'huge'; expected one of tiny"),
        ("methods", ("bce", 3), ".'bce', 3.; expected a list"),
        ("methods", ("bce", "bce"), ".*; expected each name at most once"),
        ("methods", ("magic",), "'magic'; expected one of bce"),
        ("methods", (), "..; expected one method or more"),
        ("recalibrate", "temperature_scaling", "'temperature_scaling'; expected a list"),
        ("recalibrate", ("magic",), "'magic'; expected one of temp.*, auto"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name, value, message):
    with pytest.raises(ValueError, match=f"{name} is {message}"):
        replace(Settings(), **{name: value})
    values = json.loads(Settings().to_json()) | {name: value}
    with pytest.raises(ValueError, match=f"{name} is {message}"):
        Settings.from_json(json.dumps(values))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment_at": "image"}, "crop is 'anywhere'; expected 'centred' with augment_at=image"),
        (
            {"ignore_index": 255, "augment": True, "augment_at": "image", "crop": "centred"},
            "augment_at is 'image'; expected 'network' with ignore_index",
        ),
        ({"ignore_index": 255, "soft_masks": True}, "soft_masks is True; .* with ignore_index"),
        (
            {"methods": ("corruption_augmentation",), "soft_masks": True},
            "soft_masks is True; expected False with corruption_augmentation",
        ),
        (
            {"methods": ("aslp_gap",), "hyperparameters": {"aslp": {"dynamics": "release"}}},
            "rule is 'aslp_gap'",
        ),
        *(
            (
                {"methods": (method,), "recalibrate": ("auto",), "hyperparameters": options},
                f"the dose of {method} is 1.0; expected less than 1",
            )
            for method, options in (
                ("constant_alpha", {"constant_alpha": {"alpha": 0.5}}),
                ("label_smoothing", {"label_smoothing": {"epsilon": 1.0}}),
                ("disturb_label", {"disturb_label": {"rate": 1.0}}),
            )
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Settings.from_json(json.dumps(changes))


@pytest.mark.parametrize(
    ("data", "classes", "names"),
    [
        ("nuclei3", (), ("background", "interior", "boundary")),
        ("nuclei3", ("background", "interior", "boundary"), ("background", "interior", "boundary")),
        ("mydata", ("3",), ("0", "1", "2")),
        ("mydata", ("sky", "tree"), ("sky", "tree")),
        ("mydata", (), ()),
        ("nuclei", (), ()),
    ],
)
def test_classes_are_names_or_a_number_or_those_of_the_data(data, classes, names):
    settings = Settings(data=data, classes=classes)
    assert settings.classes == names == Settings.from_json(settings.to_json()).classes


@pytest.mark.fault
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "nuclei3", "classes": ["3"]}, "expected .*'interior'.*those of nuclei3"),
        (
            {"data": "nuclei", "classes": ["a", "b"]},
            r"expected \(\), those of nuclei. Leave them out",
        ),
        *(
            ({"classes": ["3"], "data": "mydata", name: value, "crop": "centred"}, f"{name} is .*")
            for name, value in (
                ("grey", "threshold"),
                ("augment_at", "image"),
                ("soft_masks", True),
                ("validate_at", "image"),
                ("min_max_maps", True),
                ("resize_logits", True),
            )
        ),
    ],
)
def test_what_contradicts_classes_is_refused(changes, message):
    expected = message.replace("is .*", "is .*; expected .* with classes, because it is for an obj")
    with pytest.raises(ValueError, match=expected):
        Settings.from_json(json.dumps(changes))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("family", "options", "message"),
    [
        ("aslp", {"technique": 3}, "aslp.technique is 3; expected text"),
        ("aslp", {"technique": "release"}, "expected dynamics='release'"),
        ("aslp", {"technique": "DM", "beta": 2.0}, "noise is 0.25"),
        ("aslp", {"beta": 3.0}, "beta is 3.0"),
        ("aslp", {"constraint_weight": -1.0}, "constraint_weight is -1.0"),
        ("aslp", {"dynamics": "steady"}, "aslp.dynamics is 'steady'; expected one of "),
        ("aslp", {"alpha_warm_up": 1.5}, "aslp.alpha_warm_up is 1.5; expected an integer"),
        ("label_smoothing", {"epsilon": float("nan")}, "label_smoothing.epsilon is nan"),
        ("focal", {"gama": 2.0}, "unknown settings: focal.gama"),
    ],
)
def test_a_hyperparameter_that_cannot_be_is_named(family, options, message):
    with pytest.raises(ValueError, match=message):
        Settings().tuned(**{family: options})
    with pytest.raises(ValueError, match=message):
        Settings.from_json(json.dumps({"hyperparameters": {family: options}}))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is ..; expected an object"),
        ('{"methods": ["bc', "Unterminated string"),
        ('{"colour": 1}', "unknown settings: colour"),
        ('{"size": 32, "size": 48}', "repeated key: 'size'"),
        ('{"hyperparameters": {"magic": {}}}', "unknown settings: magic"),
        ('{"hyperparameters": []}', "hyperparameters is ..; expected an object of groups"),
        ('{"hyperparameters": {"aslp": 3}}', "aslp is 3; expected an object of settings"),
        ('{"data": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"data": ' + "[" * 500 + "]" * 500 + "}", "data is .*; expected text"),
        ('{"size": ' + "9" * 9000 + "}", "4300 digits"),
        ('{"learning_rate": 1e999}', "learning_rate is inf"),
    ],
)
def test_a_file_of_something_else_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ValueError, match=rf"settings.json \(.*{message}") as refused:
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


@pytest.mark.parametrize(
    ("metadata", "binds", "recorded"),
    [({}, True, False), (MAY_CHANGE, False, False), (IN_MAPS, False, True)],
)
def test_the_metadata_of_a_new_setting_says_whether_it_may_change(metadata, binds, recorded):
    @dataclass(frozen=True)
    class Extended(Settings):
        threads: int = field(default=1, metadata=metadata)

    old, new = Extended(), Extended(threads=2)
    made = made_with(new, MethodFolder(Path("bce")), "weights", None, "images")
    assert (made.get("threads") == 2) == recorded
    arguments = "bce", Path("weights"), {"settings": old.to_json()}
    check_training(old, *arguments)
    if binds:
        with pytest.raises(ValueError, match="whose threads is 1; expected 2"):
            check_training(new, *arguments)
    else:
        check_training(new, *arguments)
