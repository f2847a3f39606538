"""Questions that a learner answers before a notebook shows the result.

    guess = Number("How often is it right?", 50, 100, unit="%")
    guess                       # a number to type
    print(guess.against(71.2))  # in a later cell: "Answer: 71 %. You said 90 %: 19 too high."

A prediction is optional: a control that was not touched counts as no prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets


class Prediction(widgets.VBox):
    """A question with a control for the answer; without a kernel, the question alone is shown."""

    def __init__(self, question: str, control: widgets.Widget, among: str) -> None:
        self.control, self._text = control, f"Your prediction. {question} ({among})"
        self.made = False
        super().__init__([control])
        self.add_class("prediction")
        control.observe(self._mark_made, "value")

    def _mark_made(self, _: object) -> None:
        self.made = True

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = super()._repr_mimebundle_(**kwargs)
        data = data[0] if isinstance(data, tuple) else data
        return {**data, "text/plain": self._text}, {}


class Number(Prediction):
    """A prediction of a number between `low` and `high`, typed or changed with the arrow keys.

    Answers are rounded to the number of decimals of `step`.

    Raises:
        ValueError: `low` is not below `high`, or `step` is not positive or exceeds the range.
    """

    def __init__(
        self, question: str, low: float, high: float, step: float = 1, unit: str = ""
    ) -> None:
        if not low < high or not 0 < step <= high - low:
            raise ValueError(
                f"low is {low}, high {high} and step {step}; expected low < high and "
                "0 < step <= high - low"
            )
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
        """Return the answer, rounded like the control, and how far the prediction is from it."""
        value = round(float(answer), self._digits)
        answer_text = f"Answer: {self._written(value)}."
        if not self.made:
            return answer_text
        error = round(self.control.value - value, self._digits)
        if error == 0:
            return f"{answer_text} You said so."
        direction = "high" if error > 0 else "low"
        return (
            f"{answer_text} You said {self._written(self.control.value)}: "
            f"{abs(error):.{self._digits}f} too {direction}."
        )

    def _written(self, value: float) -> str:
        return f"{value:z.{self._digits}f}{self._unit}"


class Choice(Prediction):
    """A prediction among two or more options.

    Raises:
        ValueError: there are fewer than two options, or two are equal.
    """

    def __init__(self, question: str, options: Sequence[str]) -> None:
        if len(set(options)) < 2 or len(set(options)) < len(options):
            raise ValueError(f"options are {list(options)}; expected two or more, all different")
        buttons = widgets.ToggleButtons(
            options=list(options),
            value=None,
            description=question,
            tooltips=[f"{question} {option}" for option in options],
            style={"button_width": "auto", "description_width": "initial"},
        )
        super().__init__(question, buttons, " / ".join(options))

    def against(self, answer: str) -> str:
        """Return the answer, and whether it was predicted.

        Raises:
            ValueError: the answer is not one of the options.
        """
        if answer not in self.control.options:
            raise ValueError(
                f"answer is {answer!r}; expected one of {', '.join(self.control.options)}"
            )
        if not self.made:
            return f"Answer: {answer}."
        is_right = self.control.value == answer
        return f"Answer: {answer}. You said {'so' if is_right else self.control.value}."
