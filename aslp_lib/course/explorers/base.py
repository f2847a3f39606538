"""Base of the explorers: labelled controls, a figure, and a readout in words.

An explorer is defined by pure functions of its controls' values: `picture`, `readout`, and `table`
if it has more numbers than fit in a sentence. This module connects them to widgets. The figure is
an HTML image with its description as alt text, and the readout is a live region, which a screen
reader reads aloud when it changes. Both keep their position on the page, whatever their content.
Without a kernel, the cell's output still holds the first figure as a plain PNG with the same
description.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import alt, to_png

DPI = 135
"""Resolution of a figure: enough for a projector, where the figure is as wide as the page."""
PACE = 250
"""Milliseconds between two figures while a player runs."""
LINE = 1.45
"""Height of a line of the readout, in em."""
_ARIA = """
const explorer = this.closest('.explorer');
for (const slider of explorer?.querySelectorAll('.widget-slider') ?? [])
  slider.querySelector('[role=slider]').ariaLabel = slider.querySelector('label').textContent;
for (const group of explorer?.querySelectorAll('.widget-toggle-buttons') ?? []) {
  group.role = 'group';
  group.ariaLabel = group.querySelector('label').textContent;
  for (const button of group.querySelectorAll('button'))
    button.ariaPressed = button.classList.contains('mod-active');
}
for (const play of explorer?.querySelectorAll('.widget-play') ?? [])
  ['play or pause', 'back to the start'].forEach((name, i) => {
    play.children[i].ariaLabel = play.children[i].title = name;
  });
"""
"""JavaScript that runs whenever the figure has changed and adds what ipywidgets leaves out: the
accessible name of a slider, the purpose of buttons, and which of them is pressed."""


def slider(label: str, low: float, high: float, step: float, value: float) -> widgets.Widget:
    """Make a slider over the grid `low, low + step, ..., high`, of integers if the step is one."""
    kind = widgets.IntSlider if isinstance(step, int) else widgets.FloatSlider
    return kind(
        value, min=low, max=high, step=step, description=label, tooltip=label,
        style={"description_width": "initial"}, layout={"width": "26em"},
        # The widget's readout would be a tab stop without a name; the explorer shows the value.
        readout=False,
    )  # fmt: skip


def choice(label: str, options: Mapping[Any, str], value: object) -> widgets.Widget:
    """Make a row of buttons, one of which is pressed.

    A drop-down list is not usable here, because JupyterLab intercepts the arrow keys.

    Args:
        options: value -> text of its button.
    """
    pairs = [(text, key) for key, text in options.items()]
    return widgets.ToggleButtons(
        options=pairs, value=value, description=label, tooltip=label,
        tooltips=[f"{label}: {text}" for text, _ in pairs],
        style={"description_width": "auto", "button_width": "auto"},
        layout={"width": "auto", "margin": "2px 16px 2px 2px"},
    )  # fmt: skip


def number(label: str, low: int, high: int, value: int) -> widgets.Widget:
    """Make a field for an integer in [low, high], typed or changed with the arrow keys."""
    return widgets.BoundedIntText(
        value, min=low, max=high, description=label, tooltip=label,
        style={"description_width": "7em"}, layout={"width": "11em"},
    )  # fmt: skip


def player(control: widgets.IntSlider) -> widgets.Play:
    """Make buttons that move a slider step by step to its end, and back to its start.

    The browser moves the slider, so that a slow kernel skips figures instead of lagging behind.
    """
    play = widgets.Play(
        value=control.value, min=control.min, max=control.max, step=control.step,
        interval=PACE, show_repeat=False,
        layout={"width": "8em", "height": "28px"},
    )  # fmt: skip
    widgets.jslink((play, "value"), (control, "value"))
    return play


def describe_gap(gap: float, digits: int = 1) -> str:
    """Describe confidence minus accuracy, in [-1, 1], in words."""
    points = round(100 * gap, digits)
    if points == 0:
        return "calibrated on average"
    amount = f"{abs(points):.{digits}f} point{'' if abs(points) == 1 else 's'}"
    return f"{'over' if points > 0 else 'under'}confident by {amount}"


def rendered(picture: Figure) -> tuple[bytes, str]:
    """Return a figure as PNG, and its description."""
    return to_png(picture, DPI), alt(picture)


class Explorer(widgets.VBox):
    """Controls with a readout and a figure that follow them.

    Args:
        controls: name -> widget with a `value`; the names are the arguments of the functions below.
        picture: makes the figure.
        readout: writes sentences about the values, with the main number first.
        link: called with the name of the control that was moved and all values; returns values to
            set on other controls.
        idle: returns the names of the controls that have no effect at these values, which are
            disabled.
        table: writes an HTML table of fixed shape, shown between readout and figure, which a screen
            reader does not announce.
        lines: largest number of lines of the readout on a page of usual width; this space is
            reserved.
        play: player of a control, shown after the controls. The readout is not announced while it
            runs.
    """

    def __init__(
        self,
        controls: Mapping[str, widgets.Widget],
        picture: Callable[..., Figure],
        readout: Callable[..., str],
        link: Callable[..., dict[str, object]] | None = None,
        *,
        idle: Callable[..., Collection[str]] | None = None,
        table: Callable[..., str] | None = None,
        lines: int = 3,
        play: widgets.Play | None = None,
    ) -> None:
        self.controls, self.picture, self.readout, self.table = controls, picture, readout, table
        self.link, self.idle = link or (lambda *_, **__: {}), idle or (lambda **_: ())
        self.words, self.numbers, self.image = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._lines, self.play = lines, play
        labels = self.value_labels = {
            name: widgets.Label(layout={"width": "4em"})
            for name, control in controls.items()
            if isinstance(control, widgets.IntSlider | widgets.FloatSlider)
        }
        rows = [
            widgets.HBox([control, labels[name]]) if name in labels else control
            for name, control in controls.items()
        ]
        # On a wide page the controls form two columns, so that the figure stays in view.
        panel = widgets.Box([*rows, *([play] if play else [])], layout={"flex_flow": "row wrap"})
        super().__init__([panel, self.words, *([self.numbers] if table else []), self.image])
        self.add_class("explorer")
        for name, control in controls.items():
            control.observe(lambda _, name=name: self._redraw(name), "value")
        if play:
            play.observe(lambda _: self._show_readout(), "playing")
        self._draw()

    @property
    def values(self) -> dict[str, object]:
        """Values of the controls, rounded to their grid: sliders accumulate rounding errors."""
        return {name: _rounded(control.value) for name, control in self.controls.items()}

    def grids(self) -> dict[str, list[object]]:
        """List all values of each control."""
        return {name: _values_on_grid(control) for name, control in self.controls.items()}

    def _redraw(self, name: str) -> None:
        changed = self.link(name, **self.values).items() - self.values.items()
        for other, value in changed:
            self.controls[other].value = value  # draws the explorer
        if not changed:
            self._draw()

    def _draw(self) -> None:
        values = self.values
        self.png, self.alt = rendered(self.picture(**values))
        self.text = self.readout(**values)
        for name, label in self.value_labels.items():
            label.value = written(values[name], self.controls[name].step)
        idle = self.idle(**values)
        for name, control in self.controls.items():
            control.disabled = name in idle
        self._show_readout()  # before the figure, because it is the smaller message
        if self.table:
            self.numbers.value = self.table(**values)
        data = base64.b64encode(self.png).decode()
        self.image.value = (
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{data}" onload="{_ARIA}" '
            'style="width: 100%; max-width: 1500px; height: auto">'
        )

    def _show_readout(self) -> None:
        """Show the readout; a screen reader announces it, unless a player is running."""
        live = "off" if self.play and self.play.playing else "polite"
        self.words.value = (
            f'<div role="status" aria-live="{live}" style="line-height: {LINE}; '
            f'min-height: {self._lines * LINE:.2f}em">{escape(self.text)}</div>'
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png = base64.b64encode(self.png).decode()
        first = {"text/plain": f"Explorer. {self.text}", "image/png": png}
        return super()._repr_mimebundle_(**kwargs) | first, {"image/png": {"alt": self.alt}}


def _values_on_grid(control: widgets.Widget) -> list[object]:
    if isinstance(control, widgets.ToggleButtons):
        return [value for _, value in control.options]
    count = round((control.max - control.min) / control.step)
    return [_rounded(control.min + i * control.step) for i in range(count + 1)]


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def written(value: Any, step: float) -> str:
    """Format a slider's value with as many decimals as its step has."""
    digits = len(f"{step:g}".partition(".")[2])
    return f"{value:.{digits}f}"
