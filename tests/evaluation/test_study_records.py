"""What is chosen from the records of a comparison."""

import pytest

from aslp_lib.evaluation import records


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
    record("bce", "temperature", 0, "test", 0.02),
]


def errors(rows):
    return [row["ece"] for row in rows]


def test_methods_come_in_the_order_in_which_they_are_asked_for():
    asked = {"bce": {}, "nothing_known": {}, "label_smoothing": {"epsilon": 0.2}}
    assert errors(records.chosen(FOUND, asked)) == [0.1, 0.11, 0.12, 0.04]
    both = records.chosen(FOUND, {"bce": {}}, [None, "temperature"])
    assert errors(both) == [0.1, 0.11, 0.12, 0.02]


def test_one_way_on_one_set_has_a_record_a_seed():
    assert errors(records.of(FOUND, "test", "bce", None)) == [0.1, 0.11]
    assert errors(records.of(FOUND, "test", "label_smoothing", None, epsilon=0.1)) == [0.03]


@pytest.mark.fault(
    "records are asked for of which there are none, or several of one seed",
    "refused; names the options that there are",
)
@pytest.mark.parametrize(
    "method, words", [("label_smoothing", "there are 2: .*0.1.*0.2"), ("mixup", "0: .* none")]
)
def test_none_or_several_of_a_seed_are_refused(method, words):
    with pytest.raises(ValueError, match=words):
        records.of(FOUND, "test", method, None)


def test_scores_over_seeds_stand_under_the_tables_names():
    found = records.values(FOUND, "test")
    assert found["BCE"] == [0.1, 0.11]
    assert found["BCE + temperature"] == [0.02]
    assert found["label smoothing (epsilon = 0.2)"] == [0.04]
    assert list(found) == list(records.by_label(FOUND, "test"))
