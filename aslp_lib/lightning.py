"""ASLP in a Lightning training: a callback that holds the perturbation levels and updates them.

images = len(train_set)
alphas = AdaptiveAlpha(images, HARD_INVERSION, alpha_step_size=0.005, constraint_weight=200.0)
adaptive = AdaptiveAlphaCallback(alphas)
module = Segmenter(network, adaptive)  # reads `adaptive.alphas[index]` in `training_step`
Trainer(callbacks=[adaptive]).fit(module, train_loader, validation_loader)

`docs/own_loop.md` has the module `Segmenter`, and explains the settings and what to do with several
patches of an image.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.sharing import share_alphas
from aslp_lib.checks import require
from aslp_lib.metrics import scores
from aslp_lib.metrics.accumulator import CountsAccumulator

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"aslp_lib.lightning needs Lightning ({error}). Run pip install -e '.[lightning]' in the "
        "folder of the clone."
    ) from error


class AdaptiveAlphaCallback(Callback):
    """Update the perturbation level alpha of each image from what the training steps return.

    - `training_step` must return a dict with `loss`, computed with `callback.alphas[index]`, and
      with `logits`, `labels` and `index`, as `AdaptiveAlpha.update` takes them. In automatic
      optimisation it may return None, which skips the step; then no alpha moves.
    - `validation_step` must return a dict with `logits` and `labels`, as a `CountsAccumulator` of
      logits takes them. After each validation, except the sanity check, the callback passes
      accuracy and mean confidence to `AdaptiveAlpha.observe`. They are those of all pixels that are
      not ignored, of all loaders and processes.

    Alphas are saved in Lightning's checkpoints and restored from them. With several processes
    (DDP), each updates the alphas of its own images; `share_alphas` synchronises them after each
    epoch and before each checkpoint. Images that a sampler repeats in the validation count again.

    Args:
        alphas: the perturbation levels. They must not be a submodule of the LightningModule: under
            DDP, rank 0 overwrites the module's buffers, so the callback raises an error.
        ignore_index: label of pixels to ignore in training and validation. All other labels must
            be valid (see `AdaptiveAlpha.update`).

    >>> from aslp_lib import HARD_INVERSION, AdaptiveAlpha
    >>> adaptive = AdaptiveAlphaCallback(AdaptiveAlpha(3, HARD_INVERSION), ignore_index=255)
    >>> adaptive.alphas[torch.tensor([0, 2])]
    tensor([0., 0.])
    """

    def __init__(self, alphas: AdaptiveAlpha, ignore_index: int | None = None) -> None:
        self.alphas, self.ignore_index = alphas, ignore_index

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        advice = "Define a validation_step, and pass a validation loader to fit."
        expected = f"True, because the updates of alpha depend on validations. {advice}"
        require("trainer.enable_validation", False, bool(trainer.enable_validation), expected)
        if trainer.world_size > 1 and any(part is self.alphas for part in pl_module.modules()):
            raise ValueError(
                "alphas are a submodule of the LightningModule, whose buffers DDP overwrites; "
                "expected them outside. Store the callback in the module, not callback.alphas."
            )
        self.alphas.to(pl_module.device)
        for buffer in self.alphas.buffers():  # Spawned processes share tensors on a CPU.
            buffer.data = buffer.data.clone()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        if not outputs and pl_module.automatic_optimization:  # Lightning passes {} for None
            return
        logits, labels, index = _outputs(outputs, "training_step", "logits", "labels", "index")
        self.alphas.update(index, logits.detach(), labels, ignore_index=self.ignore_index)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        share_alphas(self.alphas)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._counted = CountsAccumulator(
            ignore_index=self.ignore_index, logits=True, per_image=False
        )

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        self._counted.update(*_outputs(outputs, "validation_step", "logits", "labels"))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        counts = self._counted.counts
        parts = trainer.world_size * [counts]
        if trainer.world_size > 1:
            torch.distributed.all_gather_object(parts, counts)
        validated = type(counts).join(parts)
        self.alphas.observe(**scores(validated, names=("accuracy", "confidence")))

    def state_dict(self) -> dict[str, Any]:
        """Return the state of alphas and their update rule, synchronised between processes.

        All processes must call it, as they do in `Trainer.save_checkpoint`.
        """
        share_alphas(self.alphas)
        return self.alphas.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.alphas.load_state_dict(state_dict)


def _outputs(outputs: Any, step: str, *names: str) -> list[Tensor]:
    """Return the named entries of what a step returned."""
    entries = outputs if isinstance(outputs, Mapping) else {}
    complete, expected = entries.keys() >= {*names}, f"a dict of {', '.join(names)}"
    require(f"the list of what {step} returned", [*entries], complete, expected)
    return [entries[name] for name in names]
