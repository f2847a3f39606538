"""Insurance: verdicts by set, their table, and what ASLP changes where BCE is overconfident."""

import pandas
import pytest

from aslp_lib.course import figures
from aslp_lib.course.lessons import insurance
from aslp_lib.course.second_trial import Contrast, Effect, Judged


def judged(question, mean, word):
    return Judged(
        Contrast("M", "B", question), Effect(mean, mean - 0.01, mean + 0.01, 0, 1, 9), word
    )


def test_a_table_of_verdicts_shows_shares_in_percent_and_nats():
    rows = {
        "home": judged("ece of test", 0.02, "worse"),
        "SOD": judged("nll of SOD", -0.02, "better"),
    }
    table = figures.verdicts(("set", "M", "M − B", "verdict"), rows, {"home": [0.05], "SOD": [0.3]})
    *_, home, away = table.data.splitlines()
    assert home == "| home | 5.00 | +2.00 [+1.00, +3.00] | worse |"
    assert away == "| SOD | 0.300 | −0.020 [−0.030, −0.010] | better |"


def test_verdicts_are_named_by_regime_and_set():
    family = [judged("nll of rare_formats", 0.0, "not resolved")]
    by_set = insurance.by_set({"nuclei": None}, lambda frame, regime: family)
    assert by_set == {"nuclei: rare formats": family[0]}


def test_changes_on_shifted_sets_are_shares_of_the_loss_of_bce(monkeypatch):
    rows = [
        (seed, arm, name, nll, " ".join([f"{nll}"] * 2), gap)
        for seed in range(4)
        for arm, nll, gap in (("B", 0.4, 0.07), ("M", 0.3, -0.02))
        for name in ("test", "SOD", "DTD")
    ]
    columns = ["seed", "arm", "set", "nll", "nll_groups", "gap"]
    frame = pandas.DataFrame(rows, columns=columns).assign(
        weights="last", recalibration="as trained", ece=0.1, ece_groups="0.1 0.1"
    )
    sets = insurance.on_shifted_sets({"photos": frame})
    assert sets["set"].tolist() == ["SOD", "DTD"]
    assert sets.gap.tolist() == pytest.approx([7, 7])
    assert sets.change.tolist() == pytest.approx([-25, -25])
    ends = [*sets.low, *sets.high]  # the seeds do not differ, so the interval is a point
    assert ends == pytest.approx(4 * [-25])
