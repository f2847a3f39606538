"""Every data type of maps, with every score, interval and recalibration."""

import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score

from aslp_lib.cli import main
from aslp_lib.maps import slabs
from aslp_lib.maps.count import ReadOptions, count_folders
from aslp_lib.metrics import SCORES, calibration, scores
from aslp_lib.metrics.float_levels import finite_logits
from aslp_lib.prediction.recalibrated_maps import ON_MAPS
from aslp_lib.recalibration import RECALIBRATIONS

TYPES = {
    "uint8": (np.uint8, False),
    **{f"{t} probabilities": (np.dtype(t), False) for t in ("float16", "float32", "float64")},
    **{f"{t} logits": (np.dtype(t), True) for t in ("float16", "float32", "float64")},
}
DOSE = 0.1


@cache
def images() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Logits of an overconfident network, some of them far beyond 9, and labels."""
    rng = np.random.default_rng(0)
    calibrated = [rng.normal(-0.5 + i / 6, 4, (15, 16)) for i in range(8)]
    return [2.5 * z for z in calibrated], [rng.random(z.shape) < expit(z) for z in calibrated]


def stored(name) -> list[np.ndarray]:
    dtype, logits = TYPES[name]
    if dtype == np.uint8:
        return [np.rint(255 * expit(z)).astype(np.uint8) for z in images()[0]]
    return [(z if logits else expit(z)).astype(dtype) for z in images()[0]]


def exact(name) -> np.ndarray:
    """The logits that the stored numbers of all pixels mean, in float64."""
    dtype, logits = TYPES[name]
    values = np.concatenate([values.ravel() for values in stored(name)])
    if dtype == np.uint8:
        return finite_logits(values.clip(0.5, 254.5) / 255)
    return values.astype(np.float64) if logits else finite_logits(values)


def write(folder, name):
    for kind in ("maps", "masks"):
        (folder / kind).mkdir(parents=True)
    for i, (values, labels) in enumerate(zip(stored(name), images()[1], strict=True)):
        Image.fromarray(255 * labels.astype(np.uint8)).save(folder / f"masks/{i}.png")
        if values.dtype == np.uint8:
            Image.fromarray(values).save(folder / f"maps/{i}.png")
        else:
            suffix = (".npy", ".npz", ".tif")[i % 3] if values.dtype == np.float32 else ".npy"
            slabs.write_slabs(folder / f"maps/{i}{suffix}", values.shape, iter([values]))


def counted(folder, name, maps="maps"):
    reading = ReadOptions(logits=TYPES[name][1], num_workers=1)
    return count_folders(folder / maps, folder / "masks", reading, progress=False)


@pytest.mark.parametrize("name", TYPES)
def test_every_score_is_that_of_the_stored_numbers(tmp_path, name):
    """Those of calibration and ranks by their formulas, the others as of logits in float64."""
    write(tmp_path / "own", name)
    found = scores(counted(tmp_path / "own", name))
    z = exact(name)
    p, y = expit(z), np.concatenate([labels.ravel() for labels in images()[1]])
    confidence, right = np.maximum(p, 1 - p), (p >= 0.5) == y
    bins = np.ceil(10 * confidence).astype(int)
    gaps = [abs((confidence - right)[bins == k].sum()) for k in range(1, 11)]
    formulas = {
        "accuracy": right.mean(),
        "nll": np.logaddexp(0, np.where(y, -z, z)).mean(),
        "brier": np.mean((p - y) ** 2),
        "ece": sum(gaps) / len(p),
        "gap": confidence.mean() - right.mean(),
        "auc": roc_auc_score(y, z),
        "ap": average_precision_score(y, z),
    }
    # Of 8-bit maps, grey levels 0 and 255 stand for 0 and 1, but not in the NLL.
    close = 2e-3 if name == "uint8" else 2e-4
    for key, value in formulas.items():
        assert found[key] == pytest.approx(value, abs=1e-5 if key == "nll" else close), key
    write(tmp_path / "other", "float64 logits")
    others = scores(counted(tmp_path / "other", "float64 logits"))
    assert found.keys() == others.keys() == SCORES.keys()
    for key in others.keys() - formulas.keys():
        # In half precision and 8 bits, pixels move to other bins, and to the highest threshold.
        limit = 0.06 if key in ("mce", "adaptive_f") else 0.01
        assert found[key] == pytest.approx(others[key], abs=limit), key


@pytest.mark.parametrize("kind", ON_MAPS)
@pytest.mark.parametrize("name", TYPES)
def test_what_a_recalibration_prints_is_what_its_maps_score(elsewhere, capsys, name, kind):
    """And no fit raises the NLL of its own maps; nothing is fitted by `unperturb`."""
    folder = Path("set")
    write(folder, name)
    flags = ["--logits"] * TYPES[name][1]
    flags += ["--dose", str(DOSE)] if RECALIBRATIONS[kind].needs_dose else []
    fit = ["recalibrate", "--kind", kind, "--fit-maps", "set/maps", "--fit-masks", "set/masks"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert main([*fit, "--maps", "set/maps", "--out", "set/new", *flags]) == 0
    told = re.search(r"ECE (\S+) -> (\S+) %, NLL (\S+) -> (\S+)\n", capsys.readouterr().out)
    before, after = (counted(folder, name, maps) for maps in ("maps", "new"))
    shown = [100 * calibration.ece(c) for c in (before, after)]
    shown += [calibration.nll(c) for c in (before, after)]
    assert [float(number) for number in told.groups()] == pytest.approx(shown, abs=0.0051)
    assert float(told[3]) == pytest.approx(shown[2], abs=5.1e-5)
    assert float(told[4]) == pytest.approx(shown[3], abs=5.1e-5)
    if not RECALIBRATIONS[kind].needs_dose:
        assert shown[3] <= shown[2]
    if RECALIBRATIONS[kind].preserves_decisions:
        assert calibration.accuracy(before) == calibration.accuracy(after)
    for path in Path("set/new").glob("*.npy"):
        assert np.load(path).dtype == TYPES[name][0]
