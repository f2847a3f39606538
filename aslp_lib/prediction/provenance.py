"""Provenance of a run's maps: a record of what made them, and of the files that were written.

It is compared before the maps are used.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from aslp_lib.checks import json_object
from aslp_lib.config import IN_MAPS, Settings
from aslp_lib.data.image_set import ImageSet
from aslp_lib.files import write
from aslp_lib.maps.provenance import digests
from aslp_lib.runs import MethodFolder, Run
from aslp_lib.tensors import fingerprint, load_tensors

Made = dict[str, str | int | bool | None]
"""Provenance of a folder of maps: fingerprints of the weights, the recalibration and the images,
and the values of the settings `IN_MAPS`."""


def record(maps: Path) -> Path:
    """Return the path of the provenance record of a folder of maps.

    >>> record(Path("run/bce/maps/SOD")).as_posix()
    'run/bce/maps/SOD.json'
    """
    return maps.with_name(f"{maps.name}.json")


def files_of(maps: Path) -> dict[str, Path]:
    """Find the maps in a folder by their stems: 8-bit images, or arrays of K classes."""
    return {path.stem: path for path in sorted(maps.glob("*")) if path.suffix in (".png", ".npy")}


def of_images(dataset: ImageSet) -> str:
    """Compute the SHA-256 of a set's stems and images. Masks do not affect maps and are left out.

    >>> from aslp_lib.data.shapes import Shapes
    >>> one, two = (of_images(Shapes("test", 2, seed=seed, size=16)) for seed in (0, 1))
    >>> len(one), one == two
    (64, False)
    """
    images = {stem: both[:8] for stem, both in dataset.fingerprints().items()}
    return hashlib.sha256(json.dumps(images).encode()).hexdigest()


def made_with(
    settings: Settings, method: str, folder: MethodFolder, weights: str | None, images: str
) -> dict[str | None, Made]:
    """Return the provenance that a method's maps of a set would have if they were predicted now.

    Args:
        settings: settings of the run.
        method, folder: the method and its folder.
        weights: fingerprint of the weights, see `aslp_lib.tensors.fingerprint`; None to leave it
            out.
        images: fingerprint of the images, see `of_images`.

    Returns:
        The provenance by name of the recalibration, with None for the network as trained.
    """
    made: Made = {} if weights is None else {"weights": weights}
    made |= {"recalibration": None, "images": images}
    made |= {name: getattr(settings, name) for name in IN_MAPS}
    by_kind: dict[str | None, Made] = {None: made}
    for kind in settings.recalibrations(method):
        file = folder.recalibration(kind)
        fitted = file.read_bytes() if file.exists() else b""  # no maps were made with none
        by_kind[kind] = made | {"recalibration": hashlib.sha256(fitted).hexdigest()}
    return by_kind


def keep(maps: Path, made: Made) -> None:
    """Write the provenance record of a folder of maps, with a digest of each map.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     maps = Path(folder) / "SOD"
    ...     write(maps / "a.png", "a map")
    ...     keep(maps, {"weights": "5f3a", "size": 64})
    ...     write(maps / "a.png", "another map")
    ...     outdated(maps, {"size": 128}, ["a"]), outdated(maps, {"size": 64}, ["a"])
    ('they were made with other size', '1 changed since they were written, such as a')
    """
    written = digests(files_of(maps))
    write(record(maps), json.dumps({**made, "maps": written}, indent=2))


def outdated(maps: Path, made: Made, stems: Iterable[str]) -> str:
    """Say why maps are not those that would be predicted now; empty if they are.

    See `keep` for an example. Other files in the folder do not matter.

    Args:
        maps: folder of the maps.
        made: the provenance that maps would have now, or a part of it, see `made_with`.
        stems: stems of the maps.
    """
    try:
        recorded = json_object(record(maps).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "nothing says what they were made with"
    except ValueError:
        recorded = {}  # differs in everything
    if keys := [key for key, value in made.items() if recorded.get(key) != value]:
        return f"they were made with other {', '.join(keys)}"
    files, written = files_of(maps), recorded.get("maps")
    if {*stems} - files.keys():
        return "some are missing"
    known = written if isinstance(written, dict) else {}
    current = digests({stem: files[stem] for stem in stems})
    if others := [stem for stem, digest in current.items() if known.get(stem) != digest]:
        return f"{len(others)} changed since they were written, such as {others[0]}"
    return ""


def check(run: Run, tests: Mapping[str, ImageSet]) -> None:
    """Check that a run's maps were made with its current weights, recalibrations and settings.

    Maps without a record pass. Weights are not compared if their file is missing.

    Raises:
        ValueError: maps were made with something else, or changed since they were written; the
            message names what changed.
    """
    images = {name: of_images(dataset) for name, dataset in tests.items()}
    for method in run.settings.methods:
        folder, weights = run.method(method), None
        if folder.weights.exists():
            tensors, _ = load_tensors(folder.weights)
            weights = fingerprint(tensors)
        for name, dataset in tests.items():
            made = made_with(run.settings, method, folder, weights, images[name])
            for maps, origin in ((folder.maps(name, kind), made[kind]) for kind in made):
                if record(maps).exists() and (why := outdated(maps, origin, dataset.stems)):
                    raise ValueError(
                        f"the maps in {maps} cannot be scored: {why}; expected those of the run. "
                        f"Predict them again: predict {run.path}"
                    )


def unrecorded(run: Run, tests: Mapping[str, ImageSet]) -> bool:
    """Return True if some of a run's maps have no provenance record."""
    return not all(
        record(run.maps(variant, name)).exists() for variant in run.variants() for name in tests
    )
