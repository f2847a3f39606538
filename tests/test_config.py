"""Settings: the presets, what is refused and how it is named, and what a machine makes of them."""

import json

import pytest
import torch

from aslp_lib.config import PRESETS, Settings
from aslp_lib.runs import Run


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


SOFT = {"soft_masks": True}
AT_IMAGE = {"augment": True, "augment_at": "image", "crop": "centred"}
OF_OBJECTS = {"grey": "threshold", "augment_at": "image", "validate_at": "image", **SOFT}
OF_OBJECTS |= {"min_max_maps": True, "resize_logits": True}


def tuned(family, changes=(), **options):
    return dict(changes) | {"hyperparameters": {family: options}}


def undone(method, **options):
    return tuned(method, {"methods": (method,), "recalibrate": ("auto",)}, **options)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accumulation_steps": 0}, "accumulation_steps is 0; expected an integer of at least 1"),
        ({"max_grad_norm": 0.0}, "max_grad_norm is 0.0; expected a number above 0, or None"),
        ({"size": 10_001}, "size is 10001; expected an integer of at least 1 and at most 10000"),
        ({"validation_share": 1.0}, "share is 1.0; expected a number above 0 and below 1"),
        ({"size": True}, "size is True; expected an integer"),
        ({"seed": 10**30}, "seed is 1000.*; expected an integer"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; expected a number"),
        ({"limit": "3"}, "limit is '3'; expected an integer of at least 1, or None"),
        ({"schedule": "steep"}, "schedule is 'steep'; expected one of constant, cosine, "),
        ({"methods": ("bce", 3)}, "methods is .'bce', 3.; expected a list"),
        ({"network": "huge"}, "network is 'huge'; expected one of tiny"),
        ({"methods": ("bce", "bce")}, "methods is .*; expected each name at most once"),
        ({"methods": ()}, "methods is ..; expected one method or more"),
        ({"augment_at": "image"}, "crop is 'anywhere'; expected 'centred' with augment_at=image"),
        ({"ignore_index": 255, **AT_IMAGE}, "augment_at is 'image'; expected 'network' with igno"),
        ({"ignore_index": 255, **SOFT}, "soft_masks is True; .* with ignore_index"),
        ({"methods": ("corruption_augmentation",), **SOFT}, "soft_masks is True; .* with corrupti"),
        (undone("constant_alpha", alpha=0.5), "dose of constant_alpha is 1.0; expected less than"),
        (undone("label_smoothing", epsilon=1.0), "dose of label_smoothing is 1.0; expected less"),
        ({"classes": ("sky",)}, "classes is .*; expected 2 to 255 different names, or their numb"),
        ({"classes": ("a", "b", "a")}, "classes is .*; expected 2 to 255 different names"),
        ({"classes": ("256",)}, "classes is .'256',.; expected 2 to 255 different names"),
        ({"data": "nuclei3", "classes": ["3"]}, "expected .*'interior'.*those of nuclei3"),
        ({"data": "nuclei", "classes": ["a", "b"]}, r"expected \(\), those of nuclei. Leave th"),
        *(
            ({"classes": ["3"], "data": "x", "crop": "centred", key: value}, f"{key} is .*object")
            for key, value in OF_OBJECTS.items()
        ),
        (tuned("aslp", {"methods": ("aslp_gap",)}, dynamics="release"), "rule is 'aslp_gap'"),
        (tuned("aslp", technique=3), "aslp.technique is 3; expected text"),
        (tuned("aslp", technique="release"), "expected dynamics='release'"),
        (tuned("aslp", beta=3.0), "beta is 3.0"),
        (tuned("label_smoothing", epsilon=float("nan")), "label_smoothing.epsilon is nan"),
        (tuned("focal", gama=2.0), "unknown settings: focal.gama"),
    ],
)
def test_a_setting_that_cannot_be_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        Settings.from_json(json.dumps(changes))


OF_NUCLEI3 = ("background", "interior", "boundary")


@pytest.mark.parametrize(
    ("data", "classes", "names"),
    [
        ("nuclei3", (), OF_NUCLEI3),
        ("nuclei3", OF_NUCLEI3, OF_NUCLEI3),
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
    ("text", "message"),
    [
        ("[]", "is ..; expected an object"),
        ('{"methods": ["bc', "Unterminated string"),
        ('{"colour": 1}', "unknown settings: colour"),
        ('{"hyperparameters": {"magic": {}}}', "unknown settings: magic"),
        ('{"hyperparameters": []}', "hyperparameters is ..; expected an object of groups"),
        ('{"hyperparameters": {"aslp": 3}}', "aslp is 3; expected an object of settings"),
        ('{"size": ' + "9" * 9000 + "}", "4300 digits"),
    ],
)
def test_a_file_of_something_else_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ValueError, match=rf"settings.json \(.*{message}") as refused:
        Run.open(tmp_path)
    assert len(str(refused.value)) < 1000


def test_the_machine_decides_what_auto_means():
    cuda = torch.cuda.is_available()
    native = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    meanings = {"auto": "bf16" if native else "no", "fp16": "fp16" if cuda else "no"}
    for precision, meaning in {**meanings, "bf16": "bf16", "no": "no"}.items():
        assert Settings(precision=precision).mixed_precision == meaning
    assert (Settings(num_workers=None).loading_workers > 0) == cuda
    assert Settings(num_workers=None, device="cpu").loading_workers == 0
    assert Settings(num_workers=3).loading_workers == 3
