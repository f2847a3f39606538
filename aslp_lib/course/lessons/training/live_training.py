"""Training runs that a notebook shows live."""

from IPython.display import DisplayHandle, display

from aslp_lib.config import Settings
from aslp_lib.course.lessons.training.figures import in_view
from aslp_lib.data.image_set import DataSplits
from aslp_lib.evaluation.figures import show
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.loop import train


def train_in_view(
    settings: Settings, data: DataSplits, every: int = 20
) -> dict[str, TrainingState]:
    """Train the two methods of `settings`, BCE and ASLP (MC), under one figure of their logs.

    The figure is redrawn in place as training proceeds. The notebook keeps the last figure.

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
        history = show(in_view({label: run.log for label, run in trained.items()}))
        if handle is None:
            handle = display(history, display_id=True)
        else:
            handle.update(history)

    for method in settings.methods:
        train(settings, data, method, progress=False, after_epoch=draw)
    return trained
