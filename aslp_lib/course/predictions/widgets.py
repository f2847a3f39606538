"""Widgets of the predictions: questions about a number or among options, and the diagram."""

import math
from collections.abc import Sequence
from typing import Any

import traitlets
from IPython.display import display

from aslp_lib.course.live import Live
from aslp_lib.course.predictions import record

NONE_YET = (
    "No predictions yet. Answer the questions of the course with a confidence, and return here: "
    "you will see whether your confidence matches the share of your predictions that are right."
)


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

    def _outcome(self, answer: Any, error: str = "", claim: str = "") -> str:
        """Show the answer, record the prediction, and say how it compares.

        Args:
            answer: the answer, rounded as it is shown.
            error: how far the prediction is from the answer, as text.
            claim: what the confidence is about, as text.
        """
        self.answer = answer
        text = f"Answer: {self._written(answer)}."
        if self.said is None:
            return text
        said = self._written(self.said)
        if self.confidence is None:
            said = "so" if self.said == answer else said + error
            return f"{text} You said {said}. Without a confidence, it does not count."
        right = self._is_right()
        made = record.Made(self.said, answer, self.confidence, right)
        note = record.add(self.asked["question"], made)
        sure = f"were {self.confidence:g} % confident{claim}"
        return f"{text} You said {said} and {sure}: {self._results[right]}. {note}".rstrip()

    def _is_right(self) -> bool:
        return bool(self.said == self.answer)

    def _written(self, value: Any) -> str:
        return str(value)


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
    """

    _results = "outside", "inside"

    def __init__(
        self, question: str, low: float, high: float, step: float = 1, unit: str = "",
        *, within: float,
    ) -> None:  # fmt: skip
        asked = {"low": low, "high": high, "step": step, "unit": unit, "within": within}
        super().__init__(asked={"question": question, **asked})
        self._digits = max(0, len(f"{step:.6f}".rstrip("0").split(".")[1]))

    @property
    def text(self) -> str:
        """The question and the range of its answer."""
        question, low, high, _, unit, within = self.asked.values()
        return (
            f"Your prediction. {question} ({low:g} to {high:g}{unit and f' {unit}'}; how likely is "
            f"it that the answer is within ±{within:g} of your number?)"
        )

    def against(self, answer: float) -> str:
        """Return the answer, rounded like the prediction, and how the prediction compares."""
        value = round(float(answer), self._digits)
        error = 0.0 if self.said is None else round(self.said - value, self._digits)
        size = f": {abs(error):.{self._digits}f} too {'high' if error > 0 else 'low'}"
        return self._outcome(value, size, f" of being within ±{self.asked['within']:g}")

    def _is_right(self) -> bool:
        return bool(round(abs(self.said - self.answer), 9) <= self.asked["within"])

    def _written(self, value: float) -> str:
        unit = self.asked["unit"]
        return f"{value:z.{self._digits}f}{unit and f' {unit}'}"


class Choice(Prediction):
    """A prediction among two or more options, with the confidence that it is the right one."""

    def __init__(self, question: str, options: Sequence[str]) -> None:
        lowest = math.ceil(100 / len(options))  # whoever has no idea picks any of them
        asked = {"question": question, "options": list(options), "lowest": lowest}
        super().__init__(asked=asked)

    @property
    def text(self) -> str:
        """The question and its options."""
        question, options, lowest = self.asked.values()
        return (
            f"Your prediction. {question} ({' / '.join(options)}; how confident are you, from "
            f"{lowest} to 100 %?)"
        )

    def against(self, answer: str) -> str:
        """Return the answer, one of the options, and whether it was predicted."""
        return self._outcome(answer)


def ask(
    question: str,
    *options: str,
    between: tuple[float, float] | None = None,
    **of_number: Any,
) -> Number | Choice:
    """Show a question, and return it, so that a later cell can compare the prediction.

    Args:
        question: the question.
        options: two or more options, or none for a number.
        between: smallest and largest number that can be predicted.
        of_number: `within`, `step` and `unit` of a number, see `Number`.
    """
    prediction: Number | Choice
    if between is None:
        prediction = Choice(question, options)
    else:
        prediction = Number(question, *between, **of_number)
    display(prediction)
    return prediction


class Diagram(Live):
    """The learner's own reliability diagram.

    Attributes:
        rows: question, confidence in % and whether it was right, of each prediction. On a page
            without a kernel, they come from the browser's storage.
        note: what happened to the file of predictions.
    """

    rows: Any = traitlets.List().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)

    @property
    def text(self) -> str:
        """The number of predictions, and of right ones; the script computes and draws the rest."""
        right = sum(row[2] for row in self.rows)
        counted = f"{len(self.rows)} predictions, {right} of them right." if self.rows else NONE_YET
        return f"Your reliability diagram.\n{counted}\n{self.note}".strip()


def diagram() -> Diagram:
    """Show how the learner's confidence in the predictions of all notebooks compares with truth."""
    try:
        made, note = record.read(), ""
    except OSError as error:
        made, note = {}, f"Your predictions cannot be read: {error}."
    return Diagram(rows=[[q, each.confidence, each.right] for q, each in made.items()], note=note)
