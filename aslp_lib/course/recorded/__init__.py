"""Shipped weights of the tiny network, and the record of how they were made.

`python -m aslp_lib.course.recorded` (or `make weights`) makes them again, with the presets of the
embedded data sets: on `shapes` plain BCE, ASLP with its default rule and the measured-gap
extension, on `nuclei` plain BCE, a constant alpha and ASLP, plain BCE with augmentation, too, and
on `nuclei3` plain BCE and ASLP. Names of `SHIPPED` as arguments restrict it to those.
"""

import json
import platform
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from aslp_lib.checks import require
from aslp_lib.config import PRESETS, Settings, default_preset
from aslp_lib.course.material import RESULTS
from aslp_lib.data.image_set import ImageSet
from aslp_lib.experiments import records
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import load_network, predicted_maps
from aslp_lib.runs import read_log
from aslp_lib.training.validation import validate

FOLDER = Path(__file__).parent
METHODS: tuple[str, ...] = ("bce", "aslp_mc", "aslp_gap")
SHIPPED: Mapping[str, tuple[str, ...]] = {
    "shapes": METHODS,
    "nuclei": ("bce", "constant_alpha", "aslp_mc"),
    "nuclei_augmented": ("bce",),
    "nuclei3": ("bce", "aslp_mc"),
}
"""Embedded data set or preset -> methods whose networks are shipped."""
SETTINGS = PRESETS["demo"]


def settings_of(data: str) -> Settings:
    """Return the settings of the shipped networks of one of the names in `SHIPPED`."""
    position("data", data, SHIPPED)
    return PRESETS[data if data in PRESETS else default_preset(data)]


def load(method: str, data: str = "shapes") -> nn.Module:
    """Load a trained tiny network, one of `SHIPPED`, in eval mode.

    Raises:
        ValueError: there is no such network.
    """
    settings = settings_of(data)
    position("method", method, SHIPPED[data])
    return load_network(settings, method, weights_file(method, data))


def networks(*methods: str, data: str = "shapes") -> dict[str, nn.Module]:
    """Load networks, by default all of a name in `SHIPPED`: label of the method -> network."""
    return {METHOD_LABELS[method]: load(method, data) for method in methods or SHIPPED[data]}


def count(network: nn.Module, dataset: ImageSet) -> Counts:
    """Count the predictions of a network on a set of the size of the shipped networks' images."""
    return cast(Counts, validate(network, dataset, SETTINGS))  # they have two classes


def on_nuclei(method: str, preset: str = "nuclei") -> list[Counts]:
    """Count the predictions of a network on the validation and the test crops of `nuclei`."""
    data, network = settings_of(preset).load_data(), load(method, preset)
    return [count(network, part) for part in (data.validation, data.tests["test"])]


def maps(network: nn.Module, dataset: ImageSet) -> np.ndarray:
    """Predict the 8-bit maps of all images, which have one size, (N, H, W)."""
    predicted = predicted_maps(network, dataset, SETTINGS, {"": None})
    return np.stack([of_image[""] for _, of_image in predicted])


def logits(network: nn.Module, dataset: Any) -> Tensor:
    """Compute the logits of a network on all images of an embedded set, (N, K, H, W), on the CPU.

    >>> pink = settings_of("nuclei3").load_data().tests["pink"]
    >>> logits(load("bce", "nuclei3"), pink).shape
    torch.Size([8, 3, 64, 64])
    """
    network.eval()
    with torch.no_grad():  # tensors of inference mode could not be used in a fit
        return torch.cat([network(images) for images in dataset.images.split(50)])


def weights_file(method: str, data: str = "shapes") -> Path:
    """Return the file of a shipped network."""
    return FOLDER / f"{'' if data == 'shapes' else f'{data}_'}{method}.safetensors"


def how_file(data: str) -> str:
    """Return the name of the file that says how the networks of `data` were made."""
    return "how.json" if data == "shapes" else f"{data}.json"


def load_log(method: str, data: str = "shapes") -> list[dict[str, float]]:
    """Load the training log of a shipped network, with one row per epoch."""
    return read_log(weights_file(method, data).with_suffix(".csv"))


def position(name: str, value: object, options: Collection[object]) -> int:
    """Return the index of a value among the recorded ones.

    Args:
        name: name of the value in the error message.

    Raises:
        ValueError: the value was not recorded.
    """
    choices = ", ".join(map(str, options))
    require(name, value, value in options, f"one of those recorded: {choices}")
    return list(options).index(value)


@cache
def read_results(name: str) -> pd.DataFrame:
    """Read the records of a comparison over seeds, such as "comparison_shapes", once a process.

    Raises:
        FileNotFoundError: there are no such records.
    """
    return records.read(RESULTS / f"{name}.json")


def runs(
    name: str, part: str, method: str, recalibration: str = records.NONE, **options: object
) -> pd.DataFrame:
    """Select one record per seed of the records `name`; see `records.one_per_seed`."""
    return records.one_per_seed(read_results(name), part, method, recalibration, **options)


@cache
def read_arrays(name: str) -> dict[str, np.ndarray]:
    """Read the arrays of a recorded file: name -> array."""
    with np.load(FOLDER / name, allow_pickle=False) as file:
        return dict(file)


def write_arrays(name: str, arrays: Mapping[str, Any]) -> None:
    """Write arrays to a file for `read_arrays`."""
    np.savez_compressed(FOLDER / name, **arrays)
    read_arrays.cache_clear()


def write_how(
    name: str,
    module: str,
    methods: Sequence[str],
    settings: Settings = SETTINGS,
    **results: Any,
) -> None:
    """Write the provenance of recorded files to a JSON file beside them.

    Args:
        module: module that made the files.
        methods: methods that it trained.
        settings: settings of the training.
        results: further entries, after the settings.
    """
    provenance = {
        "command": f"python -m {module}",
        "settings": json.loads(settings.to_json()) | {"methods": methods},
        "torch": torch.__version__.split("+")[0],
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        **results,
    }
    write(FOLDER / name, json.dumps(provenance, indent=2) + "\n")
