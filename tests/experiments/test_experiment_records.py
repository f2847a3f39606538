"""Records of a comparison: what is chosen from them, and what is refused in a file."""

import json

import pandas as pd
import pytest

from aslp_lib.config import Settings
from aslp_lib.experiments import records
from aslp_lib.metrics import SCORES


def record(method, recalibration, seed, name, ece, **options):
    own = {"method": method, "recalibration": recalibration or "none", "options": options}
    return {**own, "seed": seed, "set": name, "ece": ece}


FOUND = pd.DataFrame(
    [
        record("label_smoothing", None, 0, "test", 0.03, epsilon=0.1),
        record("label_smoothing", None, 0, "test", 0.04, epsilon=0.2),
        record("bce", None, 0, "test", 0.1),
        record("bce", None, 1, "test", 0.11),
        record("bce", None, 0, "shifted", 0.12),
        record("bce", "temperature_scaling", 0, "test", 0.02),
    ]
)


def test_records_are_selected_and_grouped_by_the_labels_of_tables():
    assert records.of_method(FOUND, "label_smoothing", {"epsilon": 0.2}).ece.tolist() == [0.04]
    assert records.of_method(FOUND, "bce", {}).ece.tolist() == [0.1, 0.11, 0.12, 0.02]
    assert records.one_per_seed(FOUND, "test", "bce").ece.tolist() == [0.1, 0.11]
    one = records.one_per_seed(FOUND, "test", "label_smoothing", epsilon=0.1)
    assert one.ece.tolist() == [0.03]
    grouped = {label: rows.ece.tolist() for label, rows in records.by_label(FOUND, "test").items()}
    assert grouped == {
        "BCE": [0.1, 0.11],
        "BCE + temperature scaling": [0.02],
        "label smoothing (epsilon = 0.1)": [0.03],
        "label smoothing (epsilon = 0.2)": [0.04],
    }


@pytest.mark.fault
@pytest.mark.parametrize(
    "method, words",
    [("label_smoothing", "there are 2; .*0.1.*0.2"), ("mixup", "there are 0; .* none")],
)
def test_none_or_several_of_a_seed_are_refused(method, words):
    with pytest.raises(ValueError, match=words):
        records.one_per_seed(FOUND, "test", method)


WHOLE = {
    **record("focal", "temperature_scaling", 0, "test", 0.1, gamma=2.0),
    **dict.fromkeys(SCORES, 0.1),
    **{"max_f": None, "ece_low": 0.05, "ece_high": 0.15, "images": 5},
}


def written(path, second):
    """A file of two records, the second with other values."""
    content = {"settings": json.loads(Settings().to_json())}
    path.write_text(json.dumps(content | {"records": [WHOLE, {**WHOLE, "seed": 1, **second}]}))
    return path


@pytest.mark.fault
def test_files_that_hold_no_records(tmp_path):
    path = tmp_path / "all.json"
    for text in ("{}", "[]", '{"records": [{}], "settings": {}}', "no JSON"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"all\.json"):
            records.read(path)
    path.write_text(written(path, {}).read_text().replace('"images"', '"other"'))
    with pytest.raises(ValueError, match=r"all\.json holds no records \(.*images"):
        records.read(path)


def test_what_is_undefined_is_nan_and_counts_are_integers(tmp_path):
    change = {"posterior_error": 0.1, "options": {}, "ece_low": None, "ece": 1, "images": 1.0}
    found = records.read(written(tmp_path / "all.json", change))
    assert found.max_f.isna().all() and found.ece.tolist() == [0.1, 1]
    assert found.ece_low.isna().tolist() == found.posterior_error.notna().tolist() == [False, True]
    assert found.dtypes[["seed", "images"]].eq(int).all()
    found = records.read(written(tmp_path / "all.json", {"seed": 2**63 - 1}))
    assert found.seed.tolist() == [0, 2**63 - 1]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "nothing_known"}, "a method is 'nothing_known'; expected one of"),
        ({"recalibration": "cold"}, "a recalibration is 'cold'; expected one of"),
        ({"seed": 0}, "a record occurs twice"),
        ({"seed": 2**70}, ""),
        ({"seed": None}, ""),
        ({"images": "many"}, ""),
        ({"ece": "abc"}, "could not convert string to float: 'abc'"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=rf"all\.json holds no records \({message}"):
        records.read(written(tmp_path / "all.json", change))
