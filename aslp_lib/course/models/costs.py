"""Training time and memory on graphics cards, computed from operation counts and not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

BACKWARD = 2
"""Operations of the backward pass per operation of the forward pass: one product for the gradient
with respect to the inputs and one for that with respect to the weights."""

STATE_BYTES = 16
"""Bytes per parameter: its value, its gradient and Adam's two moments, in float32."""


@dataclass(frozen=True)
class Card:
    """A graphics card, as its data sheet describes it.

    Args:
        teraflops: peak rate of dense 16-bit matrix products on tensor cores, in 10^12 per second.
        gigabytes: memory.
    """

    name: str
    teraflops: float
    gigabytes: int


CARDS = (
    Card("NVIDIA T4", 65, 16),
    Card("NVIDIA V100 SXM2", 125, 32),
    Card("NVIDIA A100 SXM", 312, 80),
    Card("NVIDIA H100 SXM", 989, 80),
)


def forward_flops(network: nn.Module, size: int) -> int:
    """Count the floating-point operations of the forward pass on one image of `size` x `size`.

    A multiply-add counts as two operations.
    """
    network = network.to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops()


def activation_bytes(network: nn.Module, size: int) -> int:
    """Count the bytes that autograd keeps per image until the backward pass, in float32."""
    network = network.to("meta").train()
    parameters = {p.untyped_storage()._cdata for p in network.parameters()}
    storage_bytes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storage_bytes[storage._cdata] = storage.nbytes()  # views and second uses share a storage
        return tensor

    # Two images, because batch normalisation needs more than one value per channel.
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = network(torch.empty(2, 3, size, size, device="meta"))
    total = sum(storage_bytes[key] for key in storage_bytes.keys() - parameters)
    # The graph keeps the storages alive, so that no address was reused before the comparison.
    del output
    return total // 2


@dataclass(frozen=True)
class Cost:
    """Time and memory of a training on one card.

    Args:
        hours: time at the given share of the card's peak rate.
        gigabytes: memory of parameters, optimizer and the activations of a batch, the last in 16
            bits.
    """

    card: Card
    hours: float
    gigabytes: float


def training_costs(
    network: nn.Module,
    size: int,
    batch_size: int,
    images: int,
    cards: Sequence[Card] = CARDS,
    peak_share: float = 0.3,
) -> list[Cost]:
    """Compute the time and memory of a training on each card.

    Args:
        size: side of the square images, in pixels.
        images: number of images over all epochs.
        peak_share: share of its peak rate that a card reaches; 0.2 to 0.5 is usual for
            convolutions.

    Raises:
        ValueError: `peak_share` is not in (0, 1].
    """
    if not 0 < peak_share <= 1:
        raise ValueError(f"peak_share is {peak_share}; expected (0, 1]")
    parameters = sum(p.numel() for p in network.parameters())
    operations = (1 + BACKWARD) * forward_flops(network, size) * images
    memory = STATE_BYTES * parameters + batch_size * activation_bytes(network, size) / 2
    return [
        Cost(card, operations / (peak_share * card.teraflops * 1e12) / 3600, memory / 1e9)
        for card in cards
    ]
