"""Notebooks as lessons: a prediction is asked before its answer, a derivation is checked."""

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
CONTROL = r"= (?:predictions\.)?(?:Number|Choice)\("


def cells(path: Path) -> list[tuple[str, str]]:
    """(type, source) of each."""
    return [(c["cell_type"], "".join(c["source"])) for c in json.loads(path.read_text())["cells"]]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda p: p.stem)
def test_each_prediction_has_a_control_and_is_compared_with_its_own_answer(path):
    """Names differ, so that a learner who goes back compares what was asked there."""
    here, made, compared = cells(path), [], []
    for (kind, source), (_, following) in zip(here, [*here[1:], ("", "")], strict=True):
        if kind == "markdown":
            assert "**Predict" not in source or re.search(CONTROL, following), source
            continue
        compared += re.findall(r"(\w+)\.against\(", source)
        assert set(compared) <= set(made)
        made += re.findall(rf"^(\w+) {CONTROL}", source, re.M)
    assert sorted(compared) == sorted(set(made)) == sorted(made)


class TestDerivation:
    def test_each_step_is_asked_then_unfolded_then_checked(self):
        derived, steps = cells(FOLDER / "03_sc_bce.ipynb"), set()
        for before, (_, source), (_, after) in zip(derived, derived[1:], derived[2:], strict=False):
            if "<details>" in source:
                assert re.search(CONTROL, before[1])
                assert re.search(r"^assert sp\.", after, re.M)
                steps |= set(re.findall(r"Unfold the derivation of step (\d)", source))
        assert steps == set("12345678")
