"""CLAIMS.md is up to date, and what it names exists."""

import claims
import measured
import pandas as pd
import pytest
from scipy import stats


def test_the_page_is_up_to_date():
    assert claims.PAGE.read_text(encoding="utf-8") == claims.page(), "run python tests/claims.py"


def test_code_tests_and_sections_that_are_named_exist():
    every = [claim for group in claims.groups().values() for claim in group]
    missing = [name for claim in every for name in claims.missing(claim)]
    assert not missing
    wrong = {"code": "aslp.no.such", "test": "conftest.py::write_pairs", "section": "No such one"}
    assert len(claims.missing(every[0] | wrong)) == 3


@pytest.mark.parametrize(
    ("after", "falls", "stays"),
    [
        ((0.05, 0.07, 0.07, 0.09), "reproduced", "contradicted"),
        ((0.15, 0.17, 0.17, 0.19), "contradicted", "contradicted"),
        ((0.101, 0.109, 0.121, 0.129), "not resolved", "reproduced"),
        ((0.05, 0.17, 0.07, 0.19), "not resolved", "not resolved"),
    ],
)
def test_the_interval_over_seeds_decides_the_status(monkeypatch, after, falls, stays):
    before = (0.10, 0.11, 0.12, 0.13)
    ways = {"before": (*before, 0.9), "after": after}  # a seed that only one of them has
    monkeypatch.setattr(
        measured,
        "scores_of",
        lambda source, part, way: pd.DataFrame({"seed": range(len(ways[way])), "ece": ways[way]}),
    )

    def status_and_numbers(quantity):
        call = {"source": "", "part": "", "score": "ece", "before": "before", "after": "after"}
        return claims.status_and_numbers({"measured": {"quantity": quantity, **call}})

    status, numbers = status_and_numbers("falls")
    assert (status, status_and_numbers("stays")[0]) == (falls, stays)
    low, high = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert numbers.startswith(f"ECE 11.50 → {25 * sum(after):.2f} % (")
    assert numbers.endswith(f"[{100 * low:+.2f}, {100 * high:+.2f}]), 4 seeds")
