"""Training by any method, with a checkpoint every epoch from which a run goes on bit for bit.

All randomness comes from (seed, purpose, epoch), so no generator's state needs saving, and the
learning rate is a function of the step. Several processes share each batch and do with it what one
would; BatchNorm's statistics are of the whole batch on CUDA, of each process's share on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm.auto import tqdm

from aslp_lib import networks
from aslp_lib.config import Settings
from aslp_lib.data.base import DataSplits, derived_seed
from aslp_lib.methods import Draws, Method
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import MethodFolder
from aslp_lib.training import checkpoints, distributed, optimization
from aslp_lib.training.batches import Batches, accelerator_for, in_batches
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.recalibrate import recalibrate
from aslp_lib.training.validation import validate

INIT, ORDER, SWITCHES = range(3)
"""What a derived seed is for."""

REFRESH = 20
"""Steps between two readings of the loss: each one waits for the device."""


def train(
    settings: Settings,
    data: DataSplits,
    method: str,
    folder: MethodFolder | None = None,
    *,
    progress: bool = True,
    after_epoch: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train one method, by its name in `aslp_lib.methods.METHODS`.

    Of several processes each returns the same, and the main one writes.

    Args:
        folder: where the log, each image's alpha, the checkpoint, the weights and what is fitted
            on them go; None keeps nothing, and fits nothing. A checkpoint that lies there is gone
            on from.
        after_epoch: shown the state after each epoch, by the main process.

    Raises:
        FloatingPointError: the loss is not finite; the last checkpoint stays good.
        ValueError: the folder's checkpoint belongs to other settings; or there are more processes
            than images in a batch, or too few pixels for BatchNorm.
    """
    accelerator = accelerator_for(settings)
    if settings.batch_size < accelerator.num_processes:
        raise ValueError(
            f"batch_size is {settings.batch_size}, shared by {accelerator.num_processes} "
            "processes: each needs an image of every batch (shares may differ by one)"
        )
    main, progress = accelerator.is_main_process, progress and accelerator.is_main_process
    network, optimizer, state = prepare(settings, method, len(data.train), accelerator)
    if folder is not None and folder.checkpoint.exists():
        checkpoints.restore(folder, settings, state, optimizer)
        if main:  # a kill between the two files of an epoch leaves a log that is one row short
            checkpoints.write_log(folder, state)
    if settings.cache_images:
        for part in (data.train, data.validation):
            part.cache(progress)

    steps = math.ceil(len(data.train) / settings.batch_size)
    done = len(state.log)
    batches = Batches(data.train, settings.loading_workers, accelerator)
    bar = tqdm(
        total=settings.epochs * steps,
        initial=done * steps,
        desc=state.method.label,
        unit="step",
        mininterval=1.0,  # each refresh is several messages in a notebook, whose queue is finite
        disable=not progress,
    )
    with bar:
        for epoch in range(done, settings.epochs):
            loss, rate = run_epoch(epoch, settings, batches, network, optimizer, state, bar)
            judged = state.method.validated(state.network)
            counts = validate(judged, data.validation, settings)
            state.method.after_validation(counts, state.network)
            state.log.append(_row(epoch, loss, rate, counts, state.method))
            if folder is not None and main:
                checkpoints.save(folder, settings, state, optimizer)
            if after_epoch is not None and main:
                after_epoch(state)
    state.method.finish(state.network)
    if folder is not None and main:
        checkpoints.finish(folder, settings, state, data.train)
    state.network.eval()
    if folder is not None:
        recalibrate(state.network, data, settings, folder)
    accelerator.wait_for_everyone()
    return state


def prepare(
    settings: Settings, method: str, images: int, accelerator: Accelerator
) -> tuple[nn.Module, torch.optim.Optimizer, TrainingState]:
    """The network as it is trained, its optimizer, and the state that training starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(settings.seed, INIT))
        network = networks.build(settings.network, settings.weights)
    # A fifth faster on a CPU, needed by tensor cores. (Before 2.15, torch's types of `to` lack it.)
    layout: dict[str, Any] = {"memory_format": torch.channels_last}
    network.to(**layout)
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        # BatchNorm over the whole batch; a CPU has no such layer.
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    remembers = settings.method(method, images)
    remembers.begin(network)
    if settings.compile:
        network.compile()  # in place: the names in the checkpoint stay
    fused = accelerator.device.type in ("cpu", "cuda")
    optimizer = optimization.adam(network, settings, fused)
    network, optimizer = accelerator.prepare(network, optimizer)
    remembers.to(accelerator.device)
    return network, optimizer, TrainingState(accelerator.unwrap_model(network), remembers)


def run_epoch(
    epoch: int,
    settings: Settings,
    batches: Batches,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    bar: tqdm,
) -> tuple[float, float]:
    """One pass over the training set; its mean loss and last learning rate."""
    dataset, accelerator, method = batches.dataset, batches.accelerator, state.method
    order, uniform = _order_and_draws(len(dataset), settings.seed, epoch)
    uniform = uniform.to(accelerator.device)
    dataset.epoch = epoch
    whole = in_batches(order, settings.batch_size)
    parts = [distributed.shard(len(batch), accelerator) for batch in whole]
    own = [batch[part] for batch, part in zip(whole, parts, strict=True)]
    # A process without an image of a small last batch runs one all the same, as the others wait
    # for its gradient, but leaves it out of the loss.
    held = [mine or batch[:1] for mine, batch in zip(own, whole, strict=True)]
    rows_before = partial(distributed.rows_before, accelerator=accelerator)
    network.train()
    total = torch.zeros((), device=accelerator.device)
    plan = optimization.plan(len(dataset), settings.batch_size, settings.accumulation_steps)
    for step, (images, labels, index) in enumerate(batches(held)):
        rate = optimization.set_rate(optimizer, settings, epoch + plan[step].done)
        draws = Draws(
            uniform[index],
            held[step],
            partial(derived_seed, settings.seed, SWITCHES, epoch),
            partial(rows_before, part=parts[step], images=len(whole[step])),
        )
        images, seen = method.prepare(images, labels, index, draws)
        with accelerator.autocast():
            logits = network(images)
        logits = logits.float()
        loss = method.loss(logits, seen, index, draws)
        # From the sum to the whole batch's mean; processes' gradients are averaged. Divided here,
        # pixel by pixel, each process rounds as one alone would.
        pixels = logits[0].numel()
        factor = plan[step].weight * accelerator.num_processes
        logits.register_hook(partial(_scaled, factor, len(whole[step]) * pixels))
        accelerator.backward(loss if own[step] else 0 * loss)
        if plan[step].last:
            optimization.take_step(accelerator, network, optimizer, settings.max_grad_norm)
            method.after_update(state.network)
        if own[step]:
            method.after_step(index, logits.detach(), labels)
        mean = loss.detach() / (len(held[step]) * pixels)
        total += mean * len(own[step])
        bar.update()
        if step % REFRESH == 0 and own[step]:
            now = _read(mean)
            _check_finite(now, epoch, settings)
            if not bar.disable:
                means = {k: f"{_read(v.mean()):.3f}" for k, v in method.per_image().items()}
                bar.set_postfix({"epoch": epoch + 1, "loss": f"{now:.3f}", **means}, refresh=False)
    whole_mean = _read(distributed.all_reduce_sum(total, accelerator)) / len(dataset)
    _check_finite(whole_mean, epoch, settings)
    distributed.share_buffers(state.network, accelerator)
    moved = [i for batch in own for i in batch]
    for values in method.per_image().values():
        distributed.share_items(values, moved, accelerator)
    distributed.share_buffers(method, accelerator)  # of what it keeps of the network
    return whole_mean, settings.learning_rate * rate


def _order_and_draws(images: int, seed: int, epoch: int) -> tuple[list[int], Tensor]:
    """The order of the images in an epoch, and (images,) a number in [0, 1) of each image's own."""
    generator = torch.Generator().manual_seed(derived_seed(seed, ORDER, epoch))
    order = torch.randperm(images, generator=generator)
    switches = torch.Generator().manual_seed(derived_seed(seed, SWITCHES, epoch))
    uniform = torch.empty(images)
    uniform[order] = torch.rand(images, generator=switches)
    return order.tolist(), uniform


def _scaled(factor: float, over: int, gradient: Tensor) -> Tensor:
    return gradient * factor / over


def _read(value: Tensor) -> float:
    """A number from the device. It waits for the device, and in a step nothing else does."""
    return value.item()


def _check_finite(loss: float, epoch: int, settings: Settings) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {epoch + 1}, at a learning rate of "
            f"{settings.learning_rate:g}: lower --learning-rate. The last checkpoint, if "
            "there was one, is kept"
        )


def _row(epoch: int, loss: float, rate: float, counts: Counts, method: Method) -> dict[str, float]:
    return {
        "epoch": epoch + 1,
        "learning_rate": rate,
        "loss": loss,
        "accuracy": calibration.accuracy(counts),
        "confidence": calibration.confidence(counts),
        "ece": calibration.ece(counts),
        "oe": calibration.oe(counts),
        **{name: value.item() for name, value in method.log().items()},
    }
