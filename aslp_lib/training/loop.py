"""Training: BCE or ASLP, with a checkpoint every epoch from which a run goes on bit for bit.

All randomness comes from (seed, purpose, epoch), so no generator's state needs saving, and the
learning rate is a function of the step. Several processes share each batch and do with it what one
would; BatchNorm's statistics are of the whole batch on CUDA, of each process's share on a CPU.
"""

from __future__ import annotations

import math

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm.auto import tqdm

from aslp_lib import networks
from aslp_lib.config import METHOD_LABELS, Method, Settings
from aslp_lib.data.base import DataSplits, derived_seed
from aslp_lib.files import discard_halves
from aslp_lib.methods.aslp.alphas import AdaptiveAlpha
from aslp_lib.methods.aslp.loss import sc_bce_with_logits
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

SURELY_BACKGROUND = -1e4
"""A logit whose loss on a background label is exactly 0."""


def train(
    settings: Settings,
    data: DataSplits,
    method: Method,
    folder: MethodFolder | None = None,
    *,
    progress: bool = True,
) -> TrainingState:
    """Train one method.

    Of several processes each returns the same, and the main one writes.

    Args:
        folder: where the log, the alphas, the checkpoint, the weights and the recalibrations fitted
            on them go; None keeps nothing, and fits none. A checkpoint that lies there is gone on
            from.

    Raises:
        FloatingPointError: the loss is not finite; the last checkpoint stays good.
        ValueError: the folder's checkpoint belongs to other settings; or there are more processes
            than images in a batch.
    """
    accelerator = accelerator_for(settings)
    if settings.batch_size < accelerator.num_processes:
        raise ValueError(
            f"batch_size is {settings.batch_size}, shared by {accelerator.num_processes} "
            "processes: each needs an image of every batch (shares may differ by one)"
        )
    main, progress = accelerator.is_main_process, progress and accelerator.is_main_process
    network, optimizer, state = prepare(settings, method, len(data.train), accelerator)
    alphas = state.alphas
    if folder is not None and main:
        discard_halves(folder.path)
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
        desc=METHOD_LABELS[method],
        unit="step",
        mininterval=1.0,  # each refresh is several messages in a notebook, whose queue is finite
        disable=not progress,
    )
    with bar:
        for epoch in range(done, settings.epochs):
            loss, rate = run_epoch(epoch, settings, batches, network, optimizer, state, bar)
            counts = validate(state.network, data.validation, settings)
            state.log.append(_row(epoch, loss, rate, counts, alphas))
            if alphas is not None:
                alphas.observe(calibration.accuracy(counts), calibration.confidence(counts))
            if folder is not None and main:
                checkpoints.save(folder, settings, method, state, optimizer)
    if folder is not None and main:
        checkpoints.finish(folder, settings, method, state, data.train)
    state.network.eval()
    if folder is not None:
        recalibrate(state.network, data, settings, folder)
    accelerator.wait_for_everyone()
    return state


def prepare(
    settings: Settings, method: Method, images: int, accelerator: Accelerator
) -> tuple[nn.Module, torch.optim.Optimizer, TrainingState]:
    """The network as it is trained, its optimizer, and the state that training starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(settings.seed, INIT))
        network = networks.build(settings.network, settings.weights)
    network.to(memory_format=torch.channels_last)  # a fifth faster on a CPU, needed by tensor cores
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        # BatchNorm over the whole batch; a CPU has no such layer.
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    if settings.compile:
        network.compile()  # in place: the names in the checkpoint stay
    fused = accelerator.device.type in ("cpu", "cuda")
    optimizer = optimization.adam(network, settings, fused)
    network, optimizer = accelerator.prepare(network, optimizer)
    alphas = settings.adaptive_alpha(images, method)
    if alphas is not None:
        alphas.to(accelerator.device)
    return network, optimizer, TrainingState(accelerator.unwrap_model(network), alphas)


def run_epoch(
    epoch: int,
    settings: Settings,
    batches: Batches,
    network: nn.Module,
    optimizer,
    state: TrainingState,
    bar: tqdm,
) -> tuple[float, float]:
    """One pass over the training set; its mean loss and last learning rate."""
    dataset, accelerator = batches.dataset, batches.accelerator
    generator = torch.Generator().manual_seed(derived_seed(settings.seed, ORDER, epoch))
    order = torch.randperm(len(dataset), generator=generator).tolist()
    switches = torch.Generator().manual_seed(derived_seed(settings.seed, SWITCHES, epoch))
    dataset.epoch = epoch
    whole = in_batches(order, settings.batch_size)
    parts = [distributed.shard(len(batch), accelerator) for batch in whole]
    own = [batch[part] for batch, part in zip(whole, parts, strict=True)]
    # A process without an image of a small last batch runs one all the same, as the others wait
    # for its gradient, but leaves it out of the loss.
    loaded = batches([mine or batch[:1] for mine, batch in zip(own, whole, strict=True)])
    network.train()
    total = torch.zeros((), device=accelerator.device)
    plan = optimization.plan(len(dataset), settings.batch_size, settings.accumulation_steps)
    for step, (images, labels, index) in enumerate(loaded):
        share = optimization.set_rate(optimizer, settings, epoch + plan[step].done)
        with accelerator.autocast():
            logits = network(images)
        logits = logits.float()
        size, mine = len(whole[step]), len(own[step])
        if mine == 0:
            logits, labels, index = logits[:0], labels[:0], index[:0]
        alpha = 0.0
        if state.alphas is not None:
            alpha = distributed.widen(state.alphas[index], parts[step], size, 0.0)
        # Every process draws the whole batch's switches; the other rows add nothing to its loss.
        loss = sc_bce_with_logits(
            distributed.widen(logits, parts[step], size, SURELY_BACKGROUND),
            distributed.widen(labels, parts[step], size, 0.0),
            alpha,
            settings.perturbation,
            use_expected_targets=settings.use_expected_targets,
            generator=switches,
        )
        # Processes' gradients are averaged.
        accelerator.backward(loss * (plan[step].weight * accelerator.num_processes))
        if plan[step].last:
            optimization.take_step(accelerator, network, optimizer, settings.max_grad_norm)
        if state.alphas is not None:
            state.alphas.update(index, logits.detach(), labels)
        total += loss.detach() * size
        bar.update()
        if step % REFRESH == 0 and mine:
            now = _read(loss) * size / mine
            _check_finite(now, epoch, settings)
            if not bar.disable:
                facts = {"epoch": epoch + 1, "loss": f"{now:.3f}", **_alpha(state.alphas)}
                bar.set_postfix(facts, refresh=False)
    mean = _read(distributed.all_reduce_sum(total, accelerator)) / len(dataset)
    _check_finite(mean, epoch, settings)
    distributed.share_buffers(state.network, accelerator)
    if state.alphas is not None:
        distributed.share_items(
            state.alphas.alpha, [i for batch in own for i in batch], accelerator
        )
    return mean, settings.learning_rate * share


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


def _alpha(alphas: AdaptiveAlpha | None) -> dict[str, str]:
    return {} if alphas is None else {"alpha": f"{_read(alphas.alpha.mean()):.3f}"}


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
