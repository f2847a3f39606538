"""The two networks of the lesson, and what they predict."""

from typing import cast

import numpy as np

from aslp_lib.course import recorded
from aslp_lib.data.nuclei import Nuclei


def predict(part: str = "test") -> tuple[Nuclei, np.ndarray, dict[str, np.ndarray]]:
    """Return images of nuclei, their labels, and P(y=1) by the name of the network, (N, H, W).

    Args:
        part: "test" or "validation".
    """
    data = recorded.settings_of("nuclei").load_data()
    images = cast(Nuclei, data.tests.get(part, data.validation))
    networks = recorded.networks("bce", "aslp_mc", data="nuclei").values()
    maps = [recorded.logits(network, images)[:, 0].sigmoid().numpy() for network in networks]
    return images, images.masks[:, 0].numpy(), dict(zip(("BCE", "ASLP"), maps, strict=True))
