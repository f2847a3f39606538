"""Figures of SC-BCE: the loss over the logit, what less confidence corrects, and noise."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.special import entr, expit, logit

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import (
    GREEN,
    OF_METHODS,
    directions,
    ink,
    themed,
)


@themed
def loss_over_logit(doses: Sequence[float], pixels: Mapping[str, float]) -> Figure:
    """Plot the expected loss of a foreground pixel, and its slope, over the logit at each dose.

    Dots are minimisers; that of BCE, at an infinite logit, is not drawn.

    Args:
        doses: d = alpha*beta, in [0, 2); 0 is BCE.
        pixels: name -> prediction f of a pixel, which a line marks.
    """
    z, notes = np.linspace(-4, 6, 201), []
    figure, axes = new_panels(2, 4.2, 4)
    for dose in doses:
        target = 1 - dose / 2
        best, floor = logit(target), entr(target) + entr(1 - target)
        notes.append(f"{floor:.2f} nats at f = {target:g} and d = {dose:g}")
        curves = (np.logaddexp(0, z) - target * z, floor), (expit(z) - target, 0)
        for axis, (curve, lowest) in zip(axes, curves, strict=True):
            colour = GREEN if dose else OF_METHODS["BCE"]
            axis.plot(z, curve, color=colour, linewidth=1.6 + dose)
            axis.plot(best, lowest, "o", color=colour, mec=ink(), ms=8)
            axis.text(6.1, curve[-1], f"d = {dose:g}", va="center")
    titles = {"expected loss, nats": (0, 4), "slope, nats per unit of z": (-1, 0.65)}
    for axis, (title, ends) in zip(axes, titles.items(), strict=True):
        axis.set(xlim=(-4, 6), ylim=ends, xlabel="logit z")
        axis.set_title(title, pad=30)
        axis.axhline(0, color=ink(), linewidth=0.8)
        for name, f in pixels.items():
            axis.axvline(logit(f), color=ink(), linestyle=":", linewidth=1)
            axis.text(logit(f), ends[1], f"{name}\nf = {f:g}", ha="center", va="bottom")
    figure.set_label(
        f"Expected loss of a foreground pixel over its logit. All curves cross at z = 0, and the "
        f"larger the dose d, the more they are tilted to the left. Their minima: "
        f"{'; '.join(notes)}. Their slopes are parallel curves, half a dose apart."
    )
    return figure


@themed
def noise_kept(area: np.ndarray, kept: Mapping[str, np.ndarray]) -> Figure:
    """Plot the share of its pixels' variance that the gradient of a weight keeps, by image.

    Args:
        area: (images,) share of foreground.
        kept: name of the weight -> (images,) share of the variance.
    """
    figure, (axis,) = new_panels(1, 5.6, 3.6)
    notes, looks = [], ({"color": ink(), "mfc": "none"}, {"color": GREEN})
    for (name, shares), look in zip(kept.items(), looks, strict=True):
        axis.plot(100 * area, 100 * shares, "o", ms=4, **look)
        axis.text(103 * area.max(), 100 * shares[area.argmax()], name, va="center")
        low, middle, high = 100 * shares.min(), 100 * shares.mean(), 100 * shares.max()
        notes.append(f"{name}, from {low:.0f} to {high:.0f} %, on average {middle:.0f} %")
    axis.set(
        xlabel="foreground in the labels, %", ylabel="variance of the noise kept, %", ylim=(-3, 103)
    )
    figure.set_label(
        f"Variance that the gradient of a weight keeps in {len(area)} images, over their share of "
        f"foreground: {'; '.join(notes)}."
    )
    return figure


@themed
def less_confidence(posterior: float) -> Figure:
    """Plot confidence and accuracy over the dose, for two networks on ambiguous pixels.

    One network generalises: it predicts the minimiser of the expected loss for every pixel. The
    other memorises: it predicts the expected target of the label of each pixel. The accuracy is
    that on new labels of the same pixels.

    Args:
        posterior: pi = P(y = 1) of all pixels, above 1/2.
    """
    dose, agreement = np.linspace(0, 1, 101), posterior**2 + (1 - posterior) ** 2
    figure, axes = new_panels(2, 4.2, 3.8, sharey=True)
    kinds = ("generalises", posterior, posterior), ("memorises", 1, agreement)
    notes, over_and_under = [], ("overconfident", "underconfident")
    for axis, (kind, start, share) in zip(axes, kinds, strict=True):
        confidence, accuracy = 100 * ((1 - dose) * start + dose / 2), 100 * share
        best = (start - share) / (start - 1 / 2)
        axis.plot(dose, confidence, color=ink(), linewidth=2.5)
        axis.plot([0, 1], [accuracy] * 2, color=ink(), linewidth=1)
        axis.text(0.99, accuracy - 0.8, "accuracy", ha="right", va="top")
        axis.text(0.6, confidence[60] - 1, "confidence", ha="right", va="top")
        axis.plot(best, accuracy, "o", color=ink(), ms=8, clip_on=False)
        axis.text(best + 0.03, accuracy + 0.8, f"equal at d = {best:.2g}")
        wrong = confidence > accuracy, confidence < accuracy
        for where, colour, verdict in zip(wrong, directions(), over_and_under, strict=True):
            options = {"interpolate": True, "color": colour, "alpha": 0.6}
            axis.fill_between(dose, confidence, accuracy, where, **options)
            if where.any():
                widest = np.abs(confidence - accuracy)[where].argmax()
                over = verdict == "overconfident"
                side, share = ("left", 0.1) if over else ("right", 0.35)
                x, widest_gap = dose[where][widest], confidence[where][widest] - accuracy
                y = accuracy + share * widest_gap
                axis.text(0.02 + 0.96 * x, y, verdict, ha=side, va="center")
        axis.set(xlabel="dose d", title=f"a network that {kind}", xlim=(0, 1), ylim=(50, 101))
        notes.append(
            f"A network that {kind} has an accuracy of {accuracy:.0f} % and, at first, a "
            f"confidence of {100 * start:.0f} %; the two are equal at d = {best:.2f}"
        )
    axes[0].set_ylabel("confidence, accuracy, %")
    figure.set_label(f"Two lines over the dose d, at pi = {posterior:g}. {'. '.join(notes)}.")
    return figure
