"""All settings of a run in one dataclass, and the named presets."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

import torch

from aslp_lib.data.base import DataSplits
from aslp_lib.data.folders import TRAIN, paper_layout
from aslp_lib.data.images import Grey
from aslp_lib.data.shapes import embedded
from aslp_lib.methods.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.methods.aslp.perturbation import TECHNIQUES, Technique
from aslp_lib.recalibration import RECALIBRATIONS

Method = Literal["bce", "calibration", "entropy", "measured_gap"]
METHOD_LABELS = {
    "bce": "BCE",
    "calibration": "ASLP (MC)",
    "entropy": "ASLP (ME)",
    "measured_gap": "ASLP (measured gap)",
}
RENAMED = {
    "encoder_rate": "encoder_lr_factor",
    "accumulate": "accumulation_steps",
    "clip": "max_grad_norm",
    "step": "alpha_step_size",
    "weight": "constraint_weight",
    "gain": "bound_gain",
    "expected": "use_expected_targets",
    "hold": "cache_images",
    "workers": "num_workers",
}
"""Settings of version 0.1, and what they are called since."""
RENAMED_METHODS = {"gap": "measured_gap"}
EMBEDDED = "embedded"
Schedule = Literal["constant", "cosine", "one_cycle", "step", "release"]
Precision = Literal["no", "bf16", "fp16", "auto"]


def _check(name: str, value: object, good: bool, expected: str) -> None:
    if not good:
        raise ValueError(f"{name} is {value!r}, but must be {expected}")


@dataclass(frozen=True)
class Settings:
    """What a run trains, on what, and how."""

    data: str = EMBEDDED
    """The paper's folders (a path), or "embedded"."""
    network: Literal["tiny", "mobilenet_v2", "resnet50"] = "tiny"
    weights: str | None = None
    """torchvision's name of the encoder's pretrained weights; None: random ones."""
    methods: tuple[Method, ...] = ("bce", "calibration")
    """What to train, one after another: plain BCE, and ASLP by the rule of that name."""
    recalibrate: tuple[str, ...] = ()
    """What to fit on the validation set after each training: names of
    `aslp_lib.recalibration.RECALIBRATIONS`. Each has maps and scores of its own, "BCE +
    temperature", beside those of the method as it was trained."""
    size: int = 48
    """Side of the square images that the network sees, in pixels."""
    epochs: int = 140
    batch_size: int = 10
    learning_rate: float = 2e-3
    encoder_lr_factor: float = 0.1
    """The pretrained encoder's share of the learning rate."""
    schedule: Schedule = "cosine"
    """step: times 0.95 every 10 epochs, as the paper's code documents. release: as that code does,
    times 0.95**(epoch // 10) after every epoch, which compounds."""
    accumulation_steps: int = 1
    """Batches a step: their gradients add up to one of a larger batch. BatchNorm still sees each
    batch alone, and alphas move after each."""
    max_grad_norm: float | None = None
    """Largest norm of a step's gradient; None: any."""
    augment: bool = False
    """Random flip, crop, and rotation by up to 15 degrees."""
    crop: Literal["anywhere", "centred"] = "anywhere"
    """Of size 384, augmentation keeps a square of 324 or more anywhere; or as the release, the
    middle, without up to 30 pixels of its height and of its width. Other sizes in proportion."""
    technique: str = "M"
    """How labels are perturbed: HI, SI, M, DM, or release (with --dynamics release)."""
    beta: float | None = None
    """A strength in [0, 2] instead of the technique's own."""
    alpha_step_size: float = 0.005
    """eta: how fast alphas climb. The paper's 0.002 needs more steps than a short run has."""
    constraint_weight: float = 200.0
    """lambda: how hard the rule's constraint holds them. The paper's 2000 leaves them no room to
    differ between images."""
    bound_gain: float = 0.15
    """How fast the rule "measured_gap" moves its bound."""
    alpha_warm_up: int = 5
    """Epochs before alphas move."""
    dynamics: Dynamics = "stable"
    use_expected_targets: bool = False
    """Train on the expected target instead of drawing the switch."""
    seed: int = 0
    data_seed: int = 0
    """Which embedded data set."""
    limit: int | None = None
    """Use only the first so many images of each set."""
    grey: Grey = "refuse"
    """What to do with masks that are not binary."""
    cache_images: bool = True
    """Keep the resized training and validation images in memory."""
    num_workers: int | None = 0
    """Processes that load images; 0 loads in the main process; None: on CUDA one a processor, up
    to 12, and none on a CPU."""
    device: Literal["auto", "cpu"] = "auto"
    precision: Precision = "no"
    """Mixed precision. fp16 needs CUDA: elsewhere it is as no. auto: bf16 where a CUDA device
    computes in it, else no."""
    compile: bool = False
    """Compile the network with torch.compile; needs a C++ compiler."""
    min_max_maps: bool = False
    """Stretch each predicted map to the full range, as the release did. It changes every
    confidence: only to compare with numbers made that way."""

    def __post_init__(self) -> None:
        for name in ("size", "epochs", "batch_size", "accumulation_steps"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("alpha_warm_up", "seed", "data_seed"):
            _check(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        for name in ("learning_rate", "encoder_lr_factor"):
            _check(name, getattr(self, name), 0 < getattr(self, name) < float("inf"), "positive")
        for name, kind in {"schedule": Schedule, "precision": Precision}.items():
            value, choices = getattr(self, name), get_args(kind)
            _check(name, value, value in choices, f"one of {', '.join(choices)}")
        _check("num_workers", self.num_workers, (self.num_workers or 0) >= 0, "0 or more, or None")
        norm = self.max_grad_norm
        _check("max_grad_norm", norm, norm is None or norm > 0, "positive, or None")
        _check("limit", self.limit, self.limit is None or self.limit >= 1, "at least 1, or None")
        _check("methods", self.methods, bool(self.methods), "one method or more")
        for method in self.methods:
            _check("methods", method, method in METHOD_LABELS, f"of {', '.join(METHOD_LABELS)}")
        for name in self.recalibrate:
            _check("recalibrate", name, name in RECALIBRATIONS, f"of {', '.join(RECALIBRATIONS)}")
        if self.technique not in TECHNIQUES:
            raise ValueError(
                f"technique is {self.technique!r}, but must be one of {', '.join(TECHNIQUES)}"
            )
        for method in self.methods:  # so that a bad value stops a run before it trains
            self.adaptive_alpha(1, method)

    @property
    def perturbation(self) -> Technique:
        """The technique, with `beta` in the place of its own where one is given."""
        technique = TECHNIQUES[self.technique]
        if self.beta is None:
            return technique
        return Technique(f"{technique.name}, beta = {self.beta:g}", self.beta, technique.noise)

    @property
    def mixed_precision(self) -> Literal["no", "bf16", "fp16"]:
        """What `precision` means on this machine."""
        cuda = self._on_cuda
        if self.precision == "auto":
            native = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
            return "bf16" if native else "no"
        return "no" if self.precision == "fp16" and not cuda else self.precision

    @property
    def loading_workers(self) -> int:
        """What `num_workers` means on this machine."""
        if self.num_workers is not None:
            return self.num_workers
        here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes that share the processors
        return max(1, min(12, (os.cpu_count() or 1) // here)) if self._on_cuda else 0

    @property
    def _on_cuda(self) -> bool:
        return self.device != "cpu" and torch.cuda.is_available()

    def adaptive_alpha(self, images: int, method: Method) -> AdaptiveAlpha | None:
        """The perturbation levels of a training set under `method`; None for plain BCE."""
        if method == "bce":
            return None
        return AdaptiveAlpha(
            images,
            self.perturbation,
            method,
            alpha_step_size=self.alpha_step_size,
            constraint_weight=self.constraint_weight,
            bound_gain=self.bound_gain,
            warm_up=self.alpha_warm_up,
            dynamics=self.dynamics,
        )

    def load_data(self) -> DataSplits:
        """The data sets that these settings name."""
        augment = None
        if self.augment:
            from aslp_lib.data.augmentation import augmentation  # torchvision

            cut = 30 if self.crop == "centred" else 60
            augment = augmentation(
                self.size,
                crop=round(self.size * cut / 384),
                degrees=15,
                centred=self.crop == "centred",
            )
        common = {"augment": augment, "seed": self.seed, "limit": self.limit}
        if self.data == EMBEDDED:
            return embedded(self.size, data_seed=self.data_seed, **common)
        return paper_layout(Path(self.data), self.size, grey=self.grey, **common)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Raises ValueError on a setting that this version does not know; 0.1's have new names."""
        values = {RENAMED.get(name, name): value for name, value in json.loads(text).items()}
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        values["methods"] = tuple(RENAMED_METHODS.get(m, m) for m in values["methods"])
        return cls(**values | {"recalibrate": tuple(values.get("recalibrate", ()))})


PAPER = Settings(
    data="Dataset",
    network="resnet50",
    weights="IMAGENET1K_V1",
    size=384,
    epochs=30,
    learning_rate=2.5e-5,
    encoder_lr_factor=1.0,
    schedule="step",
    augment=True,
    crop="centred",
    technique="HI",
    alpha_step_size=0.002,
    constraint_weight=2000.0,
    cache_images=False,  # 6 GB
    num_workers=None,
    precision="auto",
)

PRESETS = {
    "demo": Settings(),
    "small": Settings(
        data="Dataset",
        network="mobilenet_v2",
        weights="IMAGENET1K_V1",
        size=128,
        epochs=10,
        learning_rate=1e-3,
        technique="HI",
        alpha_warm_up=2,
        schedule="one_cycle",
        augment=True,
    ),
    "paper": PAPER,
    "release": replace(
        PAPER,
        methods=("calibration",),
        technique="release",
        dynamics="release",
        schedule="release",
        min_max_maps=True,
    ),
}
"""demo: the embedded data set, about a minute a model on 2 CPU cores. small: the paper's folders
with a small network and small images, minutes on a CPU. paper: the paper's network, images and
training, for a GPU. release: the same with what the authors' code does differently, one setting
each, to compare."""


def default_preset() -> str:
    """ "small" where `Dataset/` holds the paper's training set, else "demo".

    Never "paper", not even on a GPU: what nobody asked for should take minutes, not hours.
    """
    return "small" if (Path("Dataset") / TRAIN / "Image").is_dir() else "demo"
