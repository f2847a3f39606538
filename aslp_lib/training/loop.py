"""The training loop, for any training method, with a checkpoint after each epoch.

A resumed training ends with the same weights, bit for bit: all random numbers derive from (seed,
purpose, epoch), and the learning rate is a function of the step. Several processes share each batch
and compute the same gradient as a single process. The exception is BatchNorm on a CPU, where each
process normalises over its own share; on CUDA it normalises over the whole batch.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn
from tqdm.auto import tqdm

from aslp_lib import networks
from aslp_lib.config import Settings
from aslp_lib.data.base import DataSplits, derived_seed
from aslp_lib.methods import Draws
from aslp_lib.metrics import scores
from aslp_lib.runs import MethodFolder
from aslp_lib.training import checkpoints, distributed, optimization
from aslp_lib.training.batches import Batches, accelerator_for, in_batches
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
    after_epoch: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train a network by one training method.

    Every process returns the same state, and the main process writes the files.

    Args:
        method: a key of `aslp_lib.methods.METHODS`.
        folder: folder for the log, each image's alpha, the checkpoint, the final weights and the
            recalibrations fitted on them. Training resumes from a checkpoint in it. If None,
            nothing is written or recalibrated.
        after_epoch: function that the main process calls with the state after each epoch.

    Raises:
        FloatingPointError: the loss is not finite; the last checkpoint remains usable.
        ValueError: the folder's checkpoint was made with other settings, there are more processes
            than images in a batch, or there are too few pixels for BatchNorm.

    >>> settings = Settings(device="cpu", limit=4, epochs=2)
    >>> state = train(settings, settings.load_data(), "bce", progress=False)
    >>> [row["epoch"] for row in state.log]
    [1, 2]
    """
    accelerator = accelerator_for(settings)
    if settings.batch_size < accelerator.num_processes:
        raise ValueError(
            f"batch_size is {settings.batch_size}; expected at least {accelerator.num_processes}, "
            "an image of every batch for each process. Raise --batch-size, or launch fewer "
            "processes."
        )
    main, progress = accelerator.is_main_process, progress and accelerator.is_main_process
    state = prepare(settings, method, len(data.train), accelerator)
    if folder is not None and folder.checkpoint.exists():
        checkpoints.restore(folder, settings, state)
        if main:  # A kill between writing checkpoint and log leaves the log one row short.
            checkpoints.write_log(folder, state)
    if settings.cache_images:
        for part in (data.train, data.validation):
            part.cache(progress)

    steps = math.ceil(len(data.train) / settings.batch_size)
    done = len(state.log)
    batches = Batches(data.train, settings.loading_workers, accelerator)
    with tqdm(
        total=settings.epochs * steps,
        initial=done * steps,
        desc=state.method.label,
        unit="step",
        mininterval=1.0,  # Each refresh sends messages to a notebook, whose queue is finite.
        disable=not progress,
    ) as bar:
        for epoch in range(done, settings.epochs):
            loss, rate = run_epoch(epoch, settings, batches, state, bar)
            counts = validate(state.method.validated(state.network), data.validation, settings)
            state.validation = counts
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
    if folder is not None and main:
        checkpoints.finish(folder, settings, state, data.train)
    state.network.eval()
    if folder is not None:
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
        network = networks.build(settings.network, settings.weights)
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
    dataset.epoch.fill_(epoch)
    global_batches = in_batches(order, settings.batch_size)
    shares = [batch[distributed.shard(len(batch), accelerator)] for batch in global_batches]
    # All processes must take part in every step. A process without images in a small last batch
    # computes on one substitute image, whose loss is multiplied by 0.
    loaded = [share or batch[:1] for share, batch in zip(shares, global_batches, strict=True)]
    network.train()
    loss_sum, unlabelled = torch.zeros(2, device=accelerator.device)
    plan = optimization.plan(len(dataset), settings.batch_size, settings.accumulation_steps)
    for step, (images, labels, index) in enumerate(batches(loaded)):
        rate_fraction = optimization.set_rate(optimizer, settings, epoch + plan[step].done)
        batch_size = len(global_batches[step])
        draws = Draws(
            uniform[index],
            loaded[step],
            partial(derived_seed, settings.seed, SWITCHES, epoch),
            partial(distributed.rows_before, images=batch_size, accelerator=accelerator),
        )
        images, loss_labels = method.prepare(images, labels, index, draws)
        valid = None
        if dataset.ignored is not None:
            valid, loss_labels = ~loss_labels.isnan(), loss_labels.nan_to_num(0)
            draws = replace(draws, valid=valid)
        with accelerator.autocast():
            logits = network(images).float()
        loss = method.loss(logits, loss_labels, index, draws)
        # The loss is a sum over pixels, and gradients are averaged over processes. The factor
        # yields the gradient of the mean loss. It is applied per pixel, so that rounding does not
        # depend on the number of processes.
        pixels: int | Tensor = len(loaded[step]) * logits[0].numel()
        all_pixels: int | Tensor = batch_size * logits[0].numel()
        if valid is not None:
            counted = valid[: len(labels)].sum() * bool(shares[step])
            all_pixels = distributed.all_reduce_sum(counted, accelerator).clamp(min=1)
            pixels = counted.clamp(min=1)
            unlabelled += len(shares[step]) * (counted == 0)
        factor = plan[step].weight * accelerator.num_processes
        logits.register_hook(partial(_scaled, factor, all_pixels))
        accelerator.backward(loss if shares[step] else 0 * loss)
        if plan[step].last:
            optimization.take_step(accelerator, network, optimizer, settings.max_grad_norm)
            method.after_update(state.network)
        if shares[step]:
            method.after_step(index, logits.detach(), labels, draws)
        mean_loss = loss.detach() / pixels
        loss_sum += mean_loss * len(shares[step])
        bar.update()
        if step % REFRESH == 0 and shares[step]:
            current = _read(mean_loss)
            _check_finite(current, epoch, settings)
            if not bar.disable:
                means = {k: f"{_read(v.mean()):.3f}" for k, v in method.per_image().items()}
                postfix = {"epoch": epoch + 1, "loss": f"{current:.3f}", **means}
                bar.set_postfix(postfix, refresh=False)
    labelled: float = len(dataset)
    if dataset.ignored is not None:
        labelled -= _read(distributed.all_reduce_sum(unlabelled, accelerator))
    epoch_mean = _read(distributed.all_reduce_sum(loss_sum, accelerator)) / max(labelled, 1)
    _check_finite(epoch_mean, epoch, settings)
    updated = [i for share in shares for i in share]
    for values in method.per_image().values():
        distributed.share_items(values, updated, accelerator)
    # All processes get the main one's running statistics of BatchNorm and averaged weights.
    broadcast([*state.network.buffers(), *method.buffers()])
    return epoch_mean, settings.learning_rate * rate_fraction


def _order_and_draws(images: int, seed: int, epoch: int) -> tuple[list[int], Tensor]:
    """Draw an epoch's order of the images, and (images,) one uniform number in [0, 1) per image."""
    generator = torch.Generator().manual_seed(derived_seed(seed, ORDER, epoch))
    order = torch.randperm(images, generator=generator)
    switches = torch.Generator().manual_seed(derived_seed(seed, SWITCHES, epoch))
    uniform = torch.empty(images)
    uniform[order] = torch.rand(images, generator=switches)
    return order.tolist(), uniform


def _scaled(factor: float, divisor: int | Tensor, gradient: Tensor) -> Tensor:
    return gradient * factor / divisor


def _read(value: Tensor) -> float:
    """Read a number from the device; only this function synchronises the device in a step."""
    return value.item()


def _check_finite(loss: float, epoch: int, settings: Settings) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {epoch + 1}, with a peak learning rate of "
            f"{settings.learning_rate:g}; expected a finite value. Lower --learning-rate. The last "
            "checkpoint, if there is one, is kept."
        )
