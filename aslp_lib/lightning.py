"""ASLP in a Lightning training: a callback that owns the levels and moves them.

adaptive = AdaptiveAlphaCallback(AdaptiveAlpha(len(train_set), MODERATION))
module = Segmenter(network, adaptive)  # reads `adaptive.alphas[index]` in `training_step`
Trainer(callbacks=[adaptive]).fit(module, train_loader, validation_loader)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.perturbation import check_labels
from aslp_lib.aslp.sharing import share_alphas

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"aslp_lib.lightning needs Lightning ({error}): pip install 'aslp-lib[lightning]'"
    ) from error


class AdaptiveAlphaCallback(Callback):
    """Moves each image's level after each training batch, by what the steps return.

    - `training_step` returns a dict with `loss`, made with `callback.alphas[index]`, and `logits`,
      `labels`, `index` as `AdaptiveAlpha.update` takes them.
    - `validation_step` returns a dict with `logits` and `labels`. After each validation, not the
      sanity check, `AdaptiveAlpha.observe` is told the accuracy and the mean confidence of all
      pixels that are not left out, of all loaders and processes.

    Levels are saved in Lightning's checkpoints and go on from them. Of several processes (DDP) each
    moves its own images' levels; they are shared after each epoch and before each checkpoint, as
    `share_alphas` says. A sampler that repeats images counts them again in the validation.

    Args:
        alphas: the levels. Do not make them a part of the LightningModule: under DDP, where the
            module's buffers are overwritten by rank 0's, that is refused.
        ignore_index: label of pixels that are left out, in training and validation; others than 0
            and 1 are otherwise refused as `AdaptiveAlpha.update` refuses them.
    """

    def __init__(self, alphas: AdaptiveAlpha, ignore_index: int | None = None) -> None:
        self.alphas, self.ignore_index = alphas, ignore_index
        self._seen: list[Tensor] = []
        self._sums: list[Tensor] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.enable_validation:
            raise ValueError(
                "levels move by what validations say, but there is none: give the module a "
                "validation_step and fit a validation loader"
            )
        if trainer.world_size > 1 and any(part is self.alphas for part in pl_module.modules()):
            raise ValueError(
                "alphas are a part of the LightningModule, whose buffers several processes "
                "overwrite with the first one's: let it hold the callback, not callback.alphas"
            )
        self.alphas.to(pl_module.device)
        for buffer in self.alphas.buffers():  # processes that were spawned share a CPU's memory
            buffer.data = buffer.data.clone()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        logits, labels, index = _returned(outputs, "training_step", "logits", "labels", "index")
        self.alphas.update(index, logits.detach(), labels, ignore_index=self.ignore_index)
        self._seen.append(index)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._share()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._sums = []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        logits, labels = _returned(outputs, "validation_step", "logits", "labels")
        self._sums.append(_pixel_sums(logits, labels, self.ignore_index))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        sums = trainer.strategy.reduce(torch.stack(self._sums).sum(dim=0), reduce_op="sum")
        pixels, right, confidence = sums.tolist()
        if not pixels:
            raise ValueError(
                f"the validation has no labelled pixel: every label is {self.ignore_index}; "
                "expected at least one in [0, 1]. Check the validation masks and ignore_index."
            )
        # Rounded sums: a confidence of 1 must not become more.
        self.alphas.observe(right / pixels, min(confidence / pixels, 1.0))

    def state_dict(self) -> dict[str, Any]:
        """The levels and their rule's memory, the same of all processes: each of them calls it, as
        `Trainer.save_checkpoint` has them do."""
        self._share()
        return self.alphas.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.alphas.load_state_dict(state_dict)

    def _share(self) -> None:
        share_alphas(self.alphas, torch.cat(self._seen) if self._seen else [])
        self._seen = []


def _returned(outputs: Any, step: str, *names: str) -> list[Tensor]:
    """The named parts of what a step returned."""
    have = outputs if isinstance(outputs, Mapping) else {}
    if missing := [name for name in names if name not in have]:
        raise ValueError(
            f"{step} must return a dict with {', '.join(names)}, but {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing"
        )
    return [have[name] for name in names]


@torch.no_grad()
def _pixel_sums(logits: Tensor, labels: Tensor, ignore_index: int | None) -> Tensor:
    """(3,) of the pixels that are not left out: how many, how many are right, and their confidence.

    Confidence is that of the decision, `sigmoid(|z|)`; `z = 0` decides for foreground. Labels
    outside [0, 1] are refused on a CPU and left out elsewhere.
    """
    if logits.shape != labels.shape:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)}, labels {tuple(labels.shape)}: "
            "they must agree"
        )
    dtype = torch.promote_types(logits.dtype, torch.float32)
    labels = labels.to(dtype)
    known = (labels >= 0) & (labels <= 1)
    if ignore_index is None:
        check_labels(labels, known)
    else:
        check_labels(labels, known | (labels == ignore_index))
        known &= labels != ignore_index
    right = known & ((logits >= 0) == (labels >= 0.5))
    confidence = torch.where(known, logits.to(dtype).abs().sigmoid(), 0.0)
    return torch.stack([known.sum(), right.sum(), confidence.sum()])
