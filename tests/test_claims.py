"""CLAIMS.md is up to date, and what it names exists."""

import json
import math
import re
from pathlib import Path

import claims
import measured
import pandas as pd
import pytest
from scipy import stats

from aslp_lib.course.lessons import LESSONS


@pytest.mark.slow
def test_the_page_is_up_to_date():
    assert claims.PAGE.read_text(encoding="utf-8") == claims.page(), "run make tables"


def headings(lesson: str) -> set[str]:
    path = claims.ROOT / "notebooks" / f"{LESSONS[lesson].notebook}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return set(re.findall(r"^#{1,4} (.+)$", text, re.M))


@pytest.mark.slow
def test_groups_tests_and_sections_that_are_named_exist():
    for group, (claim, _, _, test, section) in [*claims.marked(), *claims.recorded()]:
        file, _, name = test.partition("::")
        assert group in claims.TEXTS["groups"], claim
        assert not test or f"def {name}(" in Path(claims.ROOT / file).read_text(), claim
        lesson, _, heading = section.partition(": ")
        assert not lesson or heading in headings(lesson), claim


@pytest.mark.parametrize(
    ("after", "falls", "stays"),
    [
        ((0.05, 0.07, 0.07, 0.09), True, False),
        ((0.15, 0.17, 0.17, 0.19), False, False),
        ((0.101, 0.109, 0.121, 0.129), None, True),
        ((0.05, 0.17, 0.07, 0.19), None, None),
    ],
)
def test_the_interval_over_seeds_decides_a_claim(after, falls, stays):
    before = (0.10, 0.11, 0.12, 0.13)
    # A seed that only one of them has is left out.
    runs = [pd.DataFrame({"ece": e, "seed": range(len(e))}) for e in ((*before, 0.9), after)]
    result = measured.verdict("ece", *runs, -math.inf, 0.0)
    assert result.holds is falls
    assert measured.verdict("ece", *runs, -0.01, 0.01).holds is stays
    low, high = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert result.text.startswith(f"ECE 11.50 → {25 * sum(after):.2f} % (")
    assert result.text.endswith(f"[{100 * low:+.2f}, {100 * high:+.2f}]), 4 seeds")
