"""A training that a notebook shows live is the training itself."""

from dataclasses import replace

import torch

from aslp_lib.config import PRESETS
from aslp_lib.course.lessons.training import live_training
from aslp_lib.evaluation.figures import alt
from aslp_lib.metrics import calibration
from aslp_lib.training.loop import train

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
        self.shown.append(picture)


def test_training_is_seen_in_one_picture_and_is_the_same(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(live_training, "display", screen.display)
    monkeypatch.setattr(live_training, "show", alt)  # pictures take longer than the training
    data = SHORT.load_data()
    trained, seen = live_training.train_in_view(SHORT, data, every=2)
    assert list(trained) == list(seen) == ["BCE", "ASLP (MC)"]
    for label, counts in seen.items():  # of every epoch
        accuracies = [row["accuracy"] for row in trained[label].log]
        assert [calibration.accuracy(c) for c in counts] == accuracies
    # After epochs 2, 4 and 5 of each.
    assert ["ASLP" in alt for alt in screen.shown] == [False] * 3 + [True] * 3
    assert f"and {100 * trained['ASLP (MC)'].log[-1]['accuracy']:.1f} %" in screen.shown[-1]
    alone = train(SHORT, data, "aslp_mc", progress=False)
    assert alone.log == trained["ASLP (MC)"].log
    for name, weights in alone.network.state_dict().items():
        assert torch.equal(weights, trained["ASLP (MC)"].network.state_dict()[name])
