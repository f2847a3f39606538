"""The script itself: what it changes, what it leaves, and that its lists are of this code."""

import ast
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import mutants

SOURCE = '''\
"""Not 1."""
from __future__ import annotations
__all__ = ["f"]

def f(x: tuple[int, 1], low: int = 0, *, high=2.5) -> int:
    """Nor 2."""
    if low <= x < high and not x:
        return min(x[low:], key=abs) + 1
    x.y = low
    print(x)
    return None
'''


def test_every_kind_of_change_and_no_other():
    found = {(m.number, m.mutation) for m in mutants.mutants_of("f.py", SOURCE)}
    condition = "low <= x < high and (not x)"
    assert found == {
        *((5, f"default of {name} -> nothing") for name in ("low", "high")),
        *((5, change) for change in ("0 -> 1", "0 -> -1", "2.5 -> 3.5", "2.5 -> -2.5")),
        (7, f"if {condition} -> if not ({condition})"),
        (7, f"{condition} -> low <= x < high or not x"),
        (7, "low <= x < high -> low < x < high"),
        (7, "low <= x < high -> low <= x <= high"),
        (7, "not x -> x"),
        (8, "return min(x[low:], key=abs) + 1 -> return None"),
        (8, "min(x[low:], key=abs) + 1 -> min(x[low:], key=abs) - 1"),
        (8, "argument key=abs -> nothing"),
        (8, "min(x[low:], key=abs) -> max(x[low:], key=abs)"),
        (8, "low: -> :"),
        *((8, change) for change in ("1 -> 2", "1 -> 0")),
        (9, "x.y = low -> nothing"),
        (10, "print(x) -> nothing"),
    }
    for mutant in mutants.mutants_of("f.py", SOURCE):
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(SOURCE)), mutant.mutation


def test_each_place_has_a_key_of_its_own_and_its_own_lot():
    source = "\n".join(["a = 1 + 1", *(f"b{i} = {i}" for i in range(2, 20))])
    found = mutants.mutants_of("f.py", source)
    assert len({mutant.key for mutant in found}) == len(found)
    assert "1 -> 2 (2)" in {mutant.mutation for mutant in found}
    known = {found[0].key}
    drawn = mutants.sample(found, 0.5, 0, known)
    assert known <= {mutant.key for mutant in drawn}
    later = mutants.sample(mutants.mutants_of("f.py", f"\n{source}"), 0.5, 0, known)
    assert [mutant.key for mutant in later] == [mutant.key for mutant in drawn]
    assert mutants.sample(found, 0.5, 1, set()) != mutants.sample(found, 0.5, 0, set())


@pytest.mark.slow
def test_the_lists_are_of_this_code_and_every_file_has_tests():
    """7 seconds: every mutant is made."""
    every = mutants.every_mutant()
    listed = [mutants.listed(kind, every) for kind in ("known", "equivalent")]
    assert len(listed[0]) >= 6
    assert not set(listed[0]) & set(listed[1])
    assert all(why for each in listed for why in each.values())
    for file in {mutant.file for mutant in every}:
        assert mutants.tests_of(file), file
    with pytest.raises(ValueError, match="there is no such mutant"):
        mutants.listed("known", every[:5])
