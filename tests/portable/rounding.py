"""A processor that does not exist: its sums and transcendental functions round otherwise.

Processors agree on single additions and multiplications. They differ in the last bit of what is
made of many: sums in another order, convolutions, exponentials by another polynomial. Whatever is
computed twice is rounded alike.
"""

from __future__ import annotations

import zlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode

OTHERWISE = {
    "addmm", "baddbmm", "batch_norm", "binary_cross_entropy_with_logits", "bmm", "conv2d",
    "convolution", "convolution_backward", "cumsum", "dot", "exp", "expm1", "log", "log1p",
    "log_sigmoid_forward", "logit", "mean", "mm", "mv", "native_batch_norm",
    "native_batch_norm_backward", "normal_", "pow", "randn", "rsqrt", "sigmoid", "softplus", "std",
    "sum", "tanh", "upsample_bilinear2d", "upsample_bilinear2d_backward", "var",
}  # fmt: skip


class RoundsOtherwise(TorchDispatchMode):
    """Moves each result of `OTHERWISE` by at most one unit in its last place, at random, but the
    same result always alike."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        # Drawn once, read from anywhere: drawing anew would take longer than the training.
        draws = torch.Generator().manual_seed(seed)
        noise = 2 * torch.rand(1 << 20, generator=draws, dtype=torch.float64) - 1
        self.factors = {
            kind: (1 + torch.finfo(kind).eps * noise).to(kind)
            for kind in (torch.float32, torch.float64)
        }

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = function.__name__.split(".")[0]
        if name in OTHERWISE:
            for each in result if isinstance(result, tuple) else (result,):
                # Not of tensors without numbers, by which operations are counted.
                if getattr(each, "dtype", None) in self.factors and each.device.type != "meta":
                    moved = each * self._factors(each)
                    if name in ("sum", "mean"):
                        # Sums of whole numbers are exact on every processor.
                        count = args[0].numel() // each.numel() if name == "mean" else 1
                        exact = (each * count).round() / count == each
                        moved = torch.where(exact, each, moved)
                    if name == "sigmoid":
                        moved = moved.clamp(max=1)  # a probability is one on every processor
                    each.copy_(moved)
        return result

    def _factors(self, result: torch.Tensor) -> torch.Tensor:
        factors, size = self.factors[result.dtype], result.numel()
        if size > len(factors) // 2:
            factors = factors.repeat(2 * size // len(factors) + 1)
        seen = result.detach().reshape(-1)[:: size // 64 + 1]
        start = zlib.crc32(seen.numpy().tobytes()) % (len(factors) - size + 1)
        return factors[start : start + size].view(result.shape)
