"""All settings of a run in one dataclass, and the named presets."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import torch
import tyro.conf

from aslp_lib.checks import check_types, json_object, require
from aslp_lib.data.base import DataSplits, SizeOf
from aslp_lib.data.datasets import load
from aslp_lib.data.folders import TRAIN
from aslp_lib.data.images import MAX_PIXELS, Grey
from aslp_lib.methods import FAMILIES, METHODS, Hyperparameters, Method
from aslp_lib.networks import NETWORKS
from aslp_lib.recalibration import RECALIBRATIONS

if TYPE_CHECKING:
    MethodName = str
    NetworkName = str
    RecalibrationName = str
else:
    MethodName = Literal[tuple(METHODS)]
    NetworkName = Literal[tuple(NETWORKS)]
    RecalibrationName = Literal[tuple(RECALIBRATIONS)]

EMBEDDED = "embedded"
LARGEST_SIZE = math.isqrt(MAX_PIXELS)
"""Of the square images that the network sees: as large as those that are read."""
REGISTRIES: dict[str, Mapping[str, object]] = {
    "network": NETWORKS,
    "methods": METHODS,
    "recalibrate": RECALIBRATIONS,
}
"""Settings that are names, looked up when they are used: more may be registered by then."""
SMALLEST = math.ulp(0.0)
BOUNDS: dict[str, tuple[float, str]] = {
    **dict.fromkeys(("epochs", "batch_size", "accumulation_steps"), (1, "at least 1")),
    **dict.fromkeys(("seed", "data_seed"), (0, "0 or more")),
    **dict.fromkeys(("learning_rate", "encoder_lr_factor"), (SMALLEST, "positive")),
    "max_grad_norm": (SMALLEST, "positive, or None"),
    "num_workers": (0, "0 or more, or None"),
    "limit": (1, "at least 1, or None"),
}
"""What a setting must at least be, and that in words."""
Schedule = Literal["constant", "cosine", "one_cycle", "step", "release"]
Precision = Literal["no", "bf16", "fp16", "auto"]


@dataclass(frozen=True)
class Settings:
    """What a run trains, on what, and how."""

    data: str = EMBEDDED
    """The paper's folders (a path), or a name of `aslp_lib.data.datasets.DATASETS`: "embedded"."""
    network: NetworkName = "tiny"
    weights: str | None = None
    """torchvision's name of the encoder's pretrained weights; None: random ones."""
    methods: tuple[MethodName, ...] = ("bce", "calibration")
    """What to train, one after another: names of `aslp_lib.methods.METHODS`."""
    recalibrate: tuple[RecalibrationName, ...] = ()
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
    """Of size 384, augmentation keeps a square of 324 or more anywhere; or the middle, without up
    to 30 pixels of its height and of its width. Other sizes in proportion."""
    augment_at: SizeOf = "network"
    """image: augment images at their own size, before they are resized, as the release: it cuts up
    to 30 pixels whatever the size, and rotates bicubically by whole degrees. Needs the centred
    crop."""
    soft_masks: bool = False
    """Do not cut masks at 128, as the release does not: labels are grey where masks are, and where
    resizing blurs their edges (else they take the nearest pixel). Validated at an image's own size,
    a grey pixel counts as wrong."""
    validate_at: SizeOf = "network"
    """What the rules and the log measure after each epoch: probabilities at the network's size; or
    as the release, 8-bit maps at each image's own, so that large images weigh more."""
    seed: int = 0
    data_seed: int = 0
    """Which embedded data set."""
    limit: int | None = None
    """Use only the first so many images of each set."""
    grey: Grey = "refuse"
    """What to do with masks that are not binary."""
    cache_images: bool = True
    """Keep the training and validation images in memory, as they are before augmentation."""
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
    resize_logits: bool = False
    """Resize logits to an image's own size instead of probabilities, as the release did."""
    hyperparameters: Annotated[Hyperparameters, tyro.conf.arg(name="")] = field(
        default_factory=Hyperparameters
    )
    """Hyperparameters of the methods, one group per family."""

    def __post_init__(self) -> None:
        check_types(Settings, _without_names(vars(self)))
        for family, options in vars(self.hyperparameters).items():
            check_types(FAMILIES[family], vars(options), f"{family}.")
        for name, (least, expected) in BOUNDS.items():
            value = getattr(self, name)
            require(name, value, value is None or value >= least, f"be {expected}")
        require("size", self.size, 1 <= self.size <= LARGEST_SIZE, f"be 1 to {LARGEST_SIZE}")
        as_release = self.augment_at == "network" or self.crop == "centred"
        require("crop", self.crop, as_release, "be centred with augment_at=image")
        for name, registry in REGISTRIES.items():
            names = getattr(self, name)
            require(name, names, name == "network" or isinstance(names, tuple), "be a list")
            names = (names,) if name == "network" else names
            for each in names:
                known = isinstance(each, str) and each in registry
                require(name, each, known, f"be of {', '.join(registry)}")
            unique = len(set(names)) == len(names)
            require(name, names, unique, "be a list of each at most once")
        require("methods", self.methods, bool(self.methods), "be one method or more")
        for name in self.methods:
            method = self.method(name, images=1)  # so that a bad value stops a run before it trains
            good = not (self.soft_masks and method.hard_masks)
            expected = f"be off for {name}, which needs masks of 0 and 1"
            require("soft_masks", self.soft_masks, good, expected)

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

    def method(self, name: str, images: int) -> Method:
        """A method with its hyperparameters, for a training set of so many images."""
        chosen = METHODS[name]
        options = getattr(self.hyperparameters, chosen.family, None) or chosen.Options()
        return chosen(images, options)

    def tuned(self, **changes: Mapping[str, object]) -> Settings:
        """With other hyperparameters: `tuned(aslp={"technique": "HI"}, focal={"gamma": 3.0})`."""
        groups = {}
        for family, values in changes.items():
            options = getattr(self.hyperparameters, family)
            check_types(type(options), values, f"{family}.")
            groups[family] = replace(options, **values)
        return replace(self, hyperparameters=replace(self.hyperparameters, **groups))

    def load_data(self) -> DataSplits:
        """The data sets that these settings name."""
        augment = None
        if self.augment:
            from aslp_lib.data import augmentation  # torchvision

            if self.augment_at == "network":
                centred = self.crop == "centred"
                cut = round(self.size * (30 if centred else 60) / 384)
                augment = augmentation.augmentation(self.size, cut, 15, centred=centred)
            else:
                augment = augmentation.release_augmentation(self.size)
        shared = ("seed", "data_seed", "limit", "grey", "augment_at", "soft_masks")
        options = {name: getattr(self, name) for name in shared}
        return load(self.data, self.size, augment=augment, **options)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Settings as `to_json` wrote them; what is missing has its default.

        Raises:
            ValueError: a setting that this version does not know, or that cannot be so; names it.
        """
        values = json_object(text)
        groups = values.pop("hyperparameters", {})
        require("hyperparameters", groups, isinstance(groups, dict), "be an object of groups")
        if unknown := groups.keys() - FAMILIES.keys():
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        for family, own in groups.items():
            require(family, own, isinstance(own, dict), "be an object of settings")
            check_types(FAMILIES[family], own, f"{family}.")
            groups[family] = FAMILIES[family](**own)
        for name in ("methods", "recalibrate"):  # JSON has lists alone
            if isinstance(values.get(name), list):
                values[name] = tuple(values[name])
        check_types(cls, _without_names(values))
        return cls(**values, hyperparameters=Hyperparameters(**groups))


def _without_names(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in REGISTRIES}


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
    cache_images=False,  # 6 GB
    num_workers=None,
    precision="auto",
).tuned(aslp={"technique": "HI", "alpha_step_size": 0.002, "constraint_weight": 2000.0})

PRESETS = {
    "demo": Settings(),
    "small": Settings(
        data="Dataset",
        network="mobilenet_v2",
        weights="IMAGENET1K_V1",
        size=128,
        epochs=10,
        learning_rate=1e-3,
        schedule="one_cycle",
        augment=True,
    ).tuned(aslp={"technique": "HI", "alpha_warm_up": 2}),
    "paper": PAPER,
    "release": replace(
        PAPER,
        methods=("calibration",),
        schedule="release",
        augment_at="image",
        soft_masks=True,
        validate_at="image",
        precision="no",
        min_max_maps=True,
        resize_logits=True,
    ).tuned(aslp={"technique": "release", "dynamics": "release"}),
}
"""demo: the embedded data set, about a minute a model on 2 CPU cores. small: the paper's folders
with a small network and small images, minutes on a CPU. paper: the paper's network, images and
training, for a GPU. release: the same with what the authors' code computes otherwise, to compare;
docs/paper.md says what it does not take over."""


def default_preset() -> str:
    """ "small" where `Dataset/` holds the paper's training set, else "demo".

    Never "paper", not even on a GPU: what nobody asked for should take minutes, not hours.
    """
    return "small" if (Path("Dataset") / TRAIN / "Image").is_dir() else "demo"
