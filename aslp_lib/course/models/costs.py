"""What a training costs on cards that are not here: computed from operations, not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

BACKWARD = 2
"""Operations of the backward pass per operation of the forward pass: one product for the gradient
in the inputs, one for that in the weights."""

STATE_BYTES = 16
"""A parameter, its gradient and Adam's two moments, in float32."""


@dataclass(frozen=True)
class Card:
    """A graphics card by its data sheet.

    Args:
        teraflops: peak of dense 16-bit matrix products with tensor cores, 10^12 per second.
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
    """Floating-point operations of one image of `size` x `size` (a multiply-add is two)."""
    network = network.to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops()


def activation_bytes(network: nn.Module, size: int) -> int:
    """Bytes that autograd keeps of one image until the backward pass, in float32."""
    network = network.to("meta").train()
    parameters = {p.untyped_storage()._cdata for p in network.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()  # views and second uses share a storage
        return tensor

    # Two images: batch normalisation needs more than one value a channel.
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = network(torch.empty(2, 3, size, size, device="meta"))
    total = sum(kept[key] for key in kept.keys() - parameters)
    del output  # it holds the graph, and so the storages whose addresses were just compared
    return total // 2


@dataclass(frozen=True)
class Cost:
    """What a training needs.

    Args:
        hours: at the given share of the card's peak.
        gigabytes: parameters, optimizer and a batch's activations, the latter in 16 bits.
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
    """Time and memory of training on so many images (epochs counted in), card by card.

    Args:
        peak_share: how much of its peak a card reaches; 0.2 to 0.5 is usual for convolutions.
    """
    if not 0 < peak_share <= 1:
        raise ValueError(f"peak_share is {peak_share}, but must lie in (0, 1]")
    parameters = sum(p.numel() for p in network.parameters())
    operations = (1 + BACKWARD) * forward_flops(network, size) * images
    memory = STATE_BYTES * parameters + batch_size * activation_bytes(network, size) / 2
    return [
        Cost(card, operations / (peak_share * card.teraflops * 1e12) / 3600, memory / 1e9)
        for card in cards
    ]
