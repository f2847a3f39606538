"""What an explorer is: labelled controls, a picture, and a readout in words.

An explorer is pure functions of its controls' values, `picture` and `readout` (and a `table`, where
it has more numbers than a sentence holds); this module joins them to widgets. The picture is an
HTML image, which carries its description as alt text, and the readout is a live region, which a
screen reader speaks when it changes. Both have a place that does not move, whatever they say. Where
there is no kernel, the cell's output still holds the first picture as a plain PNG with the same
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
"""Of a picture: enough for a projector, on which it is as wide as the page."""
PACE = 250
"""Milliseconds from one picture to the next of what runs."""
LINE = 1.45
"""Height of a line of words, in letters' heights."""
_NAMES = """
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
"""What ipywidgets leaves out, said whenever the picture has changed: a slider's accessible name,
what buttons are for, and which of them is pressed."""
_WIDE = {"description_width": "9em"}
_LAYOUT = {"width": "24em"}


def slider(label: str, low: float, high: float, step: float, value: float) -> widgets.Widget:
    """A slider over the grid `low, low + step, ..., high`; whole numbers where all of these are."""
    whole = all(float(each).is_integer() for each in (low, high, step, value))
    kind, as_kind = (widgets.IntSlider, int) if whole else (widgets.FloatSlider, float)
    return kind(
        as_kind(value), min=as_kind(low), max=as_kind(high), step=as_kind(step), description=label,
        tooltip=label, style=_WIDE, layout=_LAYOUT,
        # Its own readout is a stop of the Tab key without a name: the explorer has another.
        readout=False,
    )  # fmt: skip


def choice(label: str, options: Mapping[Any, str], value: object) -> widgets.Widget:
    """Buttons of which one is pressed; `options` maps values to what is shown.

    A drop-down list would not do: JupyterLab keeps the arrow keys that move it.
    """
    shown = [(text, key) for key, text in options.items()]
    return widgets.ToggleButtons(
        options=shown, value=value, description=label, tooltip=label,
        tooltips=[f"{label}: {text}" for text, _ in shown],
        style={"description_width": "auto", "button_width": "auto"},
        layout={"width": "auto", "margin": "2px 16px 2px 2px"},
    )  # fmt: skip


def number(label: str, low: int, high: int, value: int) -> widgets.Widget:
    """A whole number in [low, high] to type, or to move by the arrow keys."""
    return widgets.BoundedIntText(
        value, min=low, max=high, description=label, tooltip=label,
        style={"description_width": "7em"}, layout={"width": "11em"},
    )  # fmt: skip


def player(control: widgets.IntSlider) -> widgets.Play:
    """Buttons that move a slider step by step, from where it is to its end, and back to its start.

    The browser moves it, so that a slow kernel shows fewer pictures and does not lag behind.
    """
    play = widgets.Play(
        value=control.value, min=control.min, max=control.max, step=control.step,
        interval=PACE, show_repeat=False,
        layout={"width": "8em", "height": "28px"},
    )  # fmt: skip
    widgets.jslink((play, "value"), (control, "value"))
    return play


def confidence_slider(gap: float, digits: int = 1) -> str:
    """In words, for confidence less accuracy in [-1, 1]."""
    points = round(100 * gap, digits)
    if points == 0:
        return "calibrated on average"
    size = f"{abs(points):.{digits}f} point{'' if abs(points) == 1 else 's'}"
    return f"{'over' if points > 0 else 'under'}-confident by {size}"


def rendered(picture: Figure) -> tuple[bytes, str]:
    """A picture as PNG, and what it shows in words."""
    return to_png(picture, DPI), alt(picture)


class Explorer(widgets.VBox):
    """Controls above a readout and a picture that follow them.

    Args:
        controls: name -> widget with a `value`; the names are the functions' arguments.
        picture: figure of the controls' values.
        readout: sentences about them, the main number first.
        link: called with the name of the control that moved and all values; may return values that
            other controls must take with it.
        idle: names of the controls that have no say at these values: they are greyed out.
        table: HTML of fixed shape between the words and the picture, which is not spoken.
        lines: that the words take at most, on a page of usual width: their place is kept.
        play: what makes a control run, shown after the controls; the words are not spoken while it
            does.
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
        self.controls, self.picture, self.readout, self._link = controls, picture, readout, link
        self.idle, self.table, self._lines = idle or (lambda **_: ()), table, lines
        self.words, self.numbers, self.image = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._linking, self.play = False, play
        self.shown = {
            name: widgets.Label(layout={"width": "4em"})
            for name, control in controls.items()
            if isinstance(control, widgets.IntSlider | widgets.FloatSlider)
        }
        rows = [
            widgets.HBox([control, self.shown[name]]) if name in self.shown else control
            for name, control in controls.items()
        ]
        # In two columns where the page is wide enough, so that the picture stays in sight.
        panel = widgets.Box([*rows, *([play] if play else [])], layout={"flex_flow": "row wrap"})
        below = [self.words, *([self.numbers] if table else []), self.image]
        super().__init__([panel, *below])
        self.add_class("explorer")
        for name, control in controls.items():
            control.observe(lambda _, name=name: self._moved(name), "value")
        if play:
            play.observe(lambda _: self._say(), "playing")
        self._draw()

    @property
    def values(self) -> dict[str, object]:
        """What the controls say; on the grid, for sliders add their steps up in floating point."""
        return {name: _on_grid(control.value) for name, control in self.controls.items()}

    def grids(self) -> dict[str, list[object]]:
        """All values of each control."""
        return {name: _grid(control) for name, control in self.controls.items()}

    def _moved(self, name: str) -> None:
        if self._linking:
            return
        if self._link is not None:
            self._linking = True
            try:
                for other, value in self._link(name, **self.values).items():
                    self.controls[other].value = value
            finally:
                self._linking = False
        self._draw()

    def _draw(self) -> None:
        values = self.values
        self.png, self.alt = rendered(self.picture(**values))
        self.text = self.readout(**values)
        for name, label in self.shown.items():
            label.value = written(values[name], self.controls[name].step)
        idle = self.idle(**values)
        for name, control in self.controls.items():
            control.disabled = name in idle
        self._say()  # words first: they are the smaller message
        if self.table:
            self.numbers.value = self.table(**values)
        data = base64.b64encode(self.png).decode()
        self.image.value = (
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{data}" onload="{_NAMES}" '
            'style="width: 100%; max-width: 1500px; height: auto">'
        )

    def _say(self) -> None:
        """Show the words; a screen reader speaks them, but not those of each picture of a run."""
        live = "off" if self.play and self.play.playing else "polite"
        self.words.value = (
            f'<div role="status" aria-live="{live}" style="line-height: {LINE}; '
            f'min-height: {self._lines * LINE:.2f}em">{escape(self.text)}</div>'
        )

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None, **kwargs: object
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        data = super()._repr_mimebundle_(include=include, exclude=exclude, **kwargs)
        data = data[0] if isinstance(data, tuple) else data
        png = base64.b64encode(self.png).decode()
        data = {**data, "text/plain": f"Explorer. {self.text}", "image/png": png}
        return data, {"image/png": {"alt": self.alt}}


def _grid(control: widgets.Widget) -> list[object]:
    if isinstance(control, widgets.ToggleButtons):
        return [value for _, value in control.options]
    count = round((control.max - control.min) / control.step)
    return [_on_grid(control.min + i * control.step) for i in range(count + 1)]


def _on_grid(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def written(value: Any, step: float) -> str:
    """A slider's value, with as many digits as the step has."""
    digits = len(f"{step:g}".partition(".")[2])
    return f"{value:.{digits}f}"
