"""What an explorer is: labelled controls, a picture, and a readout in words.

An explorer is two pure functions of its controls' values, `picture` and `readout`; this module
joins them to widgets. The picture is an HTML image, which carries its description as alt text, and
the readout is a live region, which a screen reader speaks when it changes. Where there is no
kernel, the cell's output still holds the first picture as a plain PNG with the same description.
"""

from __future__ import annotations

import base64
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import alt, to_png

_WIDE = {"description_width": "9em"}
_LAYOUT = {"width": "32em"}


def slider(label: str, low: float, high: float, step: float, value: float) -> widgets.Widget:
    """A slider over the grid `low, low + step, ..., high`; whole numbers where `step` is 1."""
    kind = widgets.IntSlider if step == 1 else widgets.FloatSlider
    return kind(value, min=low, max=high, step=step, description=label, style=_WIDE, layout=_LAYOUT)


def steps(label: str, values: Sequence[float], value: float) -> widgets.Widget:
    """A slider over given values, for scales that are not linear."""
    options = [(f"{v:g}", v) for v in values]
    return widgets.SelectionSlider(
        options=options, value=value, description=label, style=_WIDE, layout=_LAYOUT
    )


def choice(label: str, options: Mapping[Any, str], value: str) -> widgets.Widget:
    """A drop-down list; `options` maps values to what is shown."""
    shown = [(text, key) for key, text in options.items()]
    return widgets.Dropdown(
        options=shown, value=value, description=label, style=_WIDE, layout=_LAYOUT
    )


def sureness(gap: float, digits: int = 1) -> str:
    """In words, for confidence less accuracy in [-1, 1]."""
    points = round(100 * gap, digits)
    if points == 0:
        return "calibrated on average"
    size = f"{abs(points):.{digits}f} point{'' if abs(points) == 1 else 's'}"
    return f"{'over' if points > 0 else 'under'}-confident by {size}"


class Explorer(widgets.VBox):
    """Controls above a readout and a picture that follow them.

    Args:
        controls: name -> widget with a `value`; the names are the functions' arguments.
        picture: figure of the controls' values.
        readout: sentences about them.
        link: called with the name of the control that moved and all values; may return values that
            other controls must take with it.
    """

    def __init__(
        self,
        controls: Mapping[str, widgets.Widget],
        picture: Callable[..., Figure],
        readout: Callable[..., str],
        link: Callable[..., dict[str, object]] | None = None,
    ) -> None:
        self.controls, self.picture, self.readout, self._link = controls, picture, readout, link
        self.words, self.image = widgets.HTML(), widgets.HTML()
        self._linking = False
        super().__init__([*controls.values(), self.words, self.image])
        self.add_class("explorer")
        for name, control in controls.items():
            control.observe(lambda _, name=name: self._moved(name), "value")
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
        with _garbage_kept_young():
            figure = self.picture(**self.values)
            self.png, self.alt = to_png(figure), alt(figure)
            del figure
        self.text = self.readout(**self.values)
        # Words first: they are the smaller message.
        self.words.value = f'<div role="status" aria-live="polite">{escape(self.text)}</div>'
        data = base64.b64encode(self.png).decode()
        self.image.value = (
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{data}" '
            'style="max-width: 100%; height: auto">'
        )

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None, **kwargs: object
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        data = super()._repr_mimebundle_(include=include, exclude=exclude, **kwargs)
        data = data[0] if isinstance(data, tuple) else data
        png = base64.b64encode(self.png).decode()
        data = {**data, "text/plain": f"Explorer. {self.text}", "image/png": png}
        return data, {"image/png": {"alt": self.alt}}


@contextmanager
def _garbage_kept_young() -> Iterator[None]:
    """Collect at the end what was made inside, before it ages.

    A figure is thousands of objects in cycles. Once some of them are old, the collector walks all
    of the process's objects, which stops an explorer for half a second now and then.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
            gc.collect(1)


def _grid(control: widgets.Widget) -> list[object]:
    if isinstance(control, widgets.Dropdown | widgets.SelectionSlider):
        return [value for _, value in control.options]
    count = round((control.max - control.min) / control.step)
    return [_on_grid(control.min + i * control.step) for i in range(count + 1)]


def _on_grid(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value
