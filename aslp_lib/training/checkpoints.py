"""The state and the results of a training run, and checkpoints to resume it bit for bit."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from aslp_lib.checks import explained
from aslp_lib.config import Settings
from aslp_lib.data.image_set import ImageSet
from aslp_lib.files import write_csv
from aslp_lib.methods import Method
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.runs import MethodFolder
from aslp_lib.tensors import load_tensors, save_tensors, with_prefix


@dataclass
class TrainingState:
    """The state of a run: the network, the method, the optimiser, and one log row per epoch.

    After training, the network is in eval mode. `validation` holds the counts of the latest
    validation; it is None before the first one, also in a resumed training. `parallel` is the
    network as accelerate wraps it: its backward pass averages gradients over the processes.
    """

    network: nn.Module
    method: Method
    optimizer: Optimizer
    parallel: nn.Module
    log: list[dict[str, float]] = field(default_factory=list)
    validation: AnyCounts | None = None


def save(folder: MethodFolder, settings: Settings, state: TrainingState) -> None:
    """Write the checkpoint of an epoch over the previous one, atomically; then the log."""
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"method.{k}": v for k, v in state.method.state_dict().items()}
    for number, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    facts = {"method": state.method.name, "settings": settings.to_json(), "log": state.log}
    save_tensors(folder.checkpoint, tensors, facts)
    write_log(folder, state)


def restore(folder: MethodFolder, settings: Settings, state: TrainingState) -> None:
    """Load the checkpoint into the network, the method, the optimiser and the log.

    Nothing is written, so every process may call it.

    Raises:
        ValueError: the checkpoint is damaged, or was made by another method or with other settings.
    """
    tensors, facts = load_tensors(folder.checkpoint)
    problem = f"{folder.checkpoint} is not a checkpoint of this training"
    expected = (
        "one of the same method and settings. Resume the run with its own settings, choose another "
        "--out, or remove the file to start again."
    )
    # The content of a file that `save` did not write may fail anywhere, with any error.
    with explained(problem, expected, Exception):
        made = facts["method"], Settings.from_json(facts["settings"])
        if made != (state.method.name, settings):
            raise ValueError("it was made by another method or with other settings")
        _fill(tensors, state)
        state.log.extend(facts["log"])


def _fill(tensors: Mapping[str, Tensor], state: TrainingState) -> None:
    """Load tensors; raise an error if they do not fit network, method and optimiser."""
    state.network.load_state_dict(with_prefix(tensors, "network."))
    state.method.load_state_dict(with_prefix(tensors, "method."))
    parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in with_prefix(tensors, "optimizer.").items():
        number, key = int(name.split(".")[0]), name.split(".")[1]
        if tensor.shape == parameters[number].shape:
            # The fused step goes through memory in order: moments need their parameter's layout.
            tensor = torch.empty_like(parameters[number]).copy_(tensor)
        moments.setdefault(number, {})[key] = tensor.detach()
    state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": moments})


def write_log(folder: MethodFolder, state: TrainingState) -> None:
    """Write the log as a CSV table, atomically."""
    write_csv(folder.log, list(state.log[0]), [list(row.values()) for row in state.log])


def finish(
    folder: MethodFolder, settings: Settings, state: TrainingState, dataset: ImageSet
) -> None:
    """Write the results of a run: the final weights, and the method's value of each image.

    Args:
        dataset: the training set, whose stems name the rows.
    """
    for name, values in state.method.per_image().items():
        rows = zip(dataset.stems, values.tolist(), strict=True)
        write_csv(folder.per_image(name), ["stem", name], rows)
    facts = {"network": settings.network, "method": state.method.name}
    facts["settings"] = settings.to_json()
    save_tensors(folder.weights, state.network.state_dict(), facts)
