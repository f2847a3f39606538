"""Tables for a terminal, and which scores are the best."""

import pytest

from aslp_lib.evaluation.tables import COLUMNS, as_table, best_in_bold
from aslp_lib.metrics import SCORES

LONG = "trained for ninety epochs on DUTS-TR with everything turned on"


def table(names, **values):
    """A set's scores by method: all 0.5 but those given, a value a method."""
    rows = [{score: values.get(score, [0.5] * len(names))[i] for score in SCORES}
            for i in range(len(names))]  # fmt: skip
    return {"SOD": dict(zip(names, rows, strict=True))}


def test_a_line_has_at_most_115_characters_and_names_end_in_the_middle():
    lines = as_table(table([LONG, "x" * 200])).splitlines()
    assert max(map(len, lines)) == 115
    assert lines[1].split()[:2] == ["SOD", "trained"] and "…" in lines[1] and "…" in lines[2]
    numbers = [line.split()[-5:] for line in as_table(table(["m"])).splitlines()[1:]]
    assert lines[1].split()[-5:] == numbers[0]


def test_a_method_stands_beside_its_difference_from_the_first():
    values = {"ece": [0.1, 0.12], "ece_floor": [0.01, 0.011], "nll": [0.5, 0.45]}
    lines = as_table(table(["A", "B"], **values)).splitlines()
    assert lines[0].split()[:5] == ["set", "method", "ECE", "%", "difference"]
    assert lines[1].split() == ["SOD", "A", "10.00", "1.00", "50.00", "0.500", "50.00"]
    assert lines[2].split() == [
        "SOD", "B", "12.00", "+2.00", "1.10", "50.00", "0.450", "-0.050", "50.00"
    ]  # fmt: skip
    assert "difference" not in as_table(table(["A"]))


@pytest.mark.parametrize(
    ("values", "bold"),
    [
        ({"ece": [0.12, 0.11, 0.13]}, [1]),  # less is better
        ({"accuracy": [0.12, 0.11, 0.13]}, [2]),  # more is
        ({"gap": [-0.02, 0.03, 0.04]}, [0]),  # nearer to 0
        ({"gap": [-0.02, 0.02, 0.04]}, [0, 1]),  # as near
        ({"ece": [0.11002, 0.11004, 0.13]}, [0, 1]),  # what reads the same
        ({"ece": [0.11, 0.11, 0.11]}, []),
        ({"max_f": [None, 0.2, 0.1]}, [1]),
        ({"max_f": [None, None, None]}, []),
        ({"ece": [0.1]}, []),  # alone
        ({"ece_floor": [0.1, 0.2]}, []),  # it says nothing about a method
    ],
)
def test_the_best_is_in_bold(values, bold):
    (name,) = values
    column = [score.name for score in COLUMNS].index(name)
    methods = "abc"[: len(values[name])]
    lines = list(best_in_bold(table(methods, **values), "<{}>".format))
    marked = [[cell.startswith("<") for cell in cells] for _, _, cells in lines]
    expected = [
        [i in bold and c == column for c in range(len(COLUMNS))] for i in range(len(methods))
    ]
    assert marked == expected
