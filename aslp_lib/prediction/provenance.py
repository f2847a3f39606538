"""What a run's maps were made with: kept beside them, and compared before they are used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from aslp_lib.config import Settings
from aslp_lib.data.base import SaliencySet
from aslp_lib.files import write
from aslp_lib.runs import MethodFolder, Run
from aslp_lib.tensors import fingerprint, load_tensors

SETTINGS = ("size", "precision", "min_max_maps", "resize_logits")
"""Settings that decide what a map is."""

Made = dict[str, str | int | bool | None]


def record(maps: Path) -> Path:
    """Where it is kept what a folder of maps was made with."""
    return maps.with_name(f"{maps.name}.json")


def of_images(dataset: SaliencySet) -> str:
    """SHA-256 of a set's stems and images, without their masks."""
    images = [[stem, image] for stem, (image, _) in dataset.fingerprints().items()]
    return hashlib.sha256(json.dumps(images).encode()).hexdigest()


def made_with(
    settings: Settings, folder: MethodFolder, weights: str, recalibration: str | None, images: str
) -> Made:
    """What a method's maps of a set are made with now.

    Args:
        weights: as `fingerprint`.
        images: as `of_images`.
    """
    fitted = None if recalibration is None else folder.recalibration(recalibration).read_bytes()
    return {
        "weights": weights,
        "recalibration": None if fitted is None else hashlib.sha256(fitted).hexdigest(),
        "images": images,
        **{name: getattr(settings, name) for name in SETTINGS},
    }


def keep(maps: Path, made: Made) -> None:
    """Write down what a folder of maps was made with."""
    write(record(maps), json.dumps(made, indent=2))


def changed(maps: Path, now: Mapping[str, object]) -> list[str]:
    """What has changed since maps were made, by the keys of `made_with`.

    Args:
        now: some of `made_with`.

    Raises:
        FileNotFoundError: there is no record.
    """
    try:
        then = dict(json.loads(record(maps).read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        then = {}
    return [key for key, value in now.items() if then.get(key) != value]


def check(run: Run, tests: Mapping[str, SaliencySet]) -> None:
    """Compare a run's maps with what is there now. Maps without a record pass, and weights that
    are gone are not missed.

    Raises:
        ValueError: maps of something else; names what changed.
    """
    images = {name: of_images(dataset) for name, dataset in tests.items()}
    for method in run.settings.methods:
        folder = run.method(method)
        there = folder.weights.exists()
        weights = fingerprint(load_tensors(folder.weights)[0]) if there else ""
        for kind in (None, *run.settings.recalibrate):
            for name in tests:
                maps = folder.maps(name, kind)
                if not record(maps).exists():
                    continue
                now = made_with(run.settings, folder, weights, kind, images[name])
                if not there:
                    del now["weights"]
                if what := changed(maps, now):
                    raise ValueError(
                        f"the maps in {maps} were made with other {', '.join(what)} than there are "
                        f"now: predict {run.path} makes them anew"
                    )


def unrecorded(run: Run, tests: Mapping[str, SaliencySet]) -> bool:
    """Whether some of a run's maps have no record of what they were made with."""
    return not all(
        record(run.maps(variant, name)).exists() for variant in run.variants() for name in tests
    )
