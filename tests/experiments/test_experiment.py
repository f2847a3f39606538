"""Experiments: the compared runs are the trained ones, nothing is trained twice, and processes end
with their parent."""

import multiprocessing
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from pandas.testing import assert_frame_equal
from processes import START

from aslp_lib.config import PRESETS
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.shapes import graded
from aslp_lib.evaluation.notes import facts
from aslp_lib.evaluation.scores import count_maps
from aslp_lib.experiments.experiment import Experiment, RunConfiguration, collect, compare
from aslp_lib.experiments.records import keyed, read, save
from aslp_lib.experiments.tables import SeedScores
from aslp_lib.maps.count import ReadOptions
from aslp_lib.maps.read import read_map
from aslp_lib.metrics import SCORES, scores
from aslp_lib.metrics.bootstrap import Resamples
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import load_network, predict
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.runs import Run

# Networks that have hardly learned have no temperature of their own.
pytestmark = pytest.mark.filterwarnings("ignore:no temperature:RuntimeWarning")

SMALL = replace(PRESETS["demo"], size=16, epochs=1, limit=6, device="cpu")
SETTINGS = replace(SMALL, methods=("bce", "focal"), recalibrate=("temperature_scaling",))
ONE_METHOD = replace(SMALL, methods=("bce",), recalibrate=())
ONE_PIXEL = 1e-3
"""One of some thousands of pixels: maps are predicted in batches of another size here, so that a
probability between two grey levels may round otherwise."""


def done(asked, processes=1):
    return pd.concat(compare(asked, processes), ignore_index=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    asked = Experiment(tmp_path_factory.mktemp("experiment"), SETTINGS, seeds=2)
    return asked, done(asked)


def scored(run, recalibration, part, maps):
    """Counts and scores of a run's maps of a set, which `predict` writes as PNGs."""
    (method,) = run.settings.methods
    network = load_network(run.settings, method, run.method(method).weights)
    kind = RECALIBRATIONS.get(recalibration)
    fitted = kind.load(run.method(method).recalibration(recalibration)) if kind else None
    predict(network, part, run.settings, {maps: fitted})
    counts = count_maps(maps, part, ReadOptions(weighted_f=False))
    names = ("ece", "ece_floor", "brier", "ks", "max_f")
    expected = scores(counts, names=names) | facts(counts) | {"images": len(counts)}
    for name in ("ece", "oe"):
        ends = Resamples(counts).bounds(SCORES[name])
        low, high = (np.nan, np.nan) if isinstance(part, Corrupted) else ends
        expected |= {f"{name}_low": low, f"{name}_high": high}
    posterior = getattr(part, "posterior", None)
    found = np.stack([read_map(maps / f"{stem}.png") for stem in part.stems])
    error = np.nan if posterior is None else ((found / 255 - posterior) ** 2).mean()
    return counts, expected | {"posterior_error": error}


def check_records(asked, records, folder):
    """Each is that of maps that are predicted anew and stored in files."""
    for number, record in enumerate(records.to_dict("records")):
        run = Run.open(asked.path / record["method"] / f"seed-{record['seed']}")
        assert (run.settings.seed, run.settings.data_seed) == (record["seed"],) * 2
        data, (name, *corruption) = run.settings.load_data(), record["set"].split(", ")
        graded_sets = graded(16, ("empty3",), data_seed=run.settings.seed, limit=6)
        part = {"validation": data.validation, **data.tests, **graded_sets}[name]
        part = Corrupted(part, *corruption, run.settings.seed) if corruption else part
        counts, expected = scored(run, record["recalibration"], part, folder / f"{number}")
        found = {key: record.get(key, np.nan) for key in expected}
        assert found == pytest.approx(expected, abs=ONE_PIXEL, nan_ok=True)
    return counts, record


@pytest.mark.slow
def test_there_is_a_record_of_each_and_it_is_of_its_maps(finished, tmp_path):
    asked, records = finished
    assert not keyed(records).duplicated().any() and len(records) == 2 * 2 * 2 * 4
    check_records(asked, records, tmp_path)
    assert (records.max_f.isna() == (records["set"] == "textures")).all()


@pytest.mark.slow
def test_the_noise_floor_of_crops_is_that_of_their_fields(tmp_path):
    settings = replace(ONE_METHOD, data="nuclei", limit=60)
    asked = Experiment(tmp_path / "experiment", settings, seeds=1, tested=False)
    counts, record = check_records(asked, done(asked), tmp_path)
    assert counts.independent == 6  # groups of images
    of_images = scores(Counts(counts.table), names=("ece_floor",))["ece_floor"]
    assert abs(record["ece_floor"] - of_images) > 2 * ONE_PIXEL


@pytest.mark.slow
def test_sets_under_shift_are_scored_too(finished, tmp_path):
    """The experiment is finished: nothing more is trained."""
    asked, records = finished
    under = replace(asked, seeds=1, corruptions=("noise2", "zoom1"), shifts=("empty3",))
    found = done(under)
    before = found["set"].isin(records["set"])
    assert_frame_equal(found[before].reset_index(drop=True), records[records.seed == 0])
    added = found[~before & (found.method == "bce") & (found.recalibration == "none")]
    assert added["set"].tolist() == ["empty3", "test, noise2", "test, zoom1"]
    check_records(under, added, tmp_path)
    # What zooming cuts off is unknown, and no image of `empty3` has foreground.
    assert added.posterior_error.isna().tolist() == [False, False, True]
    assert added.max_f.isna().tolist() == [True, False, False]


@pytest.mark.slow
def test_more_may_be_asked_for_and_what_is_done_is_not_done_again(finished, tmp_path):
    """A record needs no run: one of another machine is taken over from its file."""
    asked, records = finished
    before = {path: path.stat().st_mtime_ns for path in asked.path.rglob("*.safetensors")}
    assert_frame_equal(done(asked), records)
    more = Experiment(asked.path, replace(SETTINGS, methods=("bce", "label_smoothing")), seeds=1)
    assert done(more).method.tolist() == ["bce"] * 8 + ["label_smoothing"] * 8
    assert {path: path.stat().st_mtime_ns for path in before} == before
    file = tmp_path / "records.json"
    save(file, records, SETTINGS, seeds=2, data=asked.data())
    known = read(file, SETTINGS)
    same = partial(assert_frame_equal, check_like=True, check_dtype=False)
    same(known, records)
    elsewhere = replace(asked, path=tmp_path / "elsewhere")
    same(collect(elsewhere, file), known)
    same(collect(replace(elsewhere, seeds=1), file), known[: len(known) // 2])
    assert not [path for path in elsewhere.path.iterdir() if path.is_dir()]
    same(read(file), known)  # nothing is lost that was not asked for
    with pytest.raises(ValueError, match=r"settings: epochs; .* another --out or --results"):
        read(file, replace(SETTINGS, epochs=2))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "seeds is 0"),
        ({"corruptions": ("fog1",)}, "a name in corruptions is 'fog1'; expected one of .*noise1"),
        ({"shifts": ("noise1",)}, "a name in shifts is 'noise1'; expected one of .*contrast1"),
        (
            {"shifts": ("empty1",), "settings": replace(SETTINGS, data="Dataset")},
            "data is 'Dataset'; expected 'shapes', which shifts need",
        ),
    ],
)
def test_an_experiment_that_cannot_be(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(Experiment(tmp_path, SETTINGS, seeds=1), **changes)


@pytest.mark.slow
def test_configurations_have_hyperparameters_and_recalibrations_of_their_own(tmp_path):
    """Two of one method are told apart; another method's choice changes nothing."""
    chosen = [("focal", {"gamma": 1.0}), ("focal", {"gamma": 3.0}), ("bce", {})]
    chosen += [("constant_alpha", {"forward_correction": True})]
    configurations = tuple(RunConfiguration(*each) for each in chosen)
    auto = replace(SETTINGS, recalibrate=("auto",))
    common = {"seeds": 1, "configurations": configurations, "tested": False}
    found = done(Experiment(tmp_path, auto.tuned(focal={"gamma": 5.0}), **common))
    trained = found[found.recalibration == "none"]
    assert [*zip(trained.method, trained.options, strict=True)][:3] == chosen[:3]
    assert set(found["set"]) == {"validation"} and trained.nll.nunique() == 4
    assert found.recalibration.tolist()[1::2] == ["temperature_scaling"] * 4
    labels = list(SeedScores.of_records(found).methods["validation"])[::2]
    assert labels[:3] == ["focal loss (gamma = 1.0)", "focal loss (gamma = 3.0)", "BCE"]
    other = auto.tuned(focal={"gamma": 4.0})
    assert_frame_equal(done(Experiment(tmp_path, other, **common)), found)


@pytest.mark.slow
def test_two_at_a_time_are_as_one_after_another(finished, tmp_path):
    _, records = finished
    together = done(Experiment(tmp_path, SETTINGS, seeds=1), processes=2)
    alone = records[records.seed == 0]
    assert_frame_equal(keyed(together), keyed(alone))
    assert together.brier.tolist() == pytest.approx(alone.brier.tolist(), abs=1e-3)  # threads


@pytest.mark.slow
@pytest.mark.fault
def test_other_settings_are_refused_before_anything_is_trained(finished):
    asked, _ = finished
    other = Experiment(asked.path, replace(SETTINGS, epochs=2, learning_rate=0.1), seeds=3)
    with pytest.raises(ValueError, match=r"settings: epochs, learning_rate; .* another --out"):
        done(other)
    assert not (asked.path / "bce" / "seed-2").exists()


@pytest.mark.slow
@pytest.mark.fault
def test_a_training_that_was_stopped_has_the_same_scores(tmp_path):
    """It was stopped after its last checkpoint, which is where it goes on."""
    settings = replace(ONE_METHOD, epochs=2)
    whole = done(Experiment(tmp_path / "whole", settings, seeds=1))
    stopped = shutil.copytree(tmp_path / "whole", tmp_path / "stopped") / "bce/seed-0/bce"
    (stopped / "weights.safetensors").unlink()
    gone_on = done(Experiment(tmp_path / "stopped", settings, seeds=1))
    assert gone_on.ece.tolist() == whole.ece.tolist()


def train_endlessly(path: Path, *, in_a_group: bool = False) -> None:
    if in_a_group:
        os.setsid()  # so that all of its processes can be killed
    list(compare(Experiment(path, replace(ONE_METHOD, epochs=10**6), seeds=1), processes=2))


def wait_for(path: Path) -> None:
    end = time.monotonic() + 90
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.fault
def test_processes_end_with_their_parent(tmp_path):
    """What a training holds as long as its process lives is free again."""
    context = multiprocessing.get_context(START)
    parent = context.Process(target=train_endlessly, args=(tmp_path,), kwargs={"in_a_group": True})
    parent.start()
    held = tmp_path / "bce/seed-0/.lock"
    try:
        wait_for(held)
        parent.kill()
        parent.join()
        with FileLock(held, timeout=10):
            pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.fault
def test_a_process_that_is_killed_is_noticed(tmp_path):
    """The system kills a process when memory runs out."""

    def kill():
        wait_for(tmp_path / "bce/seed-0/.lock")
        for process in multiprocessing.active_children():
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RuntimeError, match=r"was ended from outside.*fewer processes"):
        train_endlessly(tmp_path)
    killer.join()


def record(method="bce", seed=0, ece=0.1, name="test", **others):
    scores = {"ece": ece, "ece_low": ece - 0.01, "ece_high": ece + 0.03, "oe": 0.05, "mae": 0.2}
    own = {"method": method, "options": {}, "recalibration": "none", "seed": seed, "set": name}
    return {**own, **scores, **others}


def test_a_table_by_hand():
    """Records of earlier versions have no noise floor."""
    rows = [
        *(record(seed=seed, ece=0.1 + 0.1 * seed, ece_floor=0.01) for seed in (0, 1)),
        record("focal", mae=np.nan),
        record("brier", ece=0.01, ece_low=0, ece_high=0.02, ece_floor=0.012),
        record(name="shifted"),
    ]
    over_seeds = SeedScores.of_records(pd.DataFrame(rows))
    scores = [SCORES[name] for name in ("ece", "ece_floor", "oe", "mae")]
    cells = {
        method: [over_seeds.cell("test", method, score) for score in scores]
        for method in over_seeds.methods["test"]
    }
    assert list(over_seeds.methods) == ["test", "shifted"]
    # mean .15; deviation .1 / sqrt(2); ends .14 and .18
    bce = ["15.00 ± 7.07 [14.00, 18.00]", "1.00 ± 0.00", "5.00 ± 0.00", "0.200 ± 0.000"]
    assert cells.pop("BCE") == bce
    assert cells.pop("focal loss") == ["10.00 [9.00, 13.00]", "-", "5.00", "-"]
    (of_brier,) = cells.values()
    assert of_brier[:2] == ["1.00 [≤ 2.00]", "1.20"]
