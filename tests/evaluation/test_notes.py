"""Notes: for each, maps that cause it and maps that do not."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from aslp_lib.config import Settings
from aslp_lib.evaluation import notes
from aslp_lib.evaluation.report import comparison_page, next_of_run, next_steps
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.evaluation.tables import PaperOptions as Options
from aslp_lib.evaluation.tables import as_table
from aslp_lib.experiments.tables import SeedScores
from aslp_lib.metrics import SCORES
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import Run

pytestmark = pytest.mark.usefixtures("few_resamples")

SHARES = [  # of foreground in the masks and in the predictions, and the class that is predicted
    (0.2, 0.0, "background"),
    (0.2, 0.0009, "background"),
    (0.2, 0.0011, ""),
    (0.002, 0.0001, "background"),  # small objects, of which at most one in 20 is found
    (0.002, 0.0009, ""),
    (0.8, 1.0, "foreground"),
    (0.8, 0.9989, ""),
    (0.0, 0.0, ""),  # textures: no object in any mask
    (0.0, 1.0, ""),
    (0.00001, 0.0, ""),  # a stray pixel
    (np.nan, np.nan, ""),  # a record of an earlier version
]


@pytest.mark.parametrize(("foreground", "predicted", "only"), SHARES)
def test_a_method_predicts_one_class_if_the_masks_hold_clearly_more_of_the_other(
    foreground, predicted, only
):
    facts = {"foreground": foreground, "predicted_foreground": predicted, "wrong_at_ends": 0.0}
    assert notes.one_class(facts) == only
    found = " ".join(notes.of_maps("SOD", "BCE", [facts]))
    assert found.startswith(f"SOD: BCE predicts {only} on more than" if only else "")
    assert bool(found) == bool(only)


WRONG_AND_RIGHT = np.array([-20, -3, 1, 30, 40.0]), np.array([-25.0, -200, 2, 300, 20])
"""Logits of five wrong and five right pixels. In float32, 1 begins at a logit of 17."""


@pytest.mark.parametrize(
    ("count", "convert", "share"),
    [
        (Counts.from_map, lambda z: np.rint(255 * expit(z)).astype(np.uint8), 0.6),
        (Counts.from_map, lambda z: np.uint8(255 * (z > 0)), 1),  # thresholded maps
        (Counts.from_floats, lambda z: (z > 0).astype(np.float64), 1),
        (Counts.from_floats, lambda z: expit(z.astype(np.float32)), 0.4),  # -20 is not 0
        (Counts.from_floats, lambda z: expit(z.astype(np.float16)).astype(np.float16), 0.6),
        (Counts.from_floats, lambda z: expit(z / 40), 0),
        (partial(Counts.from_floats, logits=True), lambda z: z, 0),
    ],
)
def test_confidence_is_hidden_if_most_wrong_pixels_are_exactly_0_or_1(count, convert, share):
    z = np.concatenate(WRONG_AND_RIGHT)[None]
    labels = np.where(np.arange(10) < 5, z < 0, z >= 0).astype(np.uint8)
    facts = notes.facts(count(convert(z), labels))
    assert facts["wrong_at_ends"] == pytest.approx(share)
    found = notes.of_maps("SOD", "BCE", [facts])
    said = f"SOD: {100 * share:.0f} % of the wrong pixels of BCE are exactly 0 or 1"
    assert [said in text for text in found] == [True] * (share > 0.5)


@pytest.mark.parametrize(
    ("units", "images", "words"),
    [
        (1, 1, None),
        (20, 20, "20 images are too narrow: .*, and those of a calibrated predictor's ECE"),
        (50, 50, "50 images are too narrow: in trials they held the truth in .* with 100$"),
        (20, 240, "20 groups of images are too narrow: in trials .* with 100$"),
        (100, 100, None),
    ],
)
def test_intervals_from_few_images_are_too_narrow(units, images, words):
    found = notes.few_images({"SOD": (units, images), "DTD": (units, images), "many": (200, 200)})
    assert len(found) == (words is not None)
    assert all(re.search(f"^SOD, DTD: 95 % intervals over {words}", note) for note in found)


def counts_of(maps, images=40):
    """Counts of images whose masks are drawn from the posterior 0.9 or 0.1, a half each."""
    rng = np.random.default_rng(0)
    labels = [(rng.random(400) < np.repeat([0.9, 0.1], 200))[None] for _ in range(images)]
    level = np.rint(255 * np.repeat(maps, 200)).astype(np.uint8)[None]
    return Counts.from_maps([level] * images, [y.astype(np.uint8) for y in labels])


OVER, UNDER, GOOD, COLLAPSED = (0.99, 0.01), (0.7, 0.3), (0.9, 0.1), (0.49, 0.49)
"""Probabilities of the two halves. The ECE of the collapsed network is small, since all is 1/2."""


@pytest.mark.parametrize("order", [("over", "collapsed"), ("collapsed", "over")])
def test_a_method_that_predicts_one_class_is_compared_with_none(order):
    counts = {"over": counts_of(OVER), "collapsed": counts_of(COLLAPSED), "good": counts_of(GOOD)}
    evaluation = Evaluation({"SOD": {name: counts[name] for name in (*order, "good")}})
    scores = evaluation.scores["SOD"]
    assert scores["collapsed"]["ece"] < scores["over"]["ece"]
    page = comparison_page(evaluation)
    of_method = dict(zip(evaluation.counts["SOD"], page.verdict["SOD"], strict=True))
    of_first = of_method[order[1]]
    assert "Not compared, because collapsed predicts one class." in of_first
    assert "Better" not in of_first and "Worse" not in of_first
    assert ("Better than over: ECE (" in of_method["good"]) == (order[0] == "over")
    head, *rows = as_table(evaluation).splitlines()
    column = head.split().index("difference") - 1  # of the ECE; "ECE %" are two words
    assert rows[1].split()[column] == "-"
    assert evaluation.best("SOD", SCORES["ece"]) == "good"
    caption = evaluation.caption([SCORES["ece"]], intervals=False)
    assert caption.endswith(" % are foreground, so it is not compared.")  # without advice


def records(ece, predicted):
    """Records of three seeds, with the predicted shares of foreground."""
    same = {"seed": range(3), "nll": [0.5, 0.51, 0.52], "images": 100, "foreground": 0.5}
    return pd.DataFrame({**same, "ece": ece, "predicted_foreground": predicted})


BCE, FOCAL = records([0.10, 0.11, 0.12], 0.4), records([0.05, 0.0601, 0.07], 0.4)
ONCE = FOCAL.assign(predicted_foreground=[0.4, 0.0, 0.0])


def test_over_seeds_a_method_that_collapses_once_is_not_compared():
    judged = [SCORES["ece"]]
    seeds = SeedScores({"SOD": {"BCE": BCE, "ASLP": ONCE, "focal": FOCAL}})
    assert set(seeds.compared("SOD", judged)["ece"]) == {"focal"}
    text = seeds.terminal_text(Options(scores=("ece",)))
    assert "SOD, ASLP: Not compared, because ASLP predicts one class." in text
    assert "SOD, focal: Better than BCE: ECE (-" in text
    assert "individual 95 % intervals" in text  # and Holm's correction, of more than two methods
    assert seeds.best("SOD", SCORES["ece"]) == "focal"
    assert seeds.notes() == [
        "SOD: ASLP predicts background on more than 99.9 % of the pixels with seed 1, 2, but "
        "50.0 % are foreground, so it is not compared. Look at its training first"
    ]
    first = SeedScores({"SOD": {"ASLP": ONCE, "BCE": BCE}})
    assert first.compared("SOD", judged)["ece"] == {}
    assert "individual" not in first.terminal_text(Options(scores=("ece",)))


@pytest.mark.parametrize(
    ("maps", "kind", "words"),
    [
        (OVER, "temperature_scaling", "is overconfident on SOD. Scale its temperature, fitted on"),
        (UNDER, "unperturb_temperature", "is underconfident on SOD. Undo the perturbation"),
        ((1, 0), "temperature_scaling", "is overconfident on SOD. Save logits first, as the note"),
        (GOOD, None, "needs no recalibration: chance could explain its ECE."),
        (COLLAPSED, None, "predicts one class on SOD: look at its training first."),
    ],
)
def test_a_report_says_what_to_do_next(maps, kind, words):
    evaluation = Evaluation({"SOD": {"mine": counts_of(maps)}})
    (step,) = next_steps(evaluation, lambda *names: " ".join(names))
    assert step.startswith(f"<b>mine</b> {words}")
    assert ("<code>" in step) == (kind is not None)
    assert kind is None or step.endswith(f"<code>SOD mine {kind}</code>")


COMMAND = "predict runs/mine --method bce --images"


@pytest.mark.parametrize(
    ("as_trained", "scaled", "words"),
    [
        (OVER, GOOD, [f"{COMMAND} DIR --out DIR --recalibration temperature_scaling"]),
        (GOOD, GOOD, []),
        (GOOD, OVER, []),
        (UNDER, (0.6, 0.4), ["recalibration does not lower its ECE there"]),
        (OVER, None, ["Scale its temperature", "not trained on: <code>", "recalibrate --help"]),
        (COLLAPSED, None, ["look at its training first"]),
    ],
)  # fmt: skip
def test_a_run_says_what_to_do_next(as_trained, scaled, words):
    kinds = () if scaled is None else ("temperature_scaling",)
    run = Run(Path("runs/mine"), Settings(methods=("bce",), recalibrate=kinds))
    labels = (variant.label for variant in run.variants())
    maps = {label: counts_of(p) for label, p in zip(labels, (as_trained, scaled), strict=False)}
    (step,) = next_of_run(run, Evaluation({"SOD": maps}))
    assert all(word in step for word in words)
    assert ("<code>" in step) == any("predict" in word or "--help" in word for word in words)
