"""The tables of TEACHING.md that are made: `python -m aslp_lib.course.teaching.plans` writes them.

The plans of a class and of five sessions, and of each notebook its sections with their minutes,
what to ask there, and the answer that the notebook prints.
"""

from __future__ import annotations

from pathlib import Path

from aslp_lib.course.teaching.lessons import Lesson, lessons
from aslp_lib.course.teaching.minutes import MINUTES
from aslp_lib.files import write

PAGE = Path("TEACHING.md")

CLASS: dict[str, list[str]] = {
    "00": [
        "The images",
        "A decision",
        "How sure, and how often right?",
        "All of its pixels",
        "A cheaper cure",
        "Where do the networks doubt?",
    ],
    "01": [
        "One map is thousands of forecasts",
        "Exercise: four pixels",
        "The reliability diagram",
        "Two numbers of the diagram",
        "What the truth says",
    ],
    "02": [
        "One formula",
        "The sampled label and the expected label",
        "When does the label still say what it said?",
    ],
    "07": ["A temperature", "Where it fails", "The verdict"],
}
"""What fits in one class of 90 minutes, by notebook."""

SESSIONS: list[tuple[str, dict[str, list[str]]]] = [
    (
        "Surer than right",
        {
            "00": list(MINUTES["00"]),
            "01": [
                "One map is thousands of forecasts",
                "Exercise: four pixels",
                "Where is it sure, and where is it wrong?",
                "Surer than right",
                "The reliability diagram",
                "Two numbers of the diagram",
                "Exercise: ECE by hand",
                "Two readings: the predicted class, and the foreground",
                "Pooled pixels, or a mean over images?",
                "What the truth says",
                "Calibrated is not yet useful",
                "A texture without an object",
                "Recap",
            ],
        },
    ),
    (
        "Perturbed labels",
        {
            "02": [
                "Why spoil good labels?",
                "One formula",
                "Units: a warning",
                "One switch for each image",
                "The sampled label and the expected label",
                "Exercise: the expected label",
                "Same mean, other draws",
                "The plane",
                "When does the label still say what it said?",
                "Exercise: how far may alpha go?",
                "Try it: a point in the plane",
                "Recap",
            ],
            "03": [
                "The loss",
                "Step 1: BCE over its target",
                "Step 2: the mean over the switch",
            ],
        },
    ),
    (
        "What is learnt from them, and a level for each image",
        {
            "03": [
                "Step 3: where the loss is least",
                "Step 4: how sure, and at what loss",
                "Train it",
                "Step 5: the gradient and its noise",
                "Step 8: a pixel that is ambiguous by itself",
            ],
            "04": [
                "Why one fixed level is not enough",
                "The gradient in alpha",
                "Ascent needs a brake",
                "Exercise: where MC begins to give way",
                "The loop, simulated",
                "Recap of session 1",
            ],
        },
    ),
    (
        "Does the loop settle, and what does it train?",
        {
            "04": [
                "The step: when does the loop settle?",
                "Which images get a large alpha?",
                "What holds the levels apart: the bias of a soft constraint",
                "A network that listens",
            ],
            "05": [
                "What ASLP adds to a training loop",
                "Settings",
                "Training",
                "Where do the levels rest?",
                "Exercise: a loose constraint",
                "Evaluation",
                "The lab: change one thing",
            ],
        },
    ),
    (
        "Measure, and choose",
        {
            "06": [
                "One histogram holds it all",
                "Seven ways to sum up a diagram",
                "What no calibration score can see",
                "Pixels are not independent, images are",
                "Why maps must not be stretched",
                "On real images",
            ],
            "07": [
                "What is to be cured",
                "A temperature",
                "Where it fails",
                "More than one number",
                "Stop early",
                "The recorded comparison",
                "What is left once all have a temperature",
                "Which score to believe",
                "A level for each test image",
                "The verdict",
            ],
            "08": ["When not to use it"],
        },
    ),
]
"""Five sessions of 90 minutes: a title, and the sections held in class, by notebook."""


def minutes(plan: dict[str, list[str]]) -> int:
    """Of all sections of a plan."""
    return sum(MINUTES[number][heading] for number, own in plan.items() for heading in own)


def class_table() -> str:
    """The one class, a section a line, with the time at which it begins."""
    lines = ["| from minute | notebook | section | minutes |", "|---:|---|---|---:|"]
    begun = 0
    for number, own in CLASS.items():
        for heading in own:
            takes = MINUTES[number][heading]
            lines.append(f"| {begun} | {number} | {heading} | {takes} |")
            begun += takes
    return "\n".join(lines)


def sessions_table() -> str:
    """The five sessions, a notebook a line; and what of these notebooks is left for home."""
    lines = ["| session | notebook | in class | minutes |", "|---|---|---|---:|"]
    held: dict[str, set[str]] = {}
    for count, (title, plan) in enumerate(SESSIONS, start=1):
        for number, own in plan.items():
            held.setdefault(number, set()).update(own)
            name = f"{count}. {title}" if number == next(iter(plan)) else ""
            lines.append(f"| {name} | {number} | {'; '.join(own)} | {minutes({number: own})} |")
        lines.append(f"| | | **together** | **{minutes(plan)}** |")
    lines += ["", "| for home, of notebook | sections | minutes |", "|---|---|---:|"]
    for number, sections in MINUTES.items():
        left = [heading for heading in sections if heading not in held.get(number, ())]
        what = "; ".join(left) if number in held else "all of it"
        if left:
            lines.append(f"| {number} | {what} | {minutes({number: left})} |")
    return "\n".join(lines)


def notebook_table(number: str, lesson: Lesson) -> str:
    """A notebook's sections: minutes, what to ask before the answer is run, and the answer."""
    lines = ["| section | minutes | ask | answer |", "|---|---:|---|---|"]
    for heading, takes in MINUTES[number].items():
        asked = lesson.section(heading).predictions
        questions = "<br>".join(f"{lesson.question(name)}" for name in asked)
        answers = "<br>".join(lesson.answer(name) for name in asked)
        lines.append(f"| {heading} | {takes} | {questions} | {answers} |".replace("*", r"\*"))
    return "\n".join(lines)


def tables() -> dict[str, str]:
    """What stands between `<!-- NAME -->` and `<!-- end of NAME -->`."""
    of_notebooks = {number: notebook_table(number, own) for number, own in lessons().items()}
    return {"class": class_table(), "sessions": sessions_table()} | of_notebooks


def filled(page: str) -> str:
    """The page with each table made anew.

    Raises:
        ValueError: the page has no place for one.
    """
    for name, table in tables().items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if not page.count(start) == page.count(end) == 1:
            raise ValueError(f"{PAGE} needs one {start} and one {end}")
        before, rest = page.split(start)
        page = f"{before}{start}\n{table}\n{end}{rest.split(end)[1]}"
    return page


if __name__ == "__main__":
    write(PAGE, filled(PAGE.read_text(encoding="utf-8")))
