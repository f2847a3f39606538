"""What training leaves, and its checkpoints: all that a run needs to go on as if never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from aslp_lib.config import Settings
from aslp_lib.data.base import SaliencySet
from aslp_lib.files import write_csv
from aslp_lib.methods import Method
from aslp_lib.runs import MethodFolder
from aslp_lib.tensors import load_tensors, save_tensors


@dataclass
class TrainingState:
    """What training leaves: the network (in eval mode), what the method remembers, and one log row
    an epoch."""

    network: nn.Module
    method: Method
    log: list[dict[str, float]] = field(default_factory=list)


def save(
    folder: MethodFolder,
    settings: Settings,
    state: TrainingState,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write the checkpoint of an epoch, whole, over the last one; then the log."""
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"method.{k}": v for k, v in state.method.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    facts = {"method": state.method.name, "settings": settings.to_json(), "log": state.log}
    save_tensors(folder.checkpoint, tensors, facts)
    write_log(folder, state)


def restore(
    folder: MethodFolder,
    settings: Settings,
    state: TrainingState,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Fill network, method, optimizer and log; writes nothing, so that every process may.

    Raises:
        ValueError: the checkpoint is damaged, or was made with other settings.
    """
    tensors, facts = load_tensors(folder.checkpoint)
    try:
        other = Settings.from_json(facts["settings"]) != settings
        if not other:
            _fill(tensors, facts["log"], state, optimizer)
    # What is not as `save` wrote it can fail anywhere; the file is at fault in each case.
    except Exception as error:
        raise ValueError(
            f"{folder.checkpoint} is no checkpoint of this training ({type(error).__name__}: "
            f"{' '.join(str(error).split())}): remove it to begin anew"
        ) from error
    if other:
        raise ValueError(
            f"{folder.checkpoint} was made with other settings: resume it with its own, or choose "
            "another --out"
        )


def _fill(
    tensors: Mapping[str, Tensor],
    log: list[dict[str, float]],
    state: TrainingState,
    optimizer: torch.optim.Optimizer,
) -> None:
    def part(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    state.network.load_state_dict(part("network."))
    state.method.load_state_dict(part("method."))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in part("optimizer.").items():
        number, key = int(name.split(".")[0]), name.split(".")[1]
        if tensor.shape == parameters[number].shape:
            # The fused step walks memory: a moment must be laid out as its parameter is.
            tensor = torch.empty_like(parameters[number]).copy_(tensor)
        moments.setdefault(number, {})[key] = tensor.detach()
    for number, held in moments.items():  # torch would fail in the middle of its next step
        if held.keys() != {"step", "exp_avg", "exp_avg_sq"} or not held["step"] >= 1:
            raise ValueError("its moments are not Adam's")
        shape = parameters[number].shape
        if not held["exp_avg"].shape == held["exp_avg_sq"].shape == shape:
            raise ValueError(
                f"its moments of parameter {number} do not have the shape {tuple(shape)}"
            )
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    if not log:
        raise ValueError("its log is empty")
    state.log.extend(dict(row) for row in log)


def write_log(folder: MethodFolder, state: TrainingState) -> None:
    """Write the log, whole."""
    write_csv(folder.log, list(state.log[0]), [list(row.values()) for row in state.log])


def finish(
    folder: MethodFolder, settings: Settings, state: TrainingState, dataset: SaliencySet
) -> None:
    """Write what a finished training leaves: final weights, and what the method has of images."""
    for name, values in state.method.per_image().items():
        rows = zip(dataset.stems, values.tolist(), strict=True)
        write_csv(folder.per_image(name), ["stem", name], rows)
    facts = {
        "network": settings.network,
        "method": state.method.name,
        "settings": settings.to_json(),
    }
    save_tensors(folder.weights, state.network.state_dict(), facts)
