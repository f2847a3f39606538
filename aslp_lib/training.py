"""Training: BCE or ASLP, with a checkpoint every epoch from which a run goes on bit for bit.

All randomness comes from (seed, purpose, epoch), so no generator's state needs saving, and the
learning rate is a function of the step.
"""

from __future__ import annotations

import math

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from aslp_lib import checkpoints, networks, optimization
from aslp_lib.checkpoints import Trained
from aslp_lib.config import METHOD_LABELS, Method, Settings
from aslp_lib.data.base import DataSets, SaliencySet, derived_seed
from aslp_lib.method.adaptive import AdaptiveAlpha
from aslp_lib.method.loss import sc_bce_with_logits
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import MethodFolder

INIT, ORDER, SWITCHES = range(3)
"""What a derived seed is for."""

REFRESH = 20
"""Steps between two readings of the loss: each one waits for the device."""


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
    if settings.compile:
        network.compile()  # in place: the names in the checkpoint stay
    fused = accelerator.device.type in ("cpu", "cuda")
    optimizer = optimization.adam(network, settings, fused)
    network, optimizer = accelerator.prepare(network, optimizer)
    state = Trained(accelerator.unwrap_model(network), alphas)
    if alphas is not None:
        alphas.to(accelerator.device)
    if folder is not None and folder.checkpoint.exists():
        checkpoints.restore(folder, settings, state, optimizer)
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
        mininterval=1.0,  # each refresh is several messages in a notebook, whose queue is finite
        disable=not progress,
    )
    with bar:
        for epoch in range(done, settings.epochs):
            loss, rate = _epoch(
                epoch, settings, data.train, network, optimizer, state, bar, accelerator
            )
            counts = validate(network, data.validation, settings)
            state.log.append(_row(epoch, loss, rate, counts, alphas))
            if alphas is not None:
                alphas.observe(calibration.accuracy(counts), calibration.confidence(counts))
            if folder is not None:
                checkpoints.save(folder, settings, method, state, optimizer)
    if folder is not None:
        checkpoints.finish(folder, settings, method, state, data.train)
    state.network.eval()
    return state


def accelerator_for(settings: Settings) -> Accelerator:
    """The device and precision that the settings ask for.

    Raises:
        RuntimeError: several processes were launched; alphas are not shared between them yet.
    """
    cpu = settings.device == "cpu"
    # accelerate keeps one state a process; other settings in the same notebook need a new one.
    if AcceleratorState._shared_state:
        state = AcceleratorState()
        if state.mixed_precision != settings.mixed_precision or bool(state._cpu) != cpu:
            AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=cpu, mixed_precision=settings.mixed_precision)
    if accelerator.num_processes > 1:
        raise RuntimeError("training runs in one process: start it without `accelerate launch`")
    return accelerator


def loader(
    dataset: SaliencySet, settings: Settings, accelerator: Accelerator, order: list[int]
) -> DataLoader:
    """Batches of the items `order`, on the accelerator's device."""
    batches = DataLoader(
        dataset,
        settings.batch_size,
        sampler=order,
        num_workers=settings.loading_workers,
        pin_memory=accelerator.device.type == "cuda",
    )
    return accelerator.prepare(batches)


@torch.inference_mode()
def validate(network: nn.Module, dataset: SaliencySet, settings: Settings) -> Counts:
    """Counts of a set at the network's size, from float probabilities."""
    accelerator = accelerator_for(settings)
    network.to(accelerator.device).eval()
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


def _epoch(
    epoch: int,
    settings: Settings,
    dataset: SaliencySet,
    network: nn.Module,
    optimizer,
    state: Trained,
    bar: tqdm,
    accelerator: Accelerator,
) -> tuple[float, float]:
    """One pass over the training set; its mean loss and last learning rate."""
    generator = torch.Generator().manual_seed(derived_seed(settings.seed, ORDER, epoch))
    order = torch.randperm(len(dataset), generator=generator).tolist()
    switches = torch.Generator().manual_seed(derived_seed(settings.seed, SWITCHES, epoch))
    dataset.epoch = epoch
    batches = loader(dataset, settings, accelerator, order)
    network.train()
    total = torch.zeros((), device=accelerator.device)
    plan = optimization.plan(len(dataset), settings.batch_size, settings.accumulate)
    for step, (images, labels, index) in enumerate(batches):
        part = plan[step]
        share = optimization.set_rate(optimizer, settings, epoch + part.done)
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
        accelerator.backward(loss * part.weight)
        if part.last:
            optimization.take_step(accelerator, network, optimizer, settings.clip)
        if state.alphas is not None:
            state.alphas.update(index, logits.detach(), labels)
        total += loss.detach() * len(images)
        bar.update()
        if step % REFRESH == 0:
            _check_finite(loss.item(), epoch, settings)
            facts = {"epoch": epoch + 1, "loss": f"{loss.item():.3f}", **_alpha(state.alphas)}
            bar.set_postfix(facts, refresh=False)
    mean = total.item() / len(dataset)
    _check_finite(mean, epoch, settings)
    return mean, settings.learning_rate * share


def _check_finite(loss: float, epoch: int, settings: Settings) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {epoch + 1}, at a learning rate of "
            f"{settings.learning_rate:g}: lower --learning-rate. The last checkpoint, if "
            "there was one, is kept"
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
