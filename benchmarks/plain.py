"""Plain training loop, the baseline of `training.py`, which does what the authors' release does.

It uses float32, PIL images and their transforms, a Python dictionary of alphas that is read and
written image by image, gradients from two cross entropies, and reads the loss at every step. The
alphas have the units of the paper's figure instead of the release's, which takes the same time.
"""

from __future__ import annotations

import random

import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from aslp_lib.data.folders import Folder

BETA, ETA, WEIGHT, ACCURACY = 2.0, 0.002, 2000.0, 0.95


class PlainSet(Dataset):
    """Data set of images, masks (both float, at the network's size) and names."""

    def __init__(self, folder: Folder) -> None:
        self.folder, size = folder, (folder.size, folder.size)
        # The network normalises its input.
        self.to_size = transforms.Compose([transforms.Resize(size), transforms.ToTensor()])

    def __len__(self) -> int:
        return len(self.folder)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
        name = self.folder.stems[index]
        image = Image.open(self.folder.images[name]).convert("RGB")
        mask = Image.open(self.folder.masks[name]).convert("L")
        if random.random() < 0.5:
            image, mask = (x.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for x in (image, mask))
        left, top = random.randint(0, 30) // 2, random.randint(0, 30) // 2
        box = (left, top, image.width - left, image.height - top)
        image, mask = image.crop(box), mask.crop(box)
        if random.random() < 0.2:
            angle = random.randint(-15, 14)
            image, mask = (x.rotate(angle, Image.Resampling.BICUBIC) for x in (image, mask))
        return self.to_size(image), self.to_size(mask), name


class Plain:
    """Training of a network by the plain loop, an epoch at a time."""

    def __init__(
        self, network: nn.Module, folder: Folder, batch: int, workers: int, device: torch.device
    ) -> None:
        self.network, self.device = network.to(device).train(), device
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4)
        self.loader = DataLoader(PlainSet(folder), batch, shuffle=True, num_workers=workers)
        self.alphas = dict.fromkeys(folder.stems, 0.0)

    def epoch(self) -> float:
        """Train for one epoch and return the mean loss."""
        losses = []
        for images, masks, names in self.loader:
            images, masks = images.to(self.device), masks.to(self.device)
            logits = self.network(images)
            perturbed = (1 - BETA) * masks + BETA / 2
            targets = [
                perturbed[i] if random.random() < self.alphas[name] else masks[i]
                for i, name in enumerate(names)
            ]
            loss = F.binary_cross_entropy_with_logits(logits, torch.stack(targets))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            with torch.no_grad():
                for i, name in enumerate(names):
                    first = F.binary_cross_entropy_with_logits(logits[i], perturbed[i])
                    second = F.binary_cross_entropy_with_logits(logits[i], masks[i])
                    self.move(name, (first - second).cpu().item())
        return sum(losses) / len(losses)

    def move(self, name: str, gradient: float) -> None:
        """Update an image's alpha by rule MC, as in the paper's figure."""
        alpha = self.alphas[name]
        constraint = min((1 - BETA * alpha / 2) - ACCURACY, 0.0)
        alpha += ETA * (gradient + WEIGHT * constraint)
        self.alphas[name] = min(max(alpha, 0.0), 1 / BETA)
