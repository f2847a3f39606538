"""Logits and labels of a whole set, as two arrays that fit into memory."""

import torch
from torch import Tensor, nn

from aslp_lib.data.nuclei import Nuclei

AT_ONCE = 50
"""Number of images that the network sees at once."""


def logits(network: nn.Module, dataset: Nuclei) -> tuple[Tensor, Tensor]:
    """Compute a network's logits of all images, (N, K, H, W) in float64, with the labels (N, H, W).

    >>> from aslp_lib.course import recorded
    >>> pink = recorded.settings_of("nuclei3").load_data().tests["pink"]
    >>> z, y = logits(recorded.load("bce", "nuclei3"), pink)
    >>> z.shape, y.shape
    (torch.Size([8, 3, 64, 64]), torch.Size([8, 64, 64]))
    """
    network.eval()
    with torch.no_grad():
        parts = [network(images) for images in dataset.images.split(AT_ONCE)]
    return torch.cat(parts).double(), dataset.masks[:, 0].long()
