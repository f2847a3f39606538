"""Networks of one's own, and what was fitted after them, side by side: for notebook 08."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from aslp_lib.course.models.microscopy import Cells
from aslp_lib.course.models.plain_loop import labelled
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.metrics import calibration
from aslp_lib.metrics.bootstrap import error_bounds
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import to_png
from aslp_lib.recalibration import Recalibration

Ways = Mapping[str, tuple[nn.Module, Recalibration | None]]
"""By label: a network, and what was fitted after it, if anything was."""


@torch.no_grad()
def answers(ways: Ways, cells: Cells) -> dict[str, Tensor]:
    """(N, P) probability of each labelled pixel, by each way."""
    said = {}
    for label, (network, fit) in ways.items():
        # Labelled pixels alone: a level for each image looks at the whole map that it is given.
        logits = labelled(network(cells.images), cells)
        said[label] = (logits if fit is None else fit.apply(logits)).sigmoid()
    return said


def counts_of(said: Mapping[str, Tensor], cells: Cells) -> dict[str, Counts]:
    """Counts of each way's `answers`."""
    labels = labelled(cells.masks, cells)
    return {label: Counts.from_probabilities(p, labels) for label, p in said.items()}


def off_the_truth(said: Mapping[str, Tensor], cells: Cells) -> dict[str, float]:
    """Mean distance of each way's `answers` to the true probability."""
    truth = labelled(cells.posterior, cells)
    return {label: (p - truth).abs().mean().item() for label, p in said.items()}


def table(counted: Mapping[str, Counts], off: Mapping[str, float], title: str) -> str:
    """A Markdown table, a row a way; in brackets 95 % intervals over images.

    Args:
        off: of each way, as `off_the_truth`.
        title: above the ways.
    """
    rows = []
    for label, counts in counted.items():
        bounds, cells = error_bounds(counts), [label]
        for score, value in (("ece", calibration.ece(counts)), ("oe", calibration.oe(counts))):
            low, high = bounds[score]
            cells.append(f"{100 * value:z.1f} [{100 * low:z.1f}, {100 * high:z.1f}]")
        cells.append(f"{100 * calibration.accuracy(counts):.1f}")
        rows.append([*cells, f"{calibration.nll(counts):.2f}", f"{off[label]:.2f}"])
    return markdown_table([title, "ECE %", "OE %", "right %", "NLL", "off the truth"], rows)


def write_maps(folder: Path, maps: Mapping[str, Tensor]) -> None:
    """8-bit maps as `folder/LABEL/000.png` and so on.

    Args:
        maps: label -> (N, 1, H, W) in [0, 1]; masks too.
    """
    for label, values in maps.items():
        (folder / label).mkdir(parents=True)
        for number, each in enumerate((255 * values).round().to(torch.uint8)):
            (folder / label / f"{number:03}.png").write_bytes(to_png(each[0].numpy()))
