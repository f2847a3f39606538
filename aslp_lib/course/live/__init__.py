"""Base of the course's widgets, which draw and compute in the page.

The same JavaScript runs in JupyterLab with a kernel and on the book's pages without one. To add a
widget `NAME` to a module such as `aslp_lib/course/NAME.py`:

1. Write `NAME.py` with a subclass of `Live`, or of `Explorer` if it shows records: traits tagged
   `sync=True` are its state, which must be plain JSON (arrays: `packed`). All classes of a module
   share its script.
2. Write `NAME.js` beside it. It ends with `export default { render };`. `render({ model, el })` is
   anywidget's interface: fill `el`, read the state with `model.get("trait")`, change it with
   `model.set("trait", value); model.save_changes()`, and listen by `model.on("change:trait", f)`.
   The helpers of `live.js` come before the file in the same module, so that they need no import (a
   module that is loaded from a blob, or on a page opened as a file, cannot import). Call
   `begin(el)` first: it sets the class for `live.css` and keeps JupyterLab from taking the arrow
   keys. `explorer(context, ...)` does all of this for controls with figures and a readout.
3. `text` describes the widget in a sentence: it is what is committed, and shown where JavaScript
   does not run. An `Explorer` reads it from `NAME.png`, a photograph of its first state that is
   described by its readout. `make stills` takes all photographs again.
4. The book (docs/live_pages.py) makes each output an element with its state as inline JSON. A small
   widget's state is in the output's metadata, and `model.page` is true on a page. The state of an
   `Explorer` is large, so the book makes the explorer again: it must need no arguments.

Names at the top of a script must differ from those of `live.js`. Give every SVG and canvas a name,
and colours by the variables of `live.css`, which follow light and dark pages.
"""

import base64
import inspect
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.top_label import top_label

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "live.css").read_text(encoding="utf-8")
KEY = "live"
"""Key of an output's metadata under which the book finds the widget and its state."""
WIDTH = 760
"""Width of an explorer on its photograph, in CSS pixels."""


def packed(values: np.ndarray) -> dict[str, Any]:
    """Return an array as JSON, compressed, from which `unpack` of live.js makes nested arrays.

    >>> packed(np.array([[0, 255]], np.uint8))["type"]
    'Uint8Array'
    """
    data = zlib.compress(np.ascontiguousarray(values).tobytes(), 9)
    kind = f"{values.dtype.name.capitalize()}Array"
    return {"packed": base64.b64encode(data).decode(), "type": kind, "shape": values.shape}


def outcomes(counts: Counts) -> dict[str, Any]:
    """Return the pixels by confidence, all and correct ones, as `Outcomes` of live.js."""
    table = top_label(counts)
    pixels, correct = table.pixels.tolist(), table.positive.tolist()
    return {"top": counts.grey_levels - 1, "pixels": pixels, "correct": correct}


@cache
def script(module: str) -> str:
    """Return the shared script and the one that lies beside a Python module, as one module."""
    own = Path(str(import_module(module).__file__)).with_suffix(".js")
    return f"{(FOLDER / 'live.js').read_text(encoding='utf-8')}\n{own.read_text(encoding='utf-8')}"


class Live(anywidget.AnyWidget):
    """A widget whose script lies beside the Python module of its class, see above."""

    _css = STYLE

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # anywidget makes a further subclass of each, in which the script is a trait.
        if cls.__module__ != __name__ and "_esm" not in vars(cls):
            cls._esm = script(cls.__module__)

    @property
    def text(self) -> str:
        """Description of the widget in words."""
        raise NotImplementedError

    @property
    def state(self) -> dict[str, Any]:
        """Values of the traits that the script reads: name -> value."""
        names = set(self.keys) - set(anywidget.AnyWidget.class_trait_names())
        return {name: getattr(self, name) for name in sorted(names) if name[0] != "_"}

    @property
    def page_data(self) -> dict[str, Any]:
        """What the book needs to show the widget: its class, and its state if it is small."""
        return {"widget": self._anywidget_id, "state": self.state}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": self.text}, {**metadata, KEY: self.page_data}


class Explorer(Live):
    """Controls with figures and a readout, which show records.

    Args:
        records: what the script draws.
        values: value of each control.
        is_photographed: whether the photograph shows these records and values.
    """

    records = traitlets.Dict().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)

    def __init__(
        self, records: Mapping[str, Any], values: Mapping[str, Any], is_photographed: bool = True
    ) -> None:
        super().__init__(records=dict(records), values=dict(values))
        self._is_photographed = is_photographed

    @property
    def _photograph(self) -> Path:
        """File of the photograph, which lies beside the script."""
        return Path(inspect.getfile(type(self))).with_suffix(".png")

    @property
    def alt(self) -> str:
        """Description of the photograph: the readout."""
        with Image.open(self._photograph) as photograph:  # noqa: TID251
            return str(photograph.info["Description"])

    @property
    def text(self) -> str:
        shown = self.alt if self._is_photographed else "It shows other data than its photograph."
        return f"Explorer. {shown}"

    @property
    def page_data(self) -> dict[str, Any]:
        return {"widget": super().page_data["widget"]}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        if not self._is_photographed:
            return data, metadata
        png = base64.b64encode(self._photograph.read_bytes()).decode()
        shown = {"alt": self.alt, "width": WIDTH}
        return data | {"image/png": png}, metadata | {"image/png": shown}
