"""Settings of the lesson's training runs, and what each run begins with."""

from dataclasses import replace

import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from aslp_lib.config import PRESETS, Settings
from aslp_lib.networks import TinyUNet


def settings() -> Settings:
    """Return the settings of the lesson's runs: small images, and large steps."""
    small = replace(PRESETS["demo"], size=24, limit=80, epochs=60, device="cpu")
    fast = replace(small, batch_size=20, learning_rate=8e-3)
    return fast.tuned(aslp={"alpha_step_size": 0.0125})


def new_network(settings: Settings) -> tuple[TinyUNet, Adam, CosineAnnealingLR]:
    """Seed PyTorch, and return a new network, its optimiser, and its learning rate's fall to 0."""
    torch.manual_seed(settings.seed)
    network = TinyUNet()
    optimizer = Adam(network.parameters(), settings.learning_rate)
    return network, optimizer, CosineAnnealingLR(optimizer, T_max=settings.epochs)
