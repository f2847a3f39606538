"""Training runs of the lesson, which a notebook shows live."""

from dataclasses import replace

from IPython.display import DisplayHandle, display

from aslp_lib.config import PRESETS, Settings
from aslp_lib.course.lessons.training.figures import confidence_and_accuracy
from aslp_lib.data.image_set import DataSplits
from aslp_lib.evaluation.figures import show
from aslp_lib.metrics.counts import Counts
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.loop import train


def settings() -> Settings:
    """Return the settings of the lesson's runs: small images, and large steps."""
    small = replace(PRESETS["demo"], size=24, limit=80, epochs=60, device="cpu")
    fast = replace(small, batch_size=20, learning_rate=8e-3)
    return fast.tuned(aslp={"alpha_step_size": 0.0125})


def train_in_view(
    settings: Settings, data: DataSplits, every: int = 20
) -> tuple[dict[str, TrainingState], dict[str, list[Counts]]]:
    """Train the two methods of `settings`, BCE and ASLP (MC), under one figure of their logs.

    The figure is redrawn in place as training proceeds. The notebook keeps the last figure.

    Args:
        every: number of epochs between two updates of the figure.

    Returns:
        Label of the method -> its state at the end of training, and its validation counts after
        each epoch.
    """
    trained: dict[str, TrainingState] = {}
    seen: dict[str, list[Counts]] = {}
    handle: DisplayHandle | None = None

    def draw(state: TrainingState) -> None:
        nonlocal handle
        trained[state.method.label] = state
        if isinstance(state.validation, Counts):  # of two classes
            seen.setdefault(state.method.label, []).append(state.validation)
        if len(state.log) % every and len(state.log) < settings.epochs:
            return
        history = show(confidence_and_accuracy({label: run.log for label, run in trained.items()}))
        if handle is None:
            handle = display(history, display_id=True)
        else:
            handle.update(history)

    for method in settings.methods:
        train(settings, data, method, progress=False, after_epoch=draw)
    return trained, seen
