"""Records of a comparison: what is chosen from them, and what is refused in a file."""

import json
import math

import pytest

from aslp_lib.config import Settings
from aslp_lib.experiments import records


def record(method, recalibration, seed, name, ece, **options):
    return {
        "method": method,
        "recalibration": recalibration,
        "seed": seed,
        "set": name,
        "ece": ece,
        "options": options,
    }


FOUND = [
    record("label_smoothing", None, 0, "test", 0.03, epsilon=0.1),
    record("label_smoothing", None, 0, "test", 0.04, epsilon=0.2),
    record("bce", None, 0, "test", 0.1),
    record("bce", None, 1, "test", 0.11),
    record("bce", None, 0, "shifted", 0.12),
    record("bce", "temperature_scaling", 0, "test", 0.02),
]


def errors(rows):
    return [row["ece"] for row in rows]


def test_methods_come_in_the_order_in_which_they_are_asked_for():
    asked = {"bce": {}, "nothing_known": {}, "label_smoothing": {"epsilon": 0.2}}
    assert errors(records.select(FOUND, asked)) == [0.1, 0.11, 0.12, 0.04]
    both = records.select(FOUND, {"bce": {}}, [None, "temperature_scaling"])
    assert errors(both) == [0.1, 0.11, 0.12, 0.02]


def test_one_way_on_one_set_has_a_record_a_seed():
    assert errors(records.one_per_seed(FOUND, "test", "bce", None)) == [0.1, 0.11]
    assert errors(records.one_per_seed(FOUND, "test", "label_smoothing", None, epsilon=0.1)) == [
        0.03
    ]


@pytest.mark.fault
@pytest.mark.parametrize(
    "method, words",
    [("label_smoothing", "there are 2; .*0.1.*0.2"), ("mixup", "there are 0; .* none")],
)
def test_none_or_several_of_a_seed_are_refused(method, words):
    with pytest.raises(ValueError, match=words):
        records.one_per_seed(FOUND, "test", method, None)


def test_scores_over_seeds_stand_under_the_tables_names():
    found = records.values(FOUND, "test")
    assert found["BCE"] == [0.1, 0.11]
    assert found["BCE + temperature scaling"] == [0.02]
    assert found["label smoothing (epsilon = 0.2)"] == [0.04]
    assert list(found) == list(records.by_label(FOUND, "test"))


WHOLE = {
    **record("focal", "temperature_scaling", 0, "test", 0.1, gamma=2.0),
    **dict.fromkeys((*records.NAMES, *records.ESTIMATORS), 0.1),
    "max_f": None,  # undefined
    "intervals": {"ece": [0.05, 0.15], "oe": [0.0, 0.1]},
    "images": 5,
    "seconds": None,
}


@pytest.mark.fault
@pytest.mark.parametrize("text", ["{}", "[]", '{"records": [{}], "settings": {}}', "no JSON"])
def test_files_that_hold_no_records(tmp_path, text):
    (tmp_path / "all.json").write_text(text)
    with pytest.raises(ValueError, match=r"all\.json"):
        records.read(tmp_path / "all.json")


def written(path, second):
    """A file of two records, the second with other values; of a name that has ..., without it."""
    changed = {**WHOLE, "seed": 1, **second} if isinstance(second, dict) else second
    if isinstance(second, dict):
        changed = {name: each for name, each in changed.items() if each is not ...}
    content = {"settings": json.loads(Settings().to_json()), "records": [WHOLE, changed]}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "change",
    [{}, {"intervals": ...}, {"posterior_error": 0.1, "a_later_score": None}, {"set": "shifted"},
     {"options": {"gamma": 3}}, {"options": {}}, {"nll": 7.0, "gap": -1, "ece": 1},
     {"intervals": {"nll": [2, 7]}, "alpha": {"mean": 1}}],
)  # fmt: skip
def test_a_record_may_be_so(tmp_path, change):
    assert len(records.read(written(tmp_path / "all.json", change))) == 2


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("text", "it is 'text'; expected an object"),
        ({"ece": ...}, "ece is missing; expected a number, or None"),
        ({"ece": math.nan}, "ece is nan; expected a number, or None"),
        ({"nll": 10**400}, "nll is 1000.*0; expected"),
        ({"mce": "0.1"}, "mce is '0.1'; expected"),
        ({"oe": True}, "oe is True; expected"),
        ({"a_later_score": math.nan}, "a_later_score is nan; expected"),
        ({"method": ...}, "method is missing; expected text"),
        ({"method": "nothing_known"}, "method is 'nothing_known'; expected one of bce, "),
        ({"method": ["bce"]}, r"method is \['bce'\]; expected"),
        ({"options": None}, "options is None; expected an object in which each value"),
        ({"options": {"gamma": {}}}, "options is {'gamma': {}}; expected"),
        ({"recalibration": "cold"}, "recalibration is 'cold'; expected"),
        ({"seed": 1.0}, "seed is 1.0; expected"),
        ({"intervals": None}, "intervals is None; expected an object in which .* a list"),
        ({"intervals": {"ece": [0.1, None]}}, "intervals is .*; expected"),
        (
            {"intervals": {"ece": [0.1]}},
            r"the interval of ece is \[0\.1\]; expected two ends",
        ),
        ({"intervals": {"ece": [0.2, 0.1]}}, r"the interval of ece is \[0\.2, 0\.1\]; expected"),
        ({"intervals": {"oe": [0.2, 20]}}, "an end of the interval of oe is 20; .* from 0 to 1"),
        ({"alpha": {"mean": -1}}, "the mean of alpha is -1; expected a number from 0 to 1"),
        ({"ece": 55}, "ece is 55; expected a number from 0 to 1"),
        ({"gap": -1.5}, r"gap is -1\.5; expected a number from -1 to 1"),
        ({"nll": -0.1}, r"nll is -0\.1; expected at least 0"),
        ({"images": -5}, "images is -5; expected at least 1"),
        ({"seconds": -1.0}, r"seconds is -1\.0; expected at least 0"),
        ({"seed": 0}, "it scores the same maps as record 1; expected"),
    ],
)
def test_a_malformed_record_is_named(tmp_path, change, message):
    with pytest.raises(ValueError, match=rf"all\.json, record 2: {message}"):
        records.read(written(tmp_path / "all.json", change))
