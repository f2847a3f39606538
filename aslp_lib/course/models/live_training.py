"""Trainings that a notebook watches while they run, and sets side by side in a table."""

from __future__ import annotations

from collections.abc import Mapping

from IPython.display import DisplayHandle, display

from aslp_lib.config import Settings
from aslp_lib.data.base import DataSplits
from aslp_lib.evaluation.figures import show, training_history
from aslp_lib.metrics import calibration
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

SCORES = {
    "accuracy": calibration.accuracy,
    "confidence": calibration.confidence,
    "ECE": calibration.ece,
    "OE": calibration.oe,
}
HEAD = f"{'%, but for levels':24} {'mean level':>10} {'10 to 90 %':>16}" + "".join(
    f"{name:>12}" for name in SCORES
)


def train_in_view(settings: Settings, data: DataSplits, every: int = 5) -> dict[str, TrainingState]:
    """Train the methods of `settings` one after another, under one picture of their histories.

    The picture is drawn again, in its place, as training goes on: one sees confidence leave
    accuracy, and the page keeps the last picture.

    Args:
        every: epochs from one picture to the next.

    Returns:
        What was trained, by the methods' labels.
    """
    trained: dict[str, TrainingState] = {}
    picture: DisplayHandle | None = None

    def draw(state: TrainingState) -> None:
        nonlocal picture
        trained[state.method.label] = state
        if len(state.log) % every and len(state.log) < settings.epochs:
            return
        history = show(training_history({label: each.log for label, each in trained.items()}))
        if picture is None:
            picture = display(history, display_id=True)
        else:
            picture.update(history)

    for method in settings.methods:
        train(settings, data, method, progress=False, after_epoch=draw)
    return trained


def side_by_side(rows: Mapping[str, Settings]) -> dict[str, TrainingState]:
    """Train each row's one method, and print its line of a table as soon as it is trained.

    A line has the levels (of methods that have them), and of the first test set accuracy, mean
    confidence, ECE and OE, in %.

    Args:
        rows: name of the row -> its settings, data included.

    Raises:
        ValueError: a row with several methods; nothing is trained then.
    """
    for name, settings in rows.items():
        if len(settings.methods) != 1:
            raise ValueError(f"{name} has methods {settings.methods}, but a row trains one")
    trained = {}
    print(HEAD)
    for name, settings in rows.items():
        data = settings.load_data()
        state = train(settings, data, settings.methods[0], progress=False)
        print(_line(name, state, settings, data))
        trained[name] = state
    return trained


def _line(name: str, state: TrainingState, settings: Settings, data: DataSplits) -> str:
    last, levels = state.log[-1], f"{'-':>10} {'-':>16}"
    if "alpha_mean" in last:
        between = f"{last['alpha_p10']:.3f} to {last['alpha_p90']:.3f}"
        levels = f"{last['alpha_mean']:10.3f} {between:>16}"
    counts = validate(state.network, next(iter(data.tests.values())), settings)
    scores = "".join(f"{100 * score(counts):12.1f}" for score in SCORES.values())
    return f"{name:24} {levels}{scores}"
