"""The settings of a run as one dataclass, and the named presets."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro.conf

from aslp_lib.checks import check_names, check_types, json_object, require, require_name
from aslp_lib.data.datasets import CLASS_NAMES, DATASETS
from aslp_lib.data.folders import VALIDATION_SHARE, paper_layout
from aslp_lib.data.image_set import DataSplits, SizeOf
from aslp_lib.files import require_exists
from aslp_lib.maps.classes import class_names
from aslp_lib.maps.read import MAX_PIXELS, Grey
from aslp_lib.methods import FAMILIES, METHODS, Hyperparameters, Method
from aslp_lib.networks import NETWORKS
from aslp_lib.ranges import NonNegativeInt, PositiveFloat, PositiveInt, Range
from aslp_lib.recalibration import CLASS_RECALIBRATIONS, RECALIBRATIONS, Recalibration

SHAPES = "shapes"
LARGEST_SIZE = math.isqrt(MAX_PIXELS)
"""Largest side of the network's square input: no image file may have more pixels than that."""
AUTO = "auto"
"""Name of the recalibration that suits each training method, see `Settings.recalibrations`."""
RECALIBRATION_NAMES = tuple(dict.fromkeys((*RECALIBRATIONS, *CLASS_RECALIBRATIONS)))
"""Names of all recalibrations, for two classes and for more."""
IN_MAPS = ("size", "precision", "min_max_maps", "resize_logits")
"""Settings that affect maps, which record them."""
OF_FOLDERS = ("validation_share", "grey", "ignore_index", "soft_masks", "classes")
"""Settings that apply to folders of images only."""
BINARY_ONLY = ("grey", "augment_at", "soft_masks", "validate_at", "min_max_maps", "resize_logits")
"""Settings that keep their defaults if there are classes."""
Schedule = Literal["constant", "cosine", "one_cycle", "step", "release"]
Precision = Literal["no", "bf16", "fp16", "auto"]


def one_of(names: Iterable[str]) -> Any:
    """Return the mark of a flag whose value is one of the names, for its help."""
    return tyro.conf.arg(metavar=" | ".join(names))


@dataclass(frozen=True)
class Settings:
    """Settings of a run: the data, the network, the training methods and how they are trained.

    >>> settings = Settings(epochs=20, methods=("bce",))
    >>> settings.epochs, settings.network
    (20, 'tiny')
    >>> Settings.from_json(settings.to_json()) == settings
    True
    """

    # These docstrings are the command line's help texts. tyro keeps their line breaks, so that a
    # line should hold whole sentences.
    data: str = SHAPES
    """Folder with Train/NAME/{Image,GT} and Test/NAME/{Image,GT} (see docs/own_folders.md), or the
    name of an embedded data set, shapes, nuclei or nuclei3."""
    classes: tuple[str, ...] = ()
    """Names of the classes of the masks, or their number, as in --classes 3. Masks then hold the
    class of each pixel: 0, 1, 2 and so on. None: masks show an object and its background."""
    network: Annotated[str, one_of(NETWORKS)] = "tiny"
    """Architecture of the network."""
    weights: str | None = None
    """torchvision's name of pretrained encoder weights. None: random initialisation."""
    methods: Annotated[tuple[str, ...], one_of(METHODS)] = ("bce", "aslp_mc")
    """Training methods, trained one after another."""
    recalibrate: Annotated[tuple[str, ...], one_of((AUTO, *RECALIBRATION_NAMES))] = ()
    """Recalibration methods, fitted on the validation set after each training run.
    Each one adds maps and scores of its own, such as "BCE + temperature scaling".
    auto: unperturb after training on perturbed labels, else temperature_scaling.
    It is the default of the command run.
    flip: averages the predictions of an image and its mirror image, which takes twice as long."""
    size: Annotated[int, Range(at_least=1, at_most=LARGEST_SIZE)] = 48
    """Side of the network's square input, in pixels."""
    epochs: PositiveInt = 140
    """Number of passes over the training set."""
    batch_size: PositiveInt = 10
    """Number of images in a batch."""
    learning_rate: PositiveFloat = 2e-3
    """Largest learning rate of Adam; the schedule scales it."""
    encoder_lr_factor: PositiveFloat = 0.1
    """Factor on the learning rate for the parameters of the encoder."""
    schedule: Schedule = "cosine"
    """Learning rate schedule.
    step: multiply by 0.95 every 10 epochs, as the authors' code documents.
    release: multiply by 0.95**(epoch // 10) after every epoch, as the authors' code does;
    the factors compound."""
    accumulation_steps: PositiveInt = 1
    """Number of batches whose gradients are accumulated for one optimiser step.
    BatchNorm still normalises each batch alone, and alphas are updated after each batch."""
    max_grad_norm: PositiveFloat | None = None
    """Clip the gradient to this norm before each step. None: do not clip."""
    augment: bool = False
    """Augment training images by a random flip, crop and rotation by up to 15 degrees."""
    crop: Literal["anywhere", "centred"] = "anywhere"
    """Crop of the augmentation, for an input of size 384; other sizes in proportion.
    anywhere: keep a square of side 324 or more, at a random position.
    centred: cut up to 30 pixels off the height and off the width, evenly on both sides."""
    augment_at: SizeOf = "network"
    """Size at which training images are augmented.
    network: after resizing them to the network's input.
    image: before, as the authors' code does; it cuts up to 30 pixels whatever the size,
    and rotates bicubically by whole degrees. Requires crop=centred."""
    soft_masks: bool = False
    """Train on the grey levels of masks, as the authors' code does, instead of thresholding at 128.
    Masks are then resized bilinearly instead of to the nearest pixel.
    With validate_at=image, a pixel whose mask is grey counts as wrong."""
    validate_at: SizeOf = "network"
    """Size at which accuracy and confidence are measured after each epoch.
    network: from probabilities at the size of the network's input.
    image: from 8-bit maps at each image's own size, as the authors' code does.
    Large images then weigh more."""
    seed: NonNegativeInt = 0
    """Seed of the initial weights, the order of the images, the switches and the augmentation."""
    data_seed: NonNegativeInt = 0
    """Seed of the images of shapes, or of the split of nuclei and nuclei3 into training and
    validation."""
    validation_share: Annotated[float, Range(above=0, below=1)] = VALIDATION_SHARE
    """Share of a folder's training images that are held out for validation if no lists name them.
    Default: the share of the authors."""
    limit: PositiveInt | None = None
    """Use only this many images of each set, the first ones. None: use all."""
    grey: Grey = "refuse"
    """What to do with non-binary masks: refuse them with an error, or threshold them at 128."""
    ignore_index: Annotated[int, Range(at_least=0, at_most=255)] | None = None
    """Grey level of masks, or index of a palette, whose pixels are ignored: trained and counted
    nowhere. None: there are none."""
    cache_images: bool = True
    """Keep the training and validation images in memory, before augmentation."""
    num_workers: NonNegativeInt | None = 0
    """Number of processes that load images; 0 loads them in the main process.
    None: one per CPU, up to 12, if the device is a GPU; else 0."""
    device: Literal["auto", "cpu"] = "auto"
    """Device to train on. auto: a GPU if there is one, else the CPU."""
    precision: Precision = "no"
    """Mixed precision. no: float32 throughout. fp16: on CUDA only; elsewhere the same as no.
    auto: bf16 if a CUDA device supports it, else no."""
    compile: bool = False
    """Compile the network with torch.compile, which requires a C++ compiler."""
    min_max_maps: bool = False
    """Stretch each predicted map to the full range of grey levels, as the authors' code does.
    This changes every confidence; use it only to compare with numbers made that way."""
    resize_logits: bool = False
    """Resize logits, not probabilities, to each image's own size, as the authors' code does."""
    hyperparameters: Annotated[Hyperparameters, tyro.conf.arg(name="")] = field(
        default_factory=Hyperparameters
    )
    """Hyperparameters of the training methods, in one group per family of methods."""

    def __post_init__(self) -> None:
        check_types(type(self), vars(self))
        require_name("network", self.network, NETWORKS)
        object.__setattr__(self, "classes", self._class_names())  # as the dataclass is frozen
        known = METHODS
        if self.classes:
            known = {name: method for name, method in METHODS.items() if method.multiclass}
        self._check_names("methods", known)
        self._check_names("recalibrate", {**self.known_recalibrations, AUTO: AUTO})
        require("methods", self.methods, bool(self.methods), "one method or more")
        at_image = self.augment_at == "image"
        centred = self.crop == "centred"
        require("crop", self.crop, centred or not at_image, "'centred' with augment_at=image")
        if self.ignore_index is not None:
            require("soft_masks", True, not self.soft_masks, "False with ignore_index")
            expected = "'network' with ignore_index, because the other interpolates masks"
            require("augment_at", self.augment_at, not (self.augment and at_image), expected)
        for name in self.methods:
            method = self.method(name, images=1)  # A bad hyperparameter stops the run here.
            hard = self.soft_masks and method.hard_masks
            require("soft_masks", True, not hard, f"False with {name}")
            if "unperturb" in self.recalibrations(name):
                dose, expected = method.dose.max().item(), "less than 1, as unperturb needs"
                require(f"the dose of {name}", dose, dose < 1, f"{expected}. Perturb less")

    def _check_names(self, setting: str, known: Mapping[str, object]) -> None:
        """Raise ValueError unless the names of a setting are known and differ."""
        names = getattr(self, setting)
        noun = f"{setting} with classes" if self.classes else setting
        for name in names:
            require_name(noun, name, known)
        require(setting, names, len(set(names)) == len(names), "each name at most once")

    def _class_names(self) -> tuple[str, ...]:
        """Return the names of the classes, which an embedded data set determines.

        Raises:
            ValueError: they contradict the data set, or a setting is for two classes.
        """
        names = class_names(self.classes)
        if self.data in DATASETS:
            embedded = CLASS_NAMES.get(self.data, ())
            expected = f"{embedded}, those of {self.data}. Leave them out, or choose other data"
            require("classes", names, names in ((), embedded), expected)
            names = embedded
        for name in BINARY_ONLY if names else ():
            value, default = getattr(self, name), type(self).__dataclass_fields__[name].default
            expected = f"{default!r} with classes, because it is for an object and its background"
            require(name, value, value == default, expected)
        return names

    @property
    def known_recalibrations(self) -> Mapping[str, type[Recalibration]]:
        """The recalibrations by name, of two classes or of more."""
        return CLASS_RECALIBRATIONS if self.classes else RECALIBRATIONS

    @property
    def channels(self) -> int:
        """Number of channels of the network's logits: one for each class, or one for an object."""
        return len(self.classes) or 1

    @property
    def mixed_precision(self) -> Literal["no", "bf16", "fp16"]:
        """The precision that `precision` selects on this machine."""
        if self.precision == "auto":
            native = self._on_cuda and torch.cuda.is_bf16_supported(including_emulation=False)
            return "bf16" if native else "no"
        return "no" if self.precision == "fp16" and not self._on_cuda else self.precision

    @property
    def loading_workers(self) -> int:
        """The number of loading processes that `num_workers` selects on this machine."""
        if self.num_workers is not None:
            return self.num_workers
        sharing = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes on these processors
        return max(1, min(12, (os.cpu_count() or 1) // sharing)) if self._on_cuda else 0

    @property
    def _on_cuda(self) -> bool:
        return self.device != "cpu" and torch.cuda.is_available()

    def method(self, name: str, images: int) -> Method:
        """Build a training method with these hyperparameters.

        Args:
            name: a key of `aslp_lib.methods.METHODS`.
            images: number of training images.
        """
        kind = METHODS[name]
        options = getattr(self.hyperparameters, kind.family, None) or kind.Options()
        return kind(images, options, self.channels)

    def recalibrations(self, method: str) -> tuple[str, ...]:
        """Return the recalibrations of a training method, with that which "auto" stands for.

        >>> settings = Settings(recalibrate=("auto", "isotonic"))
        >>> settings.recalibrations("bce"), settings.recalibrations("label_smoothing")
        (('temperature_scaling', 'isotonic'), ('unperturb', 'isotonic'))
        """
        suited = "unperturb" if self.method(method, images=1).perturbs else "temperature_scaling"
        return tuple(dict.fromkeys(suited if k == AUTO else k for k in self.recalibrate))

    def tuned(self, /, **changes: Mapping[str, object]) -> Settings:
        """Return a copy with other hyperparameters, given as one dict per family of methods.

        >>> Settings().tuned(focal={"gamma": 3.0}).hyperparameters.focal.gamma
        3.0
        """
        groups = {}
        check_names(changes, FAMILIES, "")
        for family, values in changes.items():
            require(family, values, isinstance(values, Mapping), "an object of settings")
            check_types(FAMILIES[family], values, f"{family}.")
            groups[family] = replace(getattr(self.hyperparameters, family), **values)
        return replace(self, hyperparameters=replace(self.hyperparameters, **groups))

    def load_data(self) -> DataSplits:
        """Load the training, validation and test sets that these settings select.

        The embedded data sets have splits, classes and masks of their own, and images of the
        network's size, so the settings in `OF_FOLDERS` do not apply to them.

        Raises:
            FileNotFoundError: `data` is neither a name nor a folder in the paper's layout.
            ValueError: a file or list of the folder cannot be used.

        >>> data = Settings(limit=4).load_data()
        >>> len(data.train), len(data.validation), sorted(data.tests)
        (4, 4, ['shifted', 'test', 'textures'])
        """
        augment = None
        if self.augment:
            from aslp_lib.data import augmentation  # here, as importing torchvision takes long

            if self.augment_at == "network":
                centred = self.crop == "centred"
                cut = round(self.size * (30 if centred else 60) / 384)
                augment = augmentation.augmentation(self.size, cut, centred=centred)
            else:
                augment = augmentation.release_augmentation(self.size)
        expected = f"one, or a data set's name ({', '.join(DATASETS)}). See docs/own_folders.md."
        if self.data in DATASETS:
            data = DATASETS[self.data](self.size, data_seed=self.data_seed, limit=self.limit)
        else:
            require_exists("folder", Path(self.data), expected)
            options = {name: getattr(self, name) for name in OF_FOLDERS}
            options["own_size"] = self.augment and self.augment_at == "image"
            data = paper_layout(Path(self.data), self.size, limit=self.limit, **options)
        data.train.augment, data.train.seed = augment, self.seed
        return data

    def to_json(self) -> str:
        """Return all settings as a JSON object."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Read settings that `to_json` wrote; missing settings take their defaults.

        Raises:
            ValueError: a setting is unknown or has an invalid value; the message names it.
        """
        values = json_object(text)
        groups = values.pop("hyperparameters", {})
        require("hyperparameters", groups, isinstance(groups, dict), "an object of groups")
        check_names(values, cls.__dataclass_fields__, "")
        # JSON has no tuples.
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**values).tuned(**groups)


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
    cache_images=False,  # they would take 6 GB
    num_workers=None,
    precision="auto",
).tuned(aslp={"technique": "HI", "alpha_step_size": 0.002, "constraint_weight": 2000.0})

PRESETS = {
    "demo": Settings(),
    "nuclei": Settings(data="nuclei", size=64),
    "nuclei_augmented": Settings(data="nuclei", size=64, augment=True),
    "nuclei3": Settings(data="nuclei3", size=64),
    "small": Settings(
        data="Dataset",
        network="mobilenet_v2",
        weights="IMAGENET1K_V1",
        size=128,
        epochs=10,
        learning_rate=1e-3,
        schedule="one_cycle",
        augment=True,
    ).tuned(aslp={"alpha_warm_up": 2}),
    "paper": PAPER,
    "release": replace(
        PAPER,
        methods=("aslp_mc",),
        schedule="release",
        augment_at="image",
        soft_masks=True,
        validate_at="image",
        precision="no",
        min_max_maps=True,
        resize_logits=True,
    ).tuned(aslp={"technique": "release", "dynamics": "release"}),
}
"""Named settings.

- `demo`: the synthetic data set shapes; about a minute per model on 2 CPU cores.
- `nuclei`: the real data set nuclei, at the size of its images; else as `demo`.
- `nuclei_augmented`: the same with random flips, crops and rotations, as networks are usually
  trained.
- `nuclei3`: the images of nuclei with three classes, background, interior and boundary.
- `small`: photographs in folders, with a small network and small images; minutes on a CPU.
- `paper`: the network, images and training of the paper, for a GPU.
- `release`: `paper` with the choices in which the authors' code differs from it, for comparison;
  docs/paper.md lists what is not reproduced.
"""


def default_preset(data: str | None = None) -> str:
    """Return the preset for some data, or for those at hand.

    "paper" is never the default, not even on a GPU, because a default run should take minutes.

    Args:
        data: name of an embedded data set, which has a preset of its own, or a folder of images,
            for which it is "small". None: "small" if `Dataset/` holds training images, else "demo".

    >>> default_preset("nuclei"), default_preset("mydata")
    ('nuclei', 'small')
    """
    if data in DATASETS:  # the first of its presets
        return next(name for name, preset in PRESETS.items() if preset.data == data)
    photographs = data is not None or any(Path("Dataset", "Train").glob("[!.]*/Image"))
    return "small" if photographs else "demo"
