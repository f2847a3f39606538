"""Frames of an explorer: pictures that a reader steps through on a page without a kernel."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from aslp_lib.course.explorers import EXPLORERS, Explorer
from aslp_lib.course.explorers.base import rendered, written


@dataclass(frozen=True)
class Frames:
    """The control of an explorer that a reader steps through.

    Args:
        control: name of the control.
        values: value of the control in each frame, including its initial value; empty for all
            values of the control.
    """

    control: str
    values: Sequence[object] = ()


FRAMES = {
    "estimators": Frames("bins", values=(2, 3, 5, 10, 15, 20, 30, 50)),
    "perturbation": Frames("alpha", values=tuple(i / 10 for i in range(11))),
    "loss": Frames("alpha", values=tuple(i / 10 for i in range(11))),
    "feedback": Frames("weight"),
    "perturbation_lab": Frames("perturbation"),
    "training_scrubber": Frames("epoch", values=tuple(range(10, 141, 10))),
}
"""Explorer -> its frames. An explorer that is not listed keeps the first picture of its
notebook."""


def steps(explorer: Explorer, frames: Frames) -> list[dict[str, object]]:
    """Return the values of all controls in each frame, in order.

    Raises:
        ValueError: the explorer does not have the control or a value of it.
    """
    grid = explorer.grids().get(frames.control, [])
    values = list(frames.values) or grid
    for value in values or [None]:
        if value not in grid:
            raise ValueError(
                f"the explorer has no {frames.control} = {value!r}; expected one of {grid}. "
                "Correct FRAMES."
            )
    return [explorer.values | {frames.control: value} for value in values]


def labels(explorer: Explorer, control: str) -> dict[object, str]:
    """Return the text that the explorer shows for each value of a control."""
    widget = explorer.controls[control]
    if hasattr(widget, "options"):
        return {value: text for text, value in widget.options}
    return {value: written(value, widget.step) for value in explorer.grids()[control]}


def frame(explorer: Explorer, values: Mapping[str, object], value: str) -> dict[str, str | None]:
    """Return one picture with its texts, in the format of static/frames.js."""
    png, alt = rendered(explorer.picture(**values))
    return {
        "value": value,
        "words": explorer.readout(**values),
        "table": explorer.table(**values) if explorer.table else None,
        "alt": alt,
        "src": f"data:image/png;base64,{base64.b64encode(png).decode()}",
    }


def frames_html(name: str) -> str:
    """Return the HTML of an explorer's frames, initially at the notebook's own value."""
    explorer, control = EXPLORERS[name](), FRAMES[name].control
    values, texts = steps(explorer, FRAMES[name]), labels(explorer, control)
    frames = [frame(explorer, state, texts[state[control]]) for state in values]
    start = [state[control] for state in values].index(explorer.values[control])
    first = {key: escape(text or "") for key, text in frames[start].items()}
    table = f'<div class="numbers" tabindex="0">{frames[start]["table"]}</div>'
    data = json.dumps(frames).replace("<", "\\u003c")
    return (
        '<div class="frames">'
        f"<label>{escape(explorer.controls[control].description)} "
        f'<input type="range" min="0" max="{len(frames) - 1}" value="{start}" '
        f'aria-valuetext="{first["value"]}" disabled></label> '
        f'<span class="value" aria-hidden="true">{first["value"]}</span>'
        f'<p class="words" role="status">{first["words"]}</p>'
        f"{table if explorer.table else ''}"
        f'<img class="dark-light" alt="{first["alt"]}" src="{first["src"]}">'
        '<p class="hint">One of its controls. All of them: <code>make lab</code>.</p>'
        f'<script type="application/json">{data}</script></div>'
    )
