"""The calls of docs/compared.md, here and in other packages, and the numbers beside them."""

import re
from pathlib import Path

import numpy as np
import pytest

from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.counts import Counts

PAGE = (Path(__file__).parents[1] / "docs" / "compared.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its head and without backticks."""
    table = re.search(rf"## {heading}\n\n((?:\|.*\n)+)", PAGE)[1]
    return [[c.strip(" `") for c in line.strip("|").split(" |")] for line in table.splitlines()[2:]]


SAME, ALIKE = rows("The same number"), rows("Calls that look alike")


@pytest.fixture(scope="module")
def names() -> dict:
    """What the page's code defines."""
    pytest.importorskip("py_sod_metrics", reason="the extra 'saliency' is not installed")
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    defined: dict = {}
    exec(block, defined)
    return defined


@pytest.mark.parametrize(("here", "elsewhere", "value"), [row[1:] for row in SAME])
def test_both_calls_give_the_number_of_the_page(names, here, elsewhere, value):
    """torchmetrics computes in float32."""
    ours, theirs = (float(eval(call, names)) for call in (here, elsewhere))
    assert f"{ours:.4f}" == value
    assert ours == pytest.approx(theirs, abs=1e-6 if "tm." in elsewhere else 1e-12)


@pytest.mark.parametrize(("elsewhere", "theirs", "here", "ours"), [row[:4] for row in ALIKE])
def test_calls_that_look_alike_give_the_two_numbers_of_the_page(
    names, elsewhere, theirs, here, ours
):
    assert [f"{float(eval(call, names)):.4f}" for call in (elsewhere, here)] == [theirs, ours]
    assert theirs != ours


def test_a_confidence_of_1_has_a_bin_of_its_own_in_torchmetrics(names):
    """One pixel is wrong with confidence 1, another right with 0.96."""
    counts = Counts.from_map(np.uint8([[255, 245]]), np.uint8([[0, 1]]))
    confidence, correct = names["torch"].tensor([1.0, 245 / 255]), names["torch"].tensor([0, 1])
    theirs = names["tm"].BinaryCalibrationError(n_bins=10)(confidence, correct)
    assert theirs.item() == pytest.approx((1 + 10 / 255) / 2)
    assert calibration.ece(counts) == pytest.approx((1 + 245 / 255) / 2 - 1 / 2)


def test_what_a_wrong_saturated_pixel_costs(names):
    ours = calibration.nll(Counts.from_map(np.uint8([[0]]), np.uint8([[1]])))
    theirs = names["sk"].log_loss([1], [0.0], labels=[0, 1])
    assert f"costs {ours:.1f} nats" in PAGE and f"costs {theirs:.0f} nats" in PAGE
    assert ours == pytest.approx(np.log(510))


def test_an_image_without_foreground_is_left_out_here_and_0_in_pysodmetrics(names):
    nothing = np.zeros((3, 4), np.uint8)
    maps, masks = [*names["maps"], nothing + 9], [*names["masks"], nothing]
    counts = Counts.from_maps(maps, masks)
    for score in (saliency.mean_f, saliency.iou):
        assert score(counts) == pytest.approx(score(names["counts"]), abs=1e-12)
    theirs = names["pysod"]([m / 255 for m in maps], [k == 1 for k in masks], normalize=False)
    mean = saliency.mean_f(counts)
    assert theirs["fm"]["dynamic"].mean() == pytest.approx(2 / 3 * mean, abs=1e-12)
