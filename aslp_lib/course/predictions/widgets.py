"""Widgets of the predictions: questions about a number or among options, and the diagram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import traitlets

from aslp_lib.course.live import Live
from aslp_lib.course.predictions import record, reliability


class Prediction(Live):
    """A question with boxes for the answer and for a confidence; all start empty.

    Attributes:
        asked: the question and what may be answered.
        said: the predicted number or option; None without one.
        confidence: probability that the prediction is right, in %; None without one.
        answer: the answer, once a notebook has shown it.
    """

    asked = traitlets.Dict().tag(sync=True)
    said = traitlets.Any(None).tag(sync=True)
    confidence = traitlets.Any(None).tag(sync=True)
    answer = traitlets.Any(None).tag(sync=True)
    _results = "wrong", "right"

    def _outcome(self, answer: Any, written: str, said: str, error: str, claim: str) -> str:
        """Show the answer, record the prediction, and say how it went.

        Args:
            answer: the answer as it is shown.
            written: the answer as text.
            said: the prediction as text.
            error: how far the prediction is from the answer, as text that follows it.
            claim: what the confidence is about, as text that follows it.
        """
        self.answer = answer
        if self.said is None:
            return f"Answer: {written}."
        if self.confidence is None:
            said = "so" if self.said == answer else f"{said}{error}"
            return f"Answer: {written}. You said {said}. Without a confidence, it does not count."
        right = self._is_right()
        made = record.Made(self.said, answer, self.confidence, right)
        note = record.add(self.asked["question"], made)
        result = self._results[right]
        return (
            f"Answer: {written}. You said {said} and were {self.confidence:g} % confident{claim}: "
            f"{result}. {note}"
        ).rstrip()

    def _is_right(self) -> bool:
        return bool(self.said == self.answer)


class Number(Prediction):
    """A prediction of a number, with the confidence that it is within a margin of the answer.

    Args:
        question: the question; questions are unique in the course, as predictions are recorded
            under them.
        low: smallest number that can be predicted.
        high: largest number that can be predicted.
        step: the prediction and the answer are rounded to the number of decimals of the step.
        unit: unit of the number.
        within: largest error of a prediction that counts as right.

    Raises:
        ValueError: `low` is not below `high`, or `step` or `within` is not positive or exceeds
            the range.
    """

    _results = "outside", "inside"

    def __init__(
        self,
        question: str,
        low: float,
        high: float,
        step: float = 1,
        unit: str = "",
        *,
        within: float,
    ) -> None:
        size = high - low
        if not low < high or not 0 < step <= size or not 0 < within <= size:
            raise ValueError(
                f"low is {low}, high {high}, step {step} and within {within}; expected low < high, "
                "0 < step <= high - low and 0 < within <= high - low"
            )
        asked = dict(low=low, high=high, step=step, unit=unit, within=within)
        super().__init__(asked={"question": question, **asked})
        self._unit = f" {unit}" if unit else ""
        self._digits = max(0, len(f"{step:.6f}".rstrip("0").split(".")[1]))

    @property
    def text(self) -> str:
        """The question and the range of its answer."""
        limits = f"{self.asked['low']:g} to {self.asked['high']:g}{self._unit}"
        within = f"±{self.asked['within']:g}"
        return (
            f"Your prediction. {self.asked['question']} ({limits}; how likely is it that your "
            f"number is within {within}?)"
        )

    def against(self, answer: float) -> str:
        """Return the answer, rounded like the prediction, and how the prediction compares."""
        value = round(float(answer), self._digits)
        error = 0.0 if self.said is None else round(self.said - value, self._digits)
        size = f": {abs(error):.{self._digits}f} too {'high' if error > 0 else 'low'}"
        said = "" if self.said is None else self._written(self.said)
        claim = f" of being within ±{self.asked['within']:g}"
        return self._outcome(value, self._written(value), said, size, claim)

    def _is_right(self) -> bool:
        return bool(round(abs(self.said - self.answer), 9) <= self.asked["within"])

    def _written(self, value: float) -> str:
        return f"{value:z.{self._digits}f}{self._unit}"


class Choice(Prediction):
    """A prediction among two or more options, with the confidence that it is the right one.

    Raises:
        ValueError: there are fewer than two options, or two are equal.
    """

    def __init__(self, question: str, options: Sequence[str]) -> None:
        if len(set(options)) < 2 or len(set(options)) < len(options):
            raise ValueError(f"options are {list(options)}; expected two or more, all different")
        lowest = math.ceil(100 / len(options))  # whoever has no idea picks any of them
        super().__init__(asked=dict(question=question, options=list(options), lowest=lowest))

    @property
    def text(self) -> str:
        """The question and its options."""
        options = " / ".join(self.asked["options"])
        return (
            f"Your prediction. {self.asked['question']} ({options}; how confident are you, from "
            f"{self.asked['lowest']} to 100 %?)"
        )

    def against(self, answer: str) -> str:
        """Return the answer, and whether it was predicted.

        Raises:
            ValueError: the answer is not one of the options.
        """
        options = self.asked["options"]
        if answer not in options:
            raise ValueError(f"answer is {answer!r}; expected one of {', '.join(options)}")
        return self._outcome(answer, answer, str(self.said), "", "")


class Diagram(Live):
    """The learner's own reliability diagram.

    Attributes:
        rows: question, confidence in % and whether it was right, of each prediction. On a page
            without a kernel, they come from the browser's storage.
        note: what happened to the file of predictions.
    """

    rows = traitlets.List().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)

    @property
    def text(self) -> str:
        """The diagram in words."""
        lines = reliability.words(self.rows)
        return "\n".join(["Your reliability diagram.", *lines, *filter(None, [self.note])])


def diagram() -> Diagram:
    """Show how the learner's confidence in the predictions of all notebooks compares with truth."""
    try:
        made, note = record.read()
    except (OSError, RuntimeError) as error:
        made, note = {}, f"Your predictions cannot be read: {error}."
    return Diagram(rows=[[q, each.confidence, each.right] for q, each in made.items()], note=note)
