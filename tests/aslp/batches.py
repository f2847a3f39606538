"""Logits and labels of two classes."""

import torch


def batch(images=4, dtype=torch.float64):
    """(N, 1, 6, 6) each; the logits are right at about half of the pixels."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(images, 1, 6, 6, generator=generator, dtype=torch.float64)
    labels = (torch.rand(images, 1, 6, 6, generator=generator) > 0.6).to(dtype)
    return logits.to(dtype), labels
