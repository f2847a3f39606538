"""Training runs that a notebook shows live, and compares in a table."""

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
    """Train the methods of `settings` one after another, under one figure of their histories.

    The figure is redrawn in place as training proceeds, so that one can watch confidence rise above
    accuracy. The notebook keeps the last figure.

    Args:
        every: number of epochs between two updates of the figure.

    Returns:
        Label of the method -> its state at the end of training.
    """
    trained: dict[str, TrainingState] = {}
    handle: DisplayHandle | None = None

    def draw(state: TrainingState) -> None:
        nonlocal handle
        trained[state.method.label] = state
        if len(state.log) % every and len(state.log) < settings.epochs:
            return
        history = show(training_history({label: run.log for label, run in trained.items()}))
        if handle is None:
            handle = display(history, display_id=True)
        else:
            handle.update(history)

    for method in settings.methods:
        train(settings, data, method, progress=False, after_epoch=draw)
    return trained


def side_by_side(rows: Mapping[str, Settings]) -> dict[str, TrainingState]:
    """Train the one method of each row, and print its line of a table as soon as it is trained.

    A line has the perturbation levels, if the method has them, and accuracy, mean confidence, ECE
    and OE on the first test set, in percent.

    Args:
        rows: name of the row -> its settings, data included.

    Raises:
        ValueError: a row has several methods; nothing is trained in that case.
    """
    for name, settings in rows.items():
        if len(settings.methods) != 1:
            raise ValueError(f"{name} has the methods {settings.methods}; expected one per row")
    trained = {}
    print(HEAD)
    for name, settings in rows.items():
        data = settings.load_data()
        state = train(settings, data, settings.methods[0], progress=False)
        print(_table_line(name, state, settings, data))
        trained[name] = state
    return trained


def _table_line(name: str, state: TrainingState, settings: Settings, data: DataSplits) -> str:
    last, alphas = state.log[-1], f"{'-':>10} {'-':>16}"
    if "alpha_mean" in last:
        middle_range = f"{last['alpha_p10']:.3f} to {last['alpha_p90']:.3f}"
        alphas = f"{last['alpha_mean']:10.3f} {middle_range:>16}"
    counts = validate(state.network, next(iter(data.tests.values())), settings)
    scores = "".join(f"{100 * score(counts):12.1f}" for score in SCORES.values())
    return f"{name:24} {alphas}{scores}"
