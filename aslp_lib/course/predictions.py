"""A prediction, given before the answer shows, and how far off it was.

    guess = Number("How often is it right?", 50, 100, unit="%")
    guess                       # a number to type
    print(guess.against(71.2))  # in a later cell: "Answer: 71 %. You said 90 %: 19 too high."

Nobody has to answer: what was not touched was not predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets


class Prediction(widgets.VBox):
    """A control beside its question. Where there is no kernel, the question alone is shown."""

    def __init__(self, question: str, control: widgets.Widget, among: str) -> None:
        self.control, self._plain = control, f"Your prediction. {question} ({among})"
        self.made = False
        super().__init__([control])
        self.add_class("prediction")
        control.observe(self._touched, "value")

    def _touched(self, _: object) -> None:
        self.made = True

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = super()._repr_mimebundle_(**kwargs)
        data = data[0] if isinstance(data, tuple) else data
        return {**data, "text/plain": self._plain}, {}


class Number(Prediction):
    """A number from `low` to `high`, typed or moved by the arrow keys; answers have the digits of
    its step.

    Raises:
        ValueError: there is no such number.
    """

    def __init__(
        self, question: str, low: float, high: float, step: float = 1, unit: str = ""
    ) -> None:
        if not low < high or not 0 < step <= high - low:
            raise ValueError(f"there are no steps of {step} from {low} to {high}")
        self._unit = f" {unit}" if unit else ""
        self._digits = max(0, len(f"{step:.6f}".rstrip("0").split(".")[1]))
        box = widgets.BoundedFloatText(
            low + step * ((high - low) / step // 2),
            min=low,
            max=high,
            step=step,
            description=question if unit in question else f"{question} ({unit})",
            style={"description_width": "initial"},
            layout={"width": "auto"},
        )
        super().__init__(question, box, f"{low:g} to {high:g}{self._unit}")

    def against(self, answer: float) -> str:
        """The answer, in the slider's digits, and by how much the prediction missed it."""
        value = round(float(answer), self._digits)
        told = f"Answer: {self._said(value)}."
        if not self.made:
            return told
        off = round(self.control.value - value, self._digits)
        if off == 0:
            return f"{told} You said so."
        way = "high" if off > 0 else "low"
        return (
            f"{told} You said {self._said(self.control.value)}: "
            f"{abs(off):.{self._digits}f} too {way}."
        )

    def _said(self, value: float) -> str:
        return f"{value:z.{self._digits}f}{self._unit}"


class Choice(Prediction):
    """One of two or more options.

    Raises:
        ValueError: there are fewer, or two alike.
    """

    def __init__(self, question: str, options: Sequence[str]) -> None:
        if len(set(options)) < 2 or len(set(options)) < len(options):
            raise ValueError(f"options are {list(options)}, but must be two or more, all different")
        buttons = widgets.ToggleButtons(
            options=list(options),
            value=None,
            description=question,
            tooltips=[f"{question} {option}" for option in options],
            style={"button_width": "auto", "description_width": "initial"},
        )
        super().__init__(question, buttons, " / ".join(options))

    def against(self, answer: str) -> str:
        """The answer, and whether it was predicted.

        Raises:
            ValueError: it is none of the options.
        """
        if answer not in self.control.options:
            raise ValueError(f"{answer!r} is none of {', '.join(self.control.options)}")
        if not self.made:
            return f"Answer: {answer}."
        same = self.control.value == answer
        return f"Answer: {answer}. You said {'so' if same else self.control.value}."
