"""All settings of a run in one dataclass, and the named presets."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

import torch

from aslp_lib.data.base import DataSets
from aslp_lib.data.folders import TRAIN, paper_layout
from aslp_lib.data.images import Grey
from aslp_lib.data.shapes import embedded
from aslp_lib.methods.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.methods.aslp.perturbation import TECHNIQUES, Technique

Method = Literal["bce", "calibration", "entropy", "gap"]
METHOD_LABELS = {
    "bce": "BCE",
    "calibration": "ASLP (MC)",
    "entropy": "ASLP (ME)",
    "gap": "ASLP (measured gap)",
}
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
    size: int = 48
    """Side of the square images that the network sees, in pixels."""
    epochs: int = 140
    batch_size: int = 10
    learning_rate: float = 2e-3
    encoder_rate: float = 0.1
    """The pretrained encoder's share of the learning rate."""
    schedule: Schedule = "cosine"
    """step: times 0.95 every 10 epochs, as the paper's code documents. release: as that code does,
    times 0.95**(epoch // 10) after every epoch, which compounds."""
    accumulate: int = 1
    """Batches a step: their gradients add up to one of a larger batch. BatchNorm still sees each
    batch alone, and alphas move after each."""
    clip: float | None = None
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
    step: float = 0.005
    """eta: how fast alphas climb. The paper's 0.002 needs more steps than a short run has."""
    weight: float = 200.0
    """lambda: how hard the rule's constraint holds them. The paper's 2000 leaves them no room to
    differ between images."""
    gain: float = 0.15
    """How fast the rule "gap" moves its bound."""
    alpha_warm_up: int = 5
    """Epochs before alphas move."""
    dynamics: Dynamics = "stable"
    expected: bool = False
    """Train on the expected target instead of drawing the switch."""
    seed: int = 0
    data_seed: int = 0
    """Which embedded data set."""
    limit: int | None = None
    """Use only the first so many images of each set."""
    grey: Grey = "refuse"
    """What to do with masks that are not binary."""
    hold: bool = True
    """Keep the resized training and validation images in memory."""
    workers: int | None = 0
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
        for name in ("size", "epochs", "batch_size", "accumulate"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("alpha_warm_up", "seed", "data_seed"):
            _check(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        for name in ("learning_rate", "encoder_rate"):
            _check(name, getattr(self, name), 0 < getattr(self, name) < float("inf"), "positive")
        for name, kind in {"schedule": Schedule, "precision": Precision}.items():
            value, choices = getattr(self, name), get_args(kind)
            _check(name, value, value in choices, f"one of {', '.join(choices)}")
        _check("workers", self.workers, (self.workers or 0) >= 0, "0 or more, or None")
        _check("clip", self.clip, self.clip is None or self.clip > 0, "positive, or None")
        _check("limit", self.limit, self.limit is None or self.limit >= 1, "at least 1, or None")
        _check("methods", self.methods, bool(self.methods), "one method or more")
        for method in self.methods:
            _check("methods", method, method in METHOD_LABELS, f"of {', '.join(METHOD_LABELS)}")
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
        """What `workers` means on this machine."""
        if self.workers is not None:
            return self.workers
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
            step=self.step,
            weight=self.weight,
            gain=self.gain,
            warm_up=self.alpha_warm_up,
            dynamics=self.dynamics,
        )

    def load_data(self) -> DataSets:
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
        """Raises ValueError on a setting that this version does not know."""
        values = json.loads(text)
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        return cls(**{**values, "methods": tuple(values["methods"])})


PAPER = Settings(
    data="Dataset",
    network="resnet50",
    weights="IMAGENET1K_V1",
    size=384,
    epochs=30,
    learning_rate=2.5e-5,
    encoder_rate=1.0,
    schedule="step",
    augment=True,
    crop="centred",
    technique="HI",
    step=0.002,
    weight=2000.0,
    hold=False,  # 6 GB
    workers=None,
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
