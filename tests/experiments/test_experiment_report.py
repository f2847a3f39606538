"""The report of an experiment draws and says what the records hold."""

import numpy as np
import pandas as pd
import pytest

from aslp_lib.config import PRESETS
from aslp_lib.evaluation.pages import write_page
from aslp_lib.experiments.figures import in_and_under_shift, paired_differences, scores_over_seeds
from aslp_lib.experiments.report import experiment_page
from aslp_lib.experiments.seed_statistics import difference, student_interval
from aslp_lib.experiments.tables import SMALLEST
from aslp_lib.metrics import SCORES

ECE, NLL = SCORES["ece"], SCORES["nll"]


def records(method, ece, nll):
    """Records of one method on one set, one for each seed."""
    rows = pd.DataFrame({**dict.fromkeys(SCORES, 0.5), "ece": ece, "nll": nll})
    keys = {"method": method, "options": [{}] * 3, "recalibration": "none", "set": "test"}
    return rows.assign(**keys, images=4, seed=range(3))


BCE = records("bce", [0.10, 0.11, 0.12], [0.5, 0.5, 0.5])
BETTER = records("aslp_mc", [0.05, 0.0601, 0.07], [0.501, 0.499, 0.5])
OTHER = records("focal", [0.05, 0.11, 0.15], [0.4, 0.5, 0.62])


def test_every_seed_is_drawn_with_the_mean_and_its_interval():
    values = {"A": [0.1, 0.2, 0.4], "B": [0.3, 0.3, 0.1]}
    (axis,) = scores_over_seeds(values, ECE, "set").axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["A", "B"]
    for row, (points, seeds) in enumerate(zip(axis.collections[:2], values.values(), strict=True)):
        drawn = points.get_offsets()
        assert sorted(drawn[:, 0]) == pytest.approx(100 * np.sort(seeds))
        assert set(drawn[:, 1]) == {row}
    whiskers = (tuple(line.get_xdata()) for line in axis.lines)
    ends = [x for x in whiskers if len(x) == 2 and x[0] < x[1]]
    expected = [100 * np.array(student_interval(seeds)) for seeds in values.values()]
    np.testing.assert_allclose(sorted(ends), sorted(map(tuple, expected)))


def test_differences_are_drawn_with_their_verdicts():
    paired = {k: difference(v, BCE, "nll") for k, v in (("A", BETTER), ("B", OTHER))}
    (axis,) = paired_differences(paired, NLL, SMALLEST, "set").axes
    words = [text.get_text() for text in axis.texts]
    assert words == ["too small to matter", "not resolved"]
    drawn = axis.collections[1].get_offsets()[:, 0]
    assert sorted(drawn) == pytest.approx(sorted(paired["B"].values))


def test_the_picture_has_a_mark_a_method_at_its_means():
    inside, shifted = {"BCE": [0.02, 0.04], "A": [0.01]}, {"BCE": [0.1, 0.3], "A": [0.2]}
    figure = in_and_under_shift(inside, shifted, ("validation", "SOD"), "2 seeds")
    points = [container[0].get_xydata()[0] for container in figure.axes[0].containers]
    np.testing.assert_allclose(points, [[3, 20], [1, 20]])
    assert "BCE: 3.0 % and 20.0 %" in figure.get_label()


@pytest.mark.filterwarnings("ignore:Ill-formed:UserWarning")
def test_a_report_says_which_differences_are_resolved(tmp_path):
    file = tmp_path / "report.html"
    undefined = records("brier", [np.nan, 0.1, 0.1], [0.5, 0.5, 0.5])
    rows = pd.concat([BCE, BETTER, OTHER, undefined])
    both = pd.concat([rows, rows.assign(set="shifted")], ignore_index=True)
    write_page(file, experiment_page(both, PRESETS["demo"]))
    page = file.read_text("utf-8")
    verdict = page[page.index("<h2>Verdict") : page.index("<h2>Scores")]
    for words in (
        "<b>ASLP (MC)</b> Better than BCE: ECE (-5.00 [",
        "points). Too small to matter: NLL (0.000 [",
        "<b>focal loss</b> Not resolved: ECE (-0.67 [",
        "<b>Brier loss</b> Too small to matter: NLL (",  # its ECE is undefined for a seed
    ):
        assert verdict.count(words) == 2  # one on each set
    assert page.count(">Brier loss</td><td>-</td>") == 2
    assert page.count("<img") == page.count(' alt="') == 2 * 4 + 1
