"""The ledger: its page is that of its table, and what its table points at is there."""

from dataclasses import replace

import claims
import measured
import pytest
from scipy import stats

EVERY = [claim for own in claims.GROUPS.values() for claim in own]
GOOD = EVERY[0]


def test_the_page_is_that_of_the_table_and_of_the_records():
    assert claims.PAGE.read_text(encoding="utf-8") == claims.page(), "run python tests/claims.py"


@pytest.mark.parametrize("claim", EVERY, ids=lambda claim: claim.what[:60])
def test_code_test_and_section_are_there(claim):
    assert not claims.missing(claim)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "aslp_lib.aslp.perturbation.perturbed"},
        {"code": "aslp_lib.no_such.thing"},
        {"test": "aslp/test_perturbation.py::test_perturbed_labels"},
        {"test": "aslp/test_perturbations.py::test_perturbed_labels_of_the_paper"},
        {"test": "conftest.py::write_pairs"},  # there, but no test
        {"cell": ("02_label_perturbation", "Two formulas")},
        {"cell": ("02_label_perturbations", "One formula")},
    ],
)
def test_what_was_renamed_is_missed(wrong):
    assert len(claims.missing(replace(GOOD, **wrong))) == 1


def test_the_tests_are_collected(request):
    """By pytest itself, of the files that this session runs as a whole."""
    option = request.config.option
    if option.markexpr or option.keyword or any("::" in each for each in request.config.args):
        pytest.skip("some tests of a file are left out")
    there = {item.nodeid.partition("[")[0] for item in request.session.items}
    files = {each.partition("::")[0] for each in there}
    asked = {f"tests/{claim.test}" for claim in EVERY if claim.test}
    own = {each for each in asked if each.partition("::")[0] in files}
    assert own <= there


def records(*values):
    return [{"seed": seed, "ece": value} for seed, value in enumerate(values)]


BEFORE = (0.10, 0.11, 0.12, 0.13)


@pytest.mark.parametrize(
    ("after", "falls", "stays"),
    [
        ((0.05, 0.07, 0.07, 0.09), True, False),
        ((0.15, 0.17, 0.17, 0.19), False, False),
        ((0.101, 0.109, 0.121, 0.129), None, True),
        ((0.05, 0.17, 0.07, 0.19), None, None),
    ],
)
def test_a_claim_holds_where_the_whole_interval_agrees(after, falls, stays):
    first, second = records(*BEFORE), records(*after)
    found = measured.falls(first, second, "ece")
    assert found.holds is falls
    assert measured.stays(first, second, "ece").holds is stays
    low, high = stats.ttest_rel(after, BEFORE).confidence_interval(0.95)
    assert f"[{100 * low:+.2f}, {100 * high:+.2f}]" in found.text
    assert found.text.startswith(f"ECE 11.50 → {25 * sum(after):.2f} %")
    assert found.text.endswith("4 seeds")


def test_seeds_that_only_one_has_are_left_out():
    both = measured.falls(records(*BEFORE, 0.9), records(0.05, 0.07, 0.07, 0.09), "ece")
    assert both == measured.falls(records(*BEFORE), records(0.05, 0.07, 0.07, 0.09), "ece")


def test_the_speed_on_a_cpu_is_not_that_on_a_card(monkeypatch):
    rows = [
        {"device": device, "network": "tiny", "images_per_second": {"ours": ours, "plain": 4.0}}
        for device, ours in (("AMD EPYC, 2 processors", 6.0), ("NVIDIA H100", 2.0))
    ]
    monkeypatch.setattr(measured, "held", lambda name: rows)
    assert measured.training_speed() == ("1.50 times as fast (tiny)", True)


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        (measured.Measured("1", True), claims.SMALL),
        (measured.Measured("1", False), "contradicted"),
        (measured.Measured("1", None), "not settled"),
        (None, "not attempted"),
    ],
)
def test_what_was_measured_decides_over_the_status(numbers, status):
    claim = replace(GOOD, status=claims.SMALL, measured=lambda: numbers)
    assert claims.found(claim) == (status, "1" if numbers else "")


def test_the_page_lists_every_claim_once_with_a_known_status():
    rows = [line for line in claims.page().splitlines() if line.startswith("| ")]
    for claim in EVERY:
        (row,) = (row for row in rows if row.startswith(f"| {claim.what} |"))
        assert any(f"| {status} |" in row for status in claims.MEANINGS)
