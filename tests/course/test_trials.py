"""What a notebook shows of trainings is what was trained."""

from dataclasses import replace

import pytest
import torch

from aslp_lib.config import PRESETS
from aslp_lib.course.models import live_training as trials
from aslp_lib.metrics import calibration
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

SHORT = replace(PRESETS["demo"], epochs=5, limit=20, size=16, device="cpu").tuned(
    aslp={"alpha_warm_up": 1}
)


class Screen:
    """Takes the place of the notebook's output: what is shown, and what in its place later."""

    def __init__(self):
        self.shown = []

    def display(self, picture, display_id):
        assert display_id and not self.shown
        self.update(picture)
        return self

    def update(self, picture):
        self.shown.append(picture.alt)


def test_training_is_seen_in_one_picture_and_is_the_same(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(trials, "display", screen.display)
    data = SHORT.load_data()
    trained = trials.train_in_view(SHORT, data, every=2)
    assert list(trained) == ["BCE", "ASLP (MC)"]
    # After epochs 2, 4 and 5 of each.
    assert ["ASLP" in alt for alt in screen.shown] == [False] * 3 + [True] * 3
    last = trained["ASLP (MC)"].log[-1]
    assert f"mean alpha {last['alpha_mean']:.3f}" in screen.shown[-1]
    alone = train(SHORT, data, "calibration", progress=False)
    assert alone.log == trained["ASLP (MC)"].log
    for name, weights in alone.network.state_dict().items():
        assert torch.equal(weights, trained["ASLP (MC)"].network.state_dict()[name])


def test_a_row_has_its_levels_and_its_scores(capsys):
    rows = {"levels": replace(SHORT, methods=("calibration",), seed=3)}
    trained = trials.side_by_side(rows)["levels"]
    _, line = capsys.readouterr().out.splitlines()
    counts = validate(trained.network, SHORT.load_data().tests["test"], SHORT)
    names = ("accuracy", "confidence", "ece", "oe")
    scores = [f"{100 * getattr(calibration, name)(counts):.1f}" for name in names]
    name, mean, *_ = line.split()
    assert line.split()[-4:] == scores
    assert (name, mean) == ("levels", f"{trained.method.alphas.alpha.mean():.3f}")


def test_a_row_trains_one_method():
    with pytest.raises(ValueError, match=r"two has methods .*, but a row trains one"):
        trials.side_by_side({"two": SHORT})
