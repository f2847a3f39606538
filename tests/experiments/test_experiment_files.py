"""A file of records holds records of the same data, and one call at a time writes it.

Nothing is trained here."""

from dataclasses import replace

import pandas as pd
import pytest
from filelock import FileLock
from pandas.testing import assert_frame_equal

from aslp_lib.config import PRESETS
from aslp_lib.experiments import experiment
from aslp_lib.experiments.experiment import Experiment, collect
from aslp_lib.experiments.records import read, read_data, save
from aslp_lib.metrics import SCORES

SETTINGS = replace(PRESETS["demo"], size=16, limit=6, device="cpu", methods=("bce",))


@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    """The trainings that are asked for, which are recorded without being done."""
    trained = []

    def record(asked, configuration, training, known, **_):
        trained.append(training.seed)
        scores = dict.fromkeys(SCORES, 0.1)
        own = {"method": "bce", "options": {}, "recalibration": "none", "seed": training.seed}
        own |= {**scores, "images": 1}
        sets = asked.sets(training, training.load_data())
        return pd.DataFrame([{**own, "set": name} for name in sets])

    monkeypatch.setattr(experiment, "recorded", record)
    return trained


@pytest.fixture
def asked(tmp_path):
    """An experiment on the synthetic data, with records of four sets."""
    return Experiment(tmp_path / "experiment", SETTINGS, seeds=1)


@pytest.fixture
def on_files(paper_root):
    """An experiment on images in files, with one record per set."""
    settings = replace(SETTINGS, data=str(paper_root), limit=None)
    return Experiment(paper_root.parent / "experiment", settings, seeds=1, corruptions=("noise2",))


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["Image", "GT"])
@pytest.mark.parametrize("name", ["train", "validation", "SOD"])
def test_records_of_other_data_are_refused(on_files, paper_root, recorded, name, kind):
    """Old and new records would stand in one table."""
    file = on_files.path / "comparison.json"
    collect(on_files, file)
    before = file.read_bytes()
    stem = on_files.data()[None, name].popitem()[0]
    folder = paper_root / ("Test/SOD" if name == "SOD" else "Train/DUTS-TR") / kind
    with next(folder.glob(f"{stem}.*")).open("ab") as changed:
        changed.write(b"\0")
    with pytest.raises(ValueError, match=f"masks of the set {name} .*: 1, such as {stem};"):
        collect(replace(on_files, seeds=2), file)
    assert file.read_bytes() == before and recorded == [0]


def test_images_that_came_or_went_are_counted_too(on_files, paper_root):
    file = on_files.path / "comparison.json"
    collect(on_files, file)
    textures = paper_root / "Test/DTD_Texture_500/Image"
    (textures / "banded_0001.jpg").unlink()
    (textures / "banded_0002.jpg").rename(textures / "wavy_0002.jpg")
    with pytest.raises(ValueError, match=r"the set DTD_Texture_500 .*: 3, such as banded_0001;"):
        collect(on_files, file)
    # Those of a set that is not asked for any more are kept, and compared when it is.
    collect(replace(on_files, tested=False), file)
    with pytest.raises(ValueError, match=r"the set DTD_Texture_500 .*: 3, such"):
        collect(on_files, file)


def test_every_seed_of_an_embedded_data_set_has_data_of_its_own(asked, tmp_path, recorded):
    file = tmp_path / "all.json"
    collect(asked, file)
    found = collect(replace(asked, seeds=2, shifts=("empty3",)), file)
    sets = ("train", "validation", "test", "shifted", "textures", "empty3")
    data = read_data(file)
    assert sorted(data) == sorted((seed, name) for seed in (0, 1) for name in sets)
    assert data[0, "test"] != data[1, "test"]
    assert all(len(own) == 6 for own in data.values())
    assert_frame_equal(read(file), found, check_like=True, check_dtype=False)
    first = collect(asked, file)  # what is not asked for any more comes last
    assert read(file)["set"].tolist() == [*first["set"], *found["set"].drop(first.index)]


@pytest.mark.fault
def test_records_without_their_data_are_refused(asked, tmp_path, recorded):
    file = tmp_path / "all.json"
    save(file, collect(asked, file), SETTINGS, seeds=1)
    assert len(read(file)) == 4  # to be shown
    with pytest.raises(ValueError, match=r"all\.json does not say what images"):
        collect(asked, file)


@pytest.mark.fault
@pytest.mark.parametrize("name", ["train", "validation"])
def test_a_test_set_has_a_name_of_its_own(on_files, paper_root, recorded, name):
    (paper_root / "Test/SOD").rename(paper_root / "Test" / name)
    with pytest.raises(ValueError, match=f"the name of a test set is '{name}'.*Rename"):
        collect(on_files, on_files.path / "comparison.json")
    assert not recorded


@pytest.mark.fault
@pytest.mark.parametrize("lock", ["experiment/.lock", ".all.json.lock"])
def test_two_calls_at_once(asked, tmp_path, recorded, lock):
    """They share one --out or one --results, here through a link."""
    (tmp_path / "link.json").symlink_to("all.json")
    (tmp_path / "experiment").mkdir()
    busy = pytest.raises(RuntimeError, match="another comparison is at work on")
    with FileLock(tmp_path / lock), busy:
        collect(asked, tmp_path / "link.json")
    assert not recorded
    collect(asked, tmp_path / "link.json")  # it is free again
    assert len(read(tmp_path / "all.json")) == 4


@pytest.mark.fault
def test_records_that_cannot_be_written(asked, tmp_path, recorded):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="--results is a folder"):
        collect(asked, tmp_path / "folder")
    assert not recorded and list(tmp_path.rglob("*")) == [tmp_path / "folder"]
