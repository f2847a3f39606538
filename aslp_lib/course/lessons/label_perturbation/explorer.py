"""Explorer of label perturbation on a map, and of the plane of alpha and beta."""

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.perturbation import (
    HARD_INVERSION,
    TECHNIQUES,
    expected_targets,
    perturb,
)
from aslp_lib.course import recorded
from aslp_lib.course.figures.panels import POINT, SHARE, Panels
from aslp_lib.course.live import Explorer, packed
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS

ALPHA = 0.2


class Plane(Explorer):
    """Explorer whose controls are technique, alpha and beta, shown on a label map.

    Args:
        mask: (H, H) labels in {0, 1}; by default those of a synthetic test image.
    """

    def __init__(self, mask: np.ndarray | None = None) -> None:
        if mask is None:
            mask = recorded.SETTINGS.load_data().tests["test"].mask(1)
        self.labels = torch.from_numpy(np.asarray(mask)).float()
        records = {
            "size": len(self.labels),
            "labels": packed(self.labels.numpy().astype(np.uint8).ravel()),
        }
        start = {"technique": "HI", "alpha": ALPHA, "beta": HARD_INVERSION.beta}
        super().__init__(records, start)

    def picture(self) -> Figure:
        """Show the label map, its perturbed and its expected target, and the plane."""
        panels, beta = Panels(10.6), HARD_INVERSION.beta
        expected = expected_targets(self.labels[None], ALPHA, HARD_INVERSION)[0]
        for left, target, title in (
            (0.1, self.labels, f"switch off: {100 * (1 - ALPHA):.0f} %"),
            (2.4, perturb(self.labels, HARD_INVERSION), f"HI, on: {100 * ALPHA:.0f} %"),
            (4.7, expected, "expected"),
        ):
            panels.map(left, 2.2, target.numpy(), title)
        betas = (r"perturbation strength $\beta$", (0, 0.5, 1, 1.5, 2))
        alphas = (r"perturbation level $\alpha$", SHARE)
        plane = panels.plot((7.6, 0.8, 2.5, 2.2), alphas, betas, r"plane of $\alpha$ and $\beta$")
        x, dose = np.linspace(0.05, 1, 191), ALPHA * beta
        bound, same = x >= 0.5, x >= dose / 2
        plane.fill_between(x[bound], 1 / x[bound], 2, color=GREY, alpha=0.3, linewidth=0)
        plane.plot(x[bound], 1 / x[bound], color="black")
        plane.plot(x[same], dose / x[same], "--", color=GREY)
        yellow = OF_METHODS["label smoothing"]
        plane.plot([1, 1], [0, 1], color=yellow, lw=4)
        for at, words, side in (
            ((0.78, 1.7), "dose > 1", "center"), ((0.4, 1.1), f"dose {dose:.1f}", "left"),
            ((0.96, 0.1), "label smoothing", "right"),
        ):  # fmt: skip
            plane.text(*at, words, ha=side, fontsize=9)
        for name in ("HI", "SI", "M"):
            plane.axhline(TECHNIQUES[name].beta, color=GREY, ls=":", lw=0.8)
            plane.text(1.03, TECHNIQUES[name].beta, name, fontsize=9, va="center")
        plane.plot([ALPHA], [beta], "o", color="black", **POINT)
        panels.figure.set_label(
            f"A label map, its version perturbed by HI, and its expected targets at alpha = "
            f"{ALPHA:.2f}; and the plane of alpha and beta with the point ({ALPHA:.2f}, "
            f"{beta:.2f}) on the curve of the dose {dose:.1f}, under the limit, a dose of 1. Label "
            "smoothing is the right edge up to beta = 1."
        )
        return panels.figure
