"""The training loop, for any training method, with a checkpoint after each epoch.

In one process, a resumed training ends with the same weights, bit for bit: all random numbers
derive from (seed, purpose, epoch), and the learning rate is a function of the step. With
several processes, each computes its share of every batch; accelerate averages the gradients
(DistributedDataParallel), and methods share what they keep per image after each epoch.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn
from tqdm.auto import tqdm

from aslp_lib import networks
from aslp_lib.config import Settings
from aslp_lib.data.image_set import DataSplits, derived_seed
from aslp_lib.methods import Draws
from aslp_lib.metrics import scores
from aslp_lib.runs import MethodFolder
from aslp_lib.training import checkpoints, optimization
from aslp_lib.training.batches import Batches, accelerator_for, in_batches, share
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.recalibrate import recalibrate
from aslp_lib.training.validation import validate

INIT, ORDER, SWITCHES = range(3)
"""Purposes of random numbers; each purpose has its own seed."""

REFRESH = 20
"""Number of steps between readings of the loss. Each reading synchronises the device, so few are
made."""


def train(
    settings: Settings,
    data: DataSplits,
    method: str,
    folder: MethodFolder | None = None,
    *,
    progress: bool = True,
    position: int = 0,
    after_epoch: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train a network by one training method.

    Every process returns the same state, and the main process writes the files.

    Args:
        method: a key of `aslp_lib.methods.METHODS`.
        folder: folder for the log, each image's alpha, the checkpoint, the final weights and the
            recalibrations fitted on them. Training resumes from a checkpoint in it. If None,
            nothing is written or recalibrated.
        progress: show progress bars.
        position: line of the progress bar, if several processes show theirs.
        after_epoch: function that the main process calls with the state after each epoch.

    Raises:
        FloatingPointError: the loss is not finite; the last checkpoint remains usable.
        ValueError: the folder's checkpoint was made with other settings, or there are too few
            pixels for BatchNorm.

    >>> settings = Settings(device="cpu", limit=4, epochs=2)
    >>> state = train(settings, settings.load_data(), "bce", progress=False)
    >>> [row["epoch"] for row in state.log]
    [1, 2]
    """
    accelerator = accelerator_for(settings)
    main = accelerator.is_main_process
    state = prepare(settings, method, len(data.train), accelerator)
    if folder is not None and folder.checkpoint.exists():
        checkpoints.restore(folder, settings, state)
        if main:  # A kill between writing checkpoint and log leaves the log one row short.
            checkpoints.write_log(folder, state)
    if settings.cache_images:
        for part in (data.train, data.validation):
            part.cache(progress and main)

    steps = math.ceil(len(data.train) / settings.batch_size)
    done = len(state.log)
    batches = Batches(data.train, settings.loading_workers, accelerator)
    with tqdm(
        total=settings.epochs * steps,
        initial=done * steps,
        desc=state.method.label,
        position=position,
        unit="step",
        mininterval=1.0,  # Each refresh sends messages to a notebook, whose queue is finite.
        disable=not (progress and main),
    ) as bar:
        for epoch in range(done, settings.epochs):
            loss, rate = run_epoch(epoch, settings, batches, state, bar)
            validated = state.method.validated(state.network)
            broadcast([*validated.buffers()])  # the main process's statistics of BatchNorm
            state.validation = counts = validate(validated, data.validation, settings)
            state.method.after_validation(counts, state.network)
            state.log.append(
                {"epoch": epoch + 1, "learning_rate": rate, "loss": loss}
                | scores(counts, names=("accuracy", "confidence", "ece", "oe"))
                | {name: value.item() for name, value in state.method.log().items()}
            )
            if folder is not None and main:
                checkpoints.save(folder, settings, state)
            if after_epoch is not None and main:
                after_epoch(state)
    state.method.finish(state.network)
    state.network.eval()
    if folder is not None:
        if main:
            checkpoints.finish(folder, settings, state, data.train)
        accelerator.wait_for_everyone()  # for the files that the main process wrote
        recalibrate(state.network, data, settings, method, folder)
    accelerator.wait_for_everyone()
    return state


def prepare(
    settings: Settings, method: str, images: int, accelerator: Accelerator
) -> TrainingState:
    """Create the initial training state: the network, the method and the optimiser.

    Args:
        method: a key of `aslp_lib.methods.METHODS`.
        images: number of training images.

    >>> settings = Settings(device="cpu")
    >>> state = prepare(settings, "bce", 4, accelerator_for(settings))
    >>> state.log, state.method.label
    ([], 'BCE')
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(settings.seed, INIT))
        network = networks.build(settings.network, settings.weights, settings.channels)
    # channels_last is about 20 % faster on a CPU, and avoids layout conversions for tensor cores.
    # The keyword is passed as a dict, because older type annotations of `Module.to` (before torch
    # 2.15) do not include it.
    layout: dict[str, Any] = {"memory_format": torch.channels_last}
    network.to(**layout)
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        # SyncBatchNorm normalises over the whole batch; it does not exist for a CPU.
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    trained_method = settings.method(method, images)
    trained_method.begin(network)
    if settings.compile:
        network.compile()  # In place, so that the names in the checkpoint stay the same.
    fused = accelerator.device.type in ("cpu", "cuda")
    optimizer = optimization.adam(network, settings, fused)
    parallel, optimizer = accelerator.prepare(network, optimizer)
    trained_method.to(accelerator.device)
    network = accelerator.unwrap_model(parallel)
    return TrainingState(network, trained_method, optimizer, parallel)


def run_epoch(
    epoch: int, settings: Settings, batches: Batches, state: TrainingState, bar: tqdm
) -> tuple[float, float]:
    """Train for one epoch; return the mean loss and the last learning rate.

    The mean is over images, without those of batches that have no labelled pixel.

    Args:
        epoch: number of the epoch, from 0.
        bar: progress bar, advanced by one after each batch.
    """
    dataset, accelerator = batches.dataset, batches.accelerator
    network, optimizer, method = state.parallel, state.optimizer, state.method
    order, uniform = _order_and_draws(len(dataset), settings.seed, epoch)
    uniform = uniform.to(accelerator.device)
    seed_of_image = partial(derived_seed, settings.seed, SWITCHES, epoch)
    steps = in_batches(in_batches(order, settings.batch_size), settings.accumulation_steps)
    shares = [share(batch, accelerator, equal=True) for step in steps for batch in step]
    dataset.epoch.fill_(epoch)
    network.train()
    losses, counted = torch.zeros(2, device=accelerator.device)
    loaded = enumerate(zip(shares, batches(shares), strict=True))
    for number, step in enumerate(steps):
        rate = optimization.set_rate(optimizer, settings, epoch + number / len(steps))
        for batch in step:
            place, (rows, (images, labels, index)) = next(loaded)
            draws = Draws(uniform[index], rows, seed_of_image)
            images, targets = method.prepare(images, labels, index, draws)
            with accelerator.autocast():
                logits = network(images)
            logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
            pixels = (~targets[: len(index)].isnan()).sum()
            loss = method.loss(logits, targets, index, draws) / pixels.clamp(min=1)
            # The gradient of a step is the mean over its images, whatever their batches.
            accelerator.backward(len(batch) / sum(map(len, step)) * loss)
            method.after_step(index, logits.detach(), labels, draws)
            losses += loss.detach() * len(index)
            counted += len(index) * (pixels > 0)
            bar.update()
            if place % REFRESH == 0:
                means = {name: x.mean().item() for name, x in method.per_image().items()}
                current = _finite(loss, epoch, settings)
                bar.set_postfix(epoch=epoch + 1, loss=current, **means, refresh=False)
        if settings.max_grad_norm is not None:
            accelerator.clip_grad_norm_(network.parameters(), settings.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        method.after_update(state.network)
    losses, counted = accelerator.reduce(losses), accelerator.reduce(counted)
    return _finite(losses / counted.clamp(min=1), epoch, settings), settings.learning_rate * rate


def _order_and_draws(images: int, seed: int, epoch: int) -> tuple[list[int], Tensor]:
    """Draw an epoch's order of the images, and (images,) one uniform number in [0, 1) per image."""
    generator = torch.Generator().manual_seed(derived_seed(seed, ORDER, epoch))
    order = torch.randperm(images, generator=generator)
    switches = torch.Generator().manual_seed(derived_seed(seed, SWITCHES, epoch))
    uniform = torch.empty(images)
    uniform[order] = torch.rand(images, generator=switches)
    return order.tolist(), uniform


def _finite(loss: Tensor, epoch: int, settings: Settings) -> float:
    """Read a loss from the device, for which it has to wait, and check it."""
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value} in epoch {epoch + 1}, with a peak learning rate of "
            f"{settings.learning_rate:g}; expected a finite value. Lower --learning-rate. The last "
            "checkpoint, if there is one, is kept."
        )
    return value
