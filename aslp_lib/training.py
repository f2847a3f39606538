"""Training: BCE or ASLP, with a checkpoint every epoch from which a run goes on bit for bit.

All randomness comes from (seed, purpose, epoch), so no generator's state needs saving, and the
learning rate is a function of the step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from aslp_lib import networks
from aslp_lib.config import METHOD_LABELS, Method, Settings
from aslp_lib.data.base import DataSets, SaliencySet, derived_seed
from aslp_lib.method.adaptive import AdaptiveAlpha
from aslp_lib.method.loss import sc_bce_with_logits
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import MethodFolder, load_tensors, save_tensors, write_csv

INIT, ORDER, SWITCHES = range(3)
"""What a derived seed is for."""

REFRESH = 20
"""Steps between two readings of the loss: each one waits for the device."""


@dataclass
class Trained:
    """What training leaves: the network (in eval mode), its alphas and one log row an epoch."""

    network: nn.Module
    alphas: AdaptiveAlpha | None
    log: list[dict[str, float]] = field(default_factory=list)


def train(
    settings: Settings,
    data: DataSets,
    method: Method,
    folder: MethodFolder | None = None,
    *,
    progress: bool = True,
) -> Trained:
    """Train one method.

    Args:
        folder: where the log, the alphas, the checkpoint and the weights go; None keeps nothing. A
            checkpoint that lies there is gone on from.

    Raises:
        FloatingPointError: the loss is not finite; the last checkpoint stays good.
        ValueError: the folder's checkpoint belongs to other settings.
    """
    accelerator = accelerator_for(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(settings.seed, INIT))
        network = networks.build(settings.network, settings.weights)
    network.to(memory_format=torch.channels_last)  # a fifth faster on a CPU, needed by tensor cores
    alphas = settings.adaptive_alpha(len(data.train), method)
    optimizer = _optimizer(network, settings)
    network, optimizer = accelerator.prepare(network, optimizer)
    state = Trained(accelerator.unwrap_model(network), alphas)
    if alphas is not None:
        alphas.to(accelerator.device)
    if folder is not None and folder.checkpoint.exists():
        _restore(folder, settings, state, optimizer)
    if settings.hold:
        for part in (data.train, data.validation):
            part.hold(progress)

    steps = math.ceil(len(data.train) / settings.batch_size)
    done = len(state.log)
    bar = tqdm(
        total=settings.epochs * steps,
        initial=done * steps,
        desc=METHOD_LABELS[method],
        unit="step",
        disable=not progress,
    )
    with bar:
        for epoch in range(done, settings.epochs):
            loss, rate = _epoch(epoch, settings, data.train, network, optimizer, state, bar)
            counts = validate(network, data.validation, settings, accelerator)
            state.log.append(_row(epoch, loss, rate, counts, alphas))
            if alphas is not None:
                alphas.observe(calibration.accuracy(counts), calibration.confidence(counts))
            if folder is not None:
                _save(folder, settings, method, state, optimizer)
    if folder is not None:
        _finish(folder, settings, method, state, data.train)
    state.network.eval()
    return state


def accelerator_for(settings: Settings) -> Accelerator:
    """The device and precision that the settings ask for."""
    precision = None if settings.precision == "no" else settings.precision
    return Accelerator(cpu=settings.device == "cpu", mixed_precision=precision)


def loader(
    dataset: SaliencySet, settings: Settings, accelerator: Accelerator, order: list[int]
) -> DataLoader:
    """Batches of the items `order`, on the accelerator's device."""
    batches = DataLoader(
        dataset,
        settings.batch_size,
        sampler=order,
        num_workers=settings.workers,
        pin_memory=accelerator.device.type == "cuda",
    )
    return accelerator.prepare(batches)


@torch.inference_mode()
def validate(
    network: nn.Module, dataset: SaliencySet, settings: Settings, accelerator: Accelerator
) -> Counts:
    """Counts of a set at the network's size, from float probabilities."""
    network.eval()
    parts = []
    for images, labels, _ in loader(dataset, settings, accelerator, list(range(len(dataset)))):
        with accelerator.autocast():
            logits = network(images)
        probabilities = torch.sigmoid(logits.float())
        if not bool(torch.isfinite(probabilities).all()):
            raise FloatingPointError(
                f"the network's output on {dataset.name} is not finite: lower --learning-rate"
            )
        parts.append(Counts.from_probabilities(probabilities, labels))
    return Counts.join(parts)


def schedule(name: str, progress: float) -> float:
    """The learning rate's share of its peak, at `progress` in [0, 1] of the training."""
    if name == "constant":
        return 1.0
    if name == "one_cycle":
        warm = 0.3
        if progress < warm:
            return 0.04 + 0.96 * progress / warm
        progress = (progress - warm) / (1 - warm)
    return 0.5 * (1 + math.cos(math.pi * progress))


def _epoch(
    epoch: int,
    settings: Settings,
    dataset: SaliencySet,
    network: nn.Module,
    optimizer,
    state: Trained,
    bar: tqdm,
) -> tuple[float, float]:
    """One pass over the training set; its mean loss and last learning rate."""
    accelerator = accelerator_for(settings)
    generator = torch.Generator().manual_seed(derived_seed(settings.seed, ORDER, epoch))
    order = torch.randperm(len(dataset), generator=generator).tolist()
    switches = torch.Generator().manual_seed(derived_seed(settings.seed, SWITCHES, epoch))
    dataset.epoch = epoch
    batches = loader(dataset, settings, accelerator, order)
    network.train()
    total = torch.zeros((), device=accelerator.device)
    for step, (images, labels, index) in enumerate(batches):
        share = schedule(settings.schedule, (epoch + step / len(batches)) / settings.epochs)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share
        with accelerator.autocast():
            logits = network(images)
        logits = logits.float()
        loss = sc_bce_with_logits(
            logits,
            labels,
            0.0 if state.alphas is None else state.alphas[index],
            settings.perturbation,
            expected=settings.expected,
            generator=switches,
        )
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        if state.alphas is not None:
            state.alphas.update(index, logits.detach(), labels)
        total += loss.detach() * len(images)
        bar.update()
        if step % REFRESH == 0:
            _check_finite(loss.item(), epoch, settings)
            bar.set_postfix(epoch=epoch + 1, loss=f"{loss.item():.3f}", **_alpha(state.alphas))
    mean = total.item() / len(dataset)
    _check_finite(mean, epoch, settings)
    return mean, settings.learning_rate * share


def _check_finite(loss: float, epoch: int, settings: Settings) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {epoch + 1}, at a learning rate of "
            f"{settings.learning_rate:g}: lower --learning-rate. The checkpoint of the epoch "
            "before is kept"
        )


def _alpha(alphas: AdaptiveAlpha | None) -> dict[str, str]:
    return {} if alphas is None else {"alpha": f"{alphas.alpha.mean().item():.3f}"}


def _row(
    epoch: int, loss: float, rate: float, counts: Counts, alphas: AdaptiveAlpha | None
) -> dict[str, float]:
    levels = torch.zeros(1) if alphas is None else alphas.alpha
    low, high = torch.quantile(levels, torch.tensor([0.1, 0.9], device=levels.device)).tolist()
    return {
        "epoch": epoch + 1,
        "learning_rate": rate,
        "loss": loss,
        "accuracy": calibration.accuracy(counts),
        "confidence": calibration.confidence(counts),
        "ece": calibration.ece(counts),
        "oe": calibration.oe(counts),
        "alpha_mean": levels.mean().item(),
        "alpha_p10": low,
        "alpha_p90": high,
    }


def _optimizer(network: networks.DenseNetwork, settings: Settings) -> torch.optim.Optimizer:
    encoder = network.encoder_parameters()
    known = {id(p) for p in encoder}
    rest = [p for p in network.parameters() if id(p) not in known]
    rate = settings.learning_rate
    groups = [{"params": rest, "peak": rate}]
    if encoder:
        groups.append({"params": encoder, "peak": rate * settings.encoder_rate})
    return torch.optim.Adam(groups, lr=rate, fused=True)


def _save(
    folder: MethodFolder, settings: Settings, method: Method, state: Trained, optimizer
) -> None:
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    if state.alphas is not None:
        tensors |= {f"alphas.{k}": v for k, v in state.alphas.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    facts = {"method": method, "settings": settings.to_json(), "log": state.log}
    save_tensors(folder.checkpoint, tensors, facts)
    _write_log(folder, state)


def _restore(folder: MethodFolder, settings: Settings, state: Trained, optimizer) -> None:
    tensors, facts = load_tensors(folder.checkpoint)
    if facts.get("settings") != settings.to_json():
        raise ValueError(
            f"{folder.checkpoint} was made with other settings: resume it with its own, or choose "
            "another --out"
        )

    def part(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    state.network.load_state_dict(part("network."))
    if state.alphas is not None:
        state.alphas.load_state_dict(part("alphas."))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in part("optimizer.").items():
        number, key = int(name.split(".")[0]), name.split(".")[1]
        if tensor.shape == parameters[number].shape:
            # The fused step walks memory: a moment must be laid out as its parameter is.
            tensor = torch.empty_like(parameters[number]).copy_(tensor)
        moments.setdefault(number, {})[key] = tensor.detach()
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    state.log.extend(facts["log"])
    # A kill between the two files of an epoch leaves a log that is one row short.
    _write_log(folder, state)


def _write_log(folder: MethodFolder, state: Trained) -> None:
    write_csv(folder.log, list(state.log[0]), [list(row.values()) for row in state.log])


def _finish(
    folder: MethodFolder,
    settings: Settings,
    method: Method,
    state: Trained,
    dataset: SaliencySet,
) -> None:
    if state.alphas is not None:
        rows = zip(dataset.stems, state.alphas.alpha.tolist(), strict=True)
        write_csv(folder.alphas, ["stem", "alpha"], rows)
    facts = {"network": settings.network, "method": method, "settings": settings.to_json()}
    save_tensors(folder.weights, state.network.state_dict(), facts)
