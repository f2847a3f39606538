"""Pictures of an explorer that a reader steps through where there is no kernel."""

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
    """Which control is stepped.

    Args:
        control: its name.
        values: of the control, one a frame, among them the one it opens at; none: all that it has.
    """

    control: str
    values: Sequence[object] = ()


FRAMES = {
    "estimators": Frames("bins", values=(2, 3, 5, 10, 15, 20, 30, 50)),
    "perturbation": Frames("alpha", values=tuple(i / 10 for i in range(11))),
    "loss": Frames("alpha", values=tuple(i / 10 for i in range(11))),
    "feedback": Frames("weight"),
    "level_lab": Frames("level"),
    "training_scrubber": Frames("epoch", values=tuple(range(10, 141, 10))),
}
"""Explorer -> its frames; one that is not here keeps the first picture of its notebook."""


def steps(explorer: Explorer, frames: Frames) -> list[dict[str, object]]:
    """The explorer's values in each frame, in order.

    Raises:
        ValueError: a control, or a value of it, that the explorer does not have.
    """
    grid = explorer.grids().get(frames.control, [])
    values = list(frames.values) or grid
    for value in values or [None]:
        if value not in grid:
            raise ValueError(f"the explorer has no {frames.control} = {value!r}: {grid}")
    return [explorer.values | {frames.control: value} for value in values]


def labels(explorer: Explorer, control: str) -> dict[object, str]:
    """What the explorer shows of each value."""
    widget = explorer.controls[control]
    if hasattr(widget, "options"):
        return {value: text for text, value in widget.options}
    return {value: written(value, widget.step) for value in explorer.grids()[control]}


def frame(explorer: Explorer, values: Mapping[str, object], value: str) -> dict[str, str | None]:
    """One picture with all that is said of it, as static/frames.js takes it."""
    png, alt = rendered(explorer.picture(**values))
    return {
        "value": value,
        "words": explorer.readout(**values),
        "table": explorer.table(**values) if explorer.table else None,
        "alt": alt,
        "src": f"data:image/png;base64,{base64.b64encode(png).decode()}",
    }


def frames_html(name: str) -> str:
    """The frames of an explorer in `FRAMES`, opened where the notebook shows it."""
    explorer, chosen = EXPLORERS[name](), FRAMES[name]
    values, shown = steps(explorer, chosen), labels(explorer, chosen.control)
    made = [frame(explorer, each, shown[each[chosen.control]]) for each in values]
    here = [each[chosen.control] for each in values].index(explorer.values[chosen.control])
    said = {key: escape(text or "") for key, text in made[here].items()}
    table = f'<div class="numbers" tabindex="0">{made[here]["table"]}</div>'
    data = json.dumps(made).replace("<", "\\u003c")
    return (
        '<div class="frames">'
        f"<label>{escape(explorer.controls[chosen.control].description)} "
        f'<input type="range" min="0" max="{len(made) - 1}" value="{here}" '
        f'aria-valuetext="{said["value"]}" disabled></label> '
        f'<span class="value" aria-hidden="true">{said["value"]}</span>'
        f'<p class="words" role="status">{said["words"]}</p>'
        f"{table if explorer.table else ''}"
        f'<img class="dark-light" alt="{said["alt"]}" src="{said["src"]}">'
        '<p class="hint">One of its controls. All of them: <code>make lab</code>.</p>'
        f'<script type="application/json">{data}</script></div>'
    )
