"""Figures of the audit: its verdict, memorised maps and memorised labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import picture_grid
from aslp_lib.course.figures.trial import memorisation, primary_contrasts
from aslp_lib.course.lessons.audit.words import NAMES, QUESTIONS, complete_memorisation
from aslp_lib.course.trial import MECHANISM_ARMS, Effect
from aslp_lib.evaluation.figures.style import ink, looks, themed


@themed
def verdict(families: Mapping[str, Mapping[str, Effect | None]]) -> Figure:
    """Draw the primary family in words as a forest plot, each comparison below its question.

    Args:
        families: name of the data set -> its primary family, see `audit.primary`.
    """
    in_lines = {
        name: {label.replace(" against ", "\nagainst "): change for label, change in family.items()}
        for name, family in families.items()
    }
    figure = primary_contrasts(in_lines)
    figure.set_size_inches(11.6, 7.4)
    asked = ""
    for row, question in enumerate(QUESTIONS.values()):
        if question != asked:
            figure.axes[0].annotate(
                question, (0, row), (-9, 17), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", va="bottom", weight="bold", fontsize=9.5,
                color=ink(),
            )  # fmt: skip
        asked = question
    figure.set_label(str(figure.get_label()).replace("\n", " "))
    return figure


@themed
def memorised_labels(frame: pandas.DataFrame) -> Figure:
    """Plot the excess over epochs, with a mark where memorising every target would end.

    Args:
        frame: the records of the mechanism.
    """
    figure = memorisation(frame, NAMES)
    axis = figure.axes[0]
    notes = []
    ends = complete_memorisation()
    last = frame.epoch.max()
    for arm, (colour, _, mark) in zip(MECHANISM_ARMS, looks(), strict=False):
        shift = {"L": 1.5, "C": -1.5}.get(arm, 0)  # their ends are the same
        axis.plot(
            last + 7 + shift, ends[arm], mark, color=colour, markerfacecolor="none", ms=9, mew=1.6
        )
        notes.append(f"{NAMES[arm]} {ends[arm]:.2f}")
    axis.annotate(
        "all targets\nmemorised", (last + 7, ends["B"]), (0, 9), textcoords="offset points",
        ha="center", fontsize=9,
    )  # fmt: skip
    axis.set_ylim(0, 0.97)
    figure.set_label(
        f"{figure.get_label()} Memorising every target would end at: {', '.join(notes)}."
    )
    return figure


@themed
def memorised_maps(rows: Mapping[str, Sequence[NDArray[np.generic]]]) -> Figure:
    """Draw images in columns: each with its label and with the maps of the networks.

    Args:
        rows: name of a row -> its pictures, (H, W, 3) or (H, W) with values in [0, 1].
    """
    figure, grid = picture_grid(rows, 1.25)
    for axis in grid.flat:
        axis.spines[:].set_visible(True)  # a white map would dissolve into a white page
    count = len(next(iter(rows.values())))
    figure.set_label(
        f"{count} training images with an inverted label map; rows: {', '.join(rows)}."
    )
    return figure
