"""Questions that a learner answers, with a confidence, before a notebook shows the result.

    guess = ask("Which is larger?", "confidence", "accuracy")
    guess = ask("How often is it right?", between=(50, 100), unit="%", within=5)
    print(guess.against(71.2))  # in a later cell: the answer, and what was predicted

Predictions are optional. One with a confidence is recorded in `predictions.json`, in the folder of
the notebook, and `diagram()` compares the learner's confidence with the share of right predictions.
"""

from aslp_lib.course.predictions.widgets import Choice, Number, ask, diagram

__all__ = ["Choice", "Number", "ask", "diagram"]
