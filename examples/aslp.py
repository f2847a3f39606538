"""Train with BCE and with ASLP in a plain PyTorch loop, and compare their calibration.

    python examples/aslp.py        # after pip install -e . in the project's folder

The script trains the same network twice on synthetic images: with binary cross entropy (BCE), and
with Adaptive Stochastic Label Perturbation (ASLP, rule MC). It then fits temperature scaling to
each network on the validation images, prints the scores of all four on the test images and draws
their reliability diagrams. The predicted maps are written as 8-bit PNGs, which can be scored again:

    python -m aslp_lib score --maps runs/example/maps/* --masks runs/example/masks

To use your own data and network, replace `shapes` and `TinyUNet`. The training set must return
`(image, mask, index)`: `index` tells ASLP which image's perturbation level to use and to update.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from aslp_lib import HARD_INVERSION, AdaptiveAlpha, sc_bce_with_logits
from aslp_lib.data.image_set import DataSplits, ImageSet
from aslp_lib.data.shapes import shapes
from aslp_lib.evaluation import figures
from aslp_lib.files import write
from aslp_lib.maps.write import to_png
from aslp_lib.metrics import SCORES, scores
from aslp_lib.metrics.accumulator import CountsAccumulator
from aslp_lib.metrics.bootstrap import reliability_tables
from aslp_lib.metrics.counts import Counts
from aslp_lib.networks.small import TinyUNet
from aslp_lib.recalibration import Recalibration, Temperature, Unperturb

BATCH_SIZE = 10
LEARNING_RATE = 2e-3
COLUMNS = ("accuracy", "ece", "oe", "nll")


def train(
    data: DataSplits, alphas: AdaptiveAlpha | None, epochs: int, seed: int, device: str
) -> nn.Module:
    """Train a network with ASLP, or with BCE if `alphas` is None, and return it."""
    torch.manual_seed(seed)  # initial weights
    order = torch.Generator().manual_seed(seed)  # both methods see the images in the same order
    switches = torch.Generator().manual_seed(seed + 1)
    loader = DataLoader(data.train, BATCH_SIZE, shuffle=True, generator=order)
    network = TinyUNet().to(device)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        network.train()
        for images, masks, index in loader:
            images, masks = images.to(device), masks.to(device)
            logits = network(images)
            if alphas is None:
                loss = F.binary_cross_entropy_with_logits(logits, masks)
            else:
                loss = sc_bce_with_logits(
                    logits, masks, alphas[index], HARD_INVERSION, generator=switches
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if alphas is not None:
                alphas.update(index, logits.detach(), masks)
        schedule.step()
        if alphas is not None:
            validated = validate(network, data.validation, device)
            alphas.observe(**scores(validated, names=("accuracy", "confidence")))
    return network


@torch.no_grad()
def validate(network: nn.Module, data: ImageSet, device: str) -> Counts:
    """Count the labels and logits of a set, from which all scores follow."""
    network.eval()
    accumulator = CountsAccumulator(logits=True)
    for images, masks, _ in DataLoader(data, batch_size=100):
        accumulator.update(network(images.to(device)), masks.to(device))
    return accumulator.counts


@torch.no_grad()
def predict(network: nn.Module, data: ImageSet, device: str) -> tuple[Tensor, Tensor]:
    """Return the logits of all images of a set and their masks, each (N, 1, H, W)."""
    network.eval()
    batches = [(network(x.to(device)).cpu(), y) for x, y, _ in DataLoader(data, batch_size=100)]
    logits, masks = zip(*batches, strict=True)
    return torch.cat(logits), torch.cat(masks)


def write_maps(folder: Path, names: Sequence[str], probabilities: Tensor) -> np.ndarray:
    """Write maps as 8-bit PNGs, where 255 is a probability of 1; return their grey levels."""
    maps = (255 * probabilities[:, 0]).round().to(torch.uint8).numpy()
    for name, grey_levels in zip(names, maps, strict=True):
        write(folder / f"{name}.png", to_png(grey_levels))
    return maps


def compare(epochs: int, seed: int, device: str, out: Path) -> dict[str, Counts]:
    """Train with both methods, recalibrate each as suits it, and write all maps to `out`.

    A temperature is fitted to BCE; the perturbation of ASLP is undone, for which nothing is fitted.

    Returns:
        Label of the method -> joint histogram of its maps' grey levels and the test masks.
    """
    data = shapes()
    test_set, counts = data.tests["test"], {}
    alphas = AdaptiveAlpha(
        len(data.train),
        HARD_INVERSION,
        rule="aslp_mc",  # the paper's MC
        alpha_step_size=0.005,  # docs/own_loop.md tells how to choose these two
        constraint_weight=200.0,
    ).to(device)
    for label, adaptive in {"BCE": None, "ASLP": alphas}.items():
        network = train(data, adaptive, epochs, seed, device)
        if adaptive is None:
            change: Recalibration = Temperature().fit(validate(network, data.validation, device))
        else:
            change = Unperturb(float(adaptive.alpha.mean() * HARD_INVERSION.beta))
        print(f"{label}: {epochs} epochs, then {change.label}: {change.describe()}")
        logits, masks = predict(network, test_set, device)
        binary_masks = write_maps(out / "masks", test_set.stems, masks) // 255
        for name, z in {
            label: logits,
            f"{label} + {change.label}": change(logits),
        }.items():
            maps = write_maps(out / "maps" / name, test_set.stems, z.sigmoid())
            counts[name] = Counts.from_maps(maps, binary_masks)
    print(f"ASLP: perturbation levels from {alphas.alpha.min():.3f} to {alphas.alpha.max():.3f}\n")
    return counts


def main(words: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Run the command and return the scores that it prints, by method and name."""
    parser = argparse.ArgumentParser(description="Compare BCE and ASLP on synthetic images.")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: CUDA if available")
    parser.add_argument("--out", type=Path, default=Path("runs/example"), help="output folder")
    args = parser.parse_args(words)
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    device = auto if args.device == "auto" else args.device
    counts = compare(args.epochs, args.seed, device, args.out)
    rows = {label: scores(of_method, names=COLUMNS) for label, of_method in counts.items()}
    print(f"{'':28}" + "".join(f"{SCORES[name].heading:>12}" for name in COLUMNS))
    for label, row in rows.items():
        print(f"{label:28}" + "".join(f"{SCORES[name].text(row[name]):>12}" for name in COLUMNS))
    figure = figures.reliability_diagrams(reliability_tables(counts), "synthetic test images")
    write(args.out / "reliability.png", figures.to_png(figure))
    print(f"\n{args.out / 'reliability.png'}")
    return rows


if __name__ == "__main__":
    main()
