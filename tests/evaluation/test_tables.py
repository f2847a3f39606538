"""Tables of names of any length, and which scores are the best."""

import pytest

from aslp_lib.evaluation.tables import COLUMNS, TERMINAL, as_table, best_in_bold
from aslp_lib.metrics import SCORES

LONG = "trained for ninety epochs on DUTS-TR with everything turned on"


def table(names, **values):
    """A set's scores by method: all 0.5 but those given, a value a method."""
    rows = [{score: values.get(score, [0.5] * len(names))[i] for score in SCORES}
            for i in range(len(names))]  # fmt: skip
    return {"SOD": dict(zip(names, rows, strict=True))}


@pytest.mark.fault("a method or a set has a long name", "the terminal's table wraps it, in columns")
@pytest.mark.parametrize("width", [90, 110, 130])
@pytest.mark.parametrize(
    "names", [[LONG, "BCE"], ["x" * 200, "BCE"], ["方法" * 30, "e\u0301" * 40]]
)
@pytest.mark.parametrize("name", ["SOD", "a_set_of_quite_some_length_" * 2])
def test_long_names_stay_in_their_columns(names, name, width):
    (rows,) = table(names).values()
    head, *lines = as_table({name: rows}, width).splitlines()
    start = head.index("method")
    scores = head.index(TERMINAL[0].heading) + len(TERMINAL[0].heading) - 8
    assert len(head) <= width
    found = ["", ""]
    for line in lines:
        cells = columns(line)
        assert len(cells) <= width
        if cells[scores:]:  # a row begins
            assert "".join(cells[scores:]).split() == as_table(table(["m"])).split()[-6:]
            found = ["", ""]
        found = [found[0] + "".join(cells[:start]), found[1] + "".join(cells[start:scores])]
    assert [each.replace(" ", "") for each in found] == [name, names[-1].replace(" ", "")]


def columns(line):
    """What stands in each column of a terminal: ideographs take two, accents none."""
    cells = []
    for character in line:
        if character == "\u0301":
            cells[-1] += character
        else:
            cells += [character, ""] if ord(character) > 0x2E80 else [character]
    return cells


def test_without_a_terminal_nothing_is_wrapped():
    assert as_table(table([LONG, "x" * 200])).count("\n") == 2


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
    lines = list(best_in_bold(table(methods, **values), "<{}>"))
    marked = [[cell.startswith("<") for cell in cells] for _, _, cells in lines]
    expected = [
        [i in bold and c == column for c in range(len(COLUMNS))] for i in range(len(methods))
    ]
    assert marked == expected
