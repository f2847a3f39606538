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


def test_long_names_widen_their_columns():
    lines = as_table(table([LONG, "x" * 200])).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[-6:] for line in lines[1:]] == 2 * [as_table(table(["m"])).split()[-6:]]


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
