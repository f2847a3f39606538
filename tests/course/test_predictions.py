"""Predictions: what is said of them, what is recorded, and the learner's reliability diagram."""

import json
import re
import subprocess
import sys
from pathlib import Path
from pydoc import locate

import numpy as np
import pytest
import static_notebooks
from scipy.stats import norm
from sklearn.metrics import brier_score_loss

from aslp_lib.course.predictions import Choice, Number, diagram, record, reliability

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working directory, which is the folder of the learner's notebooks."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def number(question="How often?", said=None, confidence=None):
    guess = Number(question, 50, 100, unit="%", within=5)
    guess.said, guess.confidence = said, confidence
    return guess


def choice(said=None, confidence=None):
    guess = Choice("Which?", ("BCE", "ASLP"))
    guess.said, guess.confidence = said, confidence
    return guess


def test_boxes_start_empty_and_without_a_prediction_there_is_the_answer_alone(folder):
    assert number().said is number().confidence is choice().said is choice().confidence is None
    assert number().against(71.2) == number(confidence=70).against(71.2) == "Answer: 71 %."
    assert choice().against("ASLP") == "Answer: ASLP."
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "result"),
    [(76, "inside"), (66, "inside"), (71, "inside"), (77, "outside"), (65, "outside")],
)
def test_a_number_is_right_within_its_margin(said, result):
    """The answer is 71: 66 and 76 are at the edge of ±5."""
    sentence = f"You said {said} % and were 70 % confident of being within ±5: {result}."
    assert number(said=said, confidence=70).against(71.2) == f"Answer: 71 %. {sentence}"
    expected = record.Made(said, 71, 70, result == "inside")
    assert record.read() == ({"How often?": expected}, "")


def test_a_margin_of_decimals_is_not_missed_by_a_rounding_error():
    for said, right in ((0.2, True), (0.4, True), (0.45, False), (0.15, False)):
        guess = Number(f"{said}?", 0, 1, 0.05, within=0.1)
        guess.said, guess.confidence = said, 50
        assert ("inside" in guess.against(0.3)) is right  # 0.4 - 0.3 is 0.10000000000000003


def test_a_choice_is_right_or_wrong():
    told = choice("BCE", 60).against("BCE")
    assert told == "Answer: BCE. You said BCE and were 60 % confident: right."
    assert record.read()[0]["Which?"] == record.Made("BCE", "BCE", 60, True)
    record.FILE.unlink()
    told = choice("BCE", 60).against("ASLP")
    assert told == "Answer: ASLP. You said BCE and were 60 % confident: wrong."
    assert not record.read()[0]["Which?"].right


@pytest.mark.parametrize(
    ("guess", "answer", "told"),
    [
        (number(said=90), 71.2, "Answer: 71 %. You said 90 %: 19 too high."),
        (number(said=65), 71.2, "Answer: 71 %. You said 65 %: 6 too low."),
        (number(said=71), 71.2, "Answer: 71 %. You said so."),
        (choice("BCE"), "BCE", "Answer: BCE. You said so."),
        (choice("BCE"), "ASLP", "Answer: ASLP. You said BCE."),
    ],
)
def test_without_a_confidence_it_is_compared_but_not_recorded(folder, guess, answer, told):
    assert guess.against(answer) == f"{told} Without a confidence, it does not count."
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("options", "lowest"), [(2, 50), (3, 34), (4, 25), (6, 17), (7, 15)])
def test_no_confidence_in_one_of_n_options_is_below_one_in_n(options, lowest):
    assert Choice("Which?", [f"{n}" for n in range(options)]).asked["lowest"] == lowest


def test_the_widget_learns_the_answer_as_it_is_shown():
    guess, which = number(), choice()
    guess.against(71.2), which.against("ASLP")
    assert (guess.answer, which.answer) == (71, "ASLP")


def test_without_javascript_there_is_the_question():
    data, metadata = number("How <often>?")._repr_mimebundle_()
    assert data["text/plain"] == (
        "Your prediction. How <often>? (50 to 100 %; how likely is it that the answer is within ±5 "
        "of your number?)"
    )
    assert metadata["live"]["state"]["asked"]["within"] == 5
    text = choice()._repr_mimebundle_()[0]["text/plain"]
    assert text == "Your prediction. Which? (BCE / ASLP; how confident are you, from 50 to 100 %?)"


def test_questions_that_cannot_be_answered_are_refused():
    for low, high, step, within in [
        *[(1, 1, 0.1, 1), (2, 1, 0.1, 1), (0, 1, 0, 1), (0, 1, 2, 1), (0, 1, 1, 0), (0, 1, 1, 2)]
    ]:
        with pytest.raises(ValueError, match="expected low < high"):
            Number("?", low, high, step, within=within)
    for options in [(), ("BCE",), ("BCE", "BCE")]:
        with pytest.raises(ValueError, match="two or more, all different"):
            Choice("?", options)


def test_an_answer_that_is_no_option_is_a_mistake_of_the_notebook():
    with pytest.raises(ValueError, match="'MC'; expected one of BCE, ASLP"):
        choice().against("MC")


def test_the_first_prediction_counts():
    number(said=90, confidence=70).against(71)
    assert number(said=90, confidence=70).against(71).endswith("outside.")  # the cell, run again
    told = number(said=71, confidence=100).against(71)
    assert told.endswith("inside. Your first prediction remains recorded.")
    assert record.read()[0]["How often?"].said == 90


DAMAGED = {
    "empty": b"",
    "cut": b'{"Which?": {"said": "BCE", "ans',
    "no text": bytes(range(256)),
    "a list": b"[]",
    "nested": b"[" * 100_000,
    "a number": b'{"Which?": 1}',
    "a field is missing": b'{"Which?": {"said": "BCE", "answer": "BCE", "confidence": 60}}',
    "unknown field": json.dumps({"Which?": vars(record.Made(1, 1, 60, True)) | {"a": 1}}).encode(),
    "a text as confidence": json.dumps({"Which?": vars(record.Made(1, 1, "60", True))}).encode(),
    "confidence above 100": json.dumps({"Which?": vars(record.Made(1, 1, 101, True))}).encode(),
    "half a character": json.dumps({"\ud800?": vars(record.Made("BCE", "BCE", 60, True))}).encode(),
    "half a character in the answer": json.dumps(
        {"Which?": vars(record.Made("BCE", "\udfff", 60, True))}
    ).encode(),
    "not a number": b'{"Which?": {"said": 1, "answer": 1, "confidence": NaN, "right": true}}',
}


@pytest.mark.fault
@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_set_aside_and_the_course_goes_on(folder, content):
    record.FILE.write_bytes(content)
    told = number(said=70, confidence=80).against(71)
    assert re.search(r"inside\. predictions\.json was damaged \(.+\)\. It is now pred", told)
    assert (folder / "predictions-damaged-1.json").read_bytes() == content
    assert list(record.read()[0]) == ["How often?"]
    record.FILE.write_bytes(content)
    text = diagram().text
    assert "No predictions yet" in text
    assert text.endswith("It is now predictions-damaged-2.json, and your record begins anew.")


@pytest.mark.fault
def test_a_folder_in_the_place_of_the_file_is_set_aside(folder):
    record.FILE.mkdir()
    assert "It is now predictions-damaged-1.json" in number(said=70, confidence=80).against(71)
    assert (folder / "predictions-damaged-1.json").is_dir()


@pytest.mark.fault
def test_what_cannot_be_written_is_said_and_the_course_goes_on(monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "could not write predictions.json (No space left on device)")

    monkeypatch.setattr(record.files, "write", full)
    told = number(said=70, confidence=80).against(71)
    assert re.search(r"inside\. It is not recorded: .*No space left on device\)\.$", told)


@pytest.mark.fault
@pytest.mark.slow
def test_two_notebooks_at_once_lose_nothing(folder):
    code = (
        "import sys\n"
        "from aslp_lib.course.predictions.record import Made, add\n"
        "for n in range(30):\n"
        "    assert add(f'{sys.argv[1]} {n}', Made(n, n, 50, True)) == ''\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("first", "second")]
    assert [process.wait(100) for process in both] == [0, 0]
    assert sorted(record.read()[0]) == sorted(
        f"{a} {n}" for a in ("first", "second") for n in range(30)
    )
    assert [path.name for path in folder.iterdir() if path.suffix == ".json"] == [record.FILE.name]


ROWS = [(f"{n}?", confidence, n in (1, 4, 5, 7, 8, 9)) for n, confidence in enumerate(
    [30, 40, 50, 50, 60, 70, 80, 90, 90, 100]
)]  # fmt: skip
"""Ten predictions, six of them right."""


def test_the_words_hold_mean_share_and_brier_score():
    """Mean confidence 66 %, 6 of 10 right."""
    words = reliability.words(ROWS)
    brier = brier_score_loss([row[2] for row in ROWS], [row[1] / 100 for row in ROWS])
    assert words[0].startswith("All (10): mean confidence 66 %, right 60 % (31 to 83 %). ")
    assert f"Brier score {brier:.2f};" in words[0]
    assert "the difference may be chance" in words[1]


@pytest.mark.parametrize("count", [1, 13, 40])
def test_the_interval_ends_where_the_true_share_would_be_1_96_standard_errors_away(count):
    """Wilson's definition: (k/n - p)^2 = z^2 p (1 - p) / n at both ends, which are rounded here."""
    z = norm.ppf(0.975)
    p = np.arange(0, 1.000001, 0.0001)
    for right in range(count + 1):
        words = reliability.words([(f"{n}", 50, n < right) for n in range(count)])[0]
        told = [int(end) for end in re.search(r"\((\d+) to (\d+) %\)", words).groups()]
        inside = p[(right / count - p) ** 2 <= z**2 * p * (1 - p) / count + 1e-12]
        assert 100 * inside[[0, -1]] == pytest.approx(told, abs=0.52)


@pytest.mark.parametrize(
    ("confidence", "right", "verdict"),
    [(90, 12, "overconfident"), (51, 17, "underconfident"), (60, 12, "may be chance")],
)
def test_the_verdict_is_about_all_predictions_together(confidence, right, verdict):
    rows = [(f"{n}", confidence, n < right) for n in range(20)]
    assert verdict in reliability.words(rows)[1]


def test_the_diagram_is_of_the_recorded_predictions():
    assert "Answer the questions" in diagram().text
    number(said=70, confidence=80).against(71)
    assert diagram().rows == [["How often?", 80, True]]
    assert "mean confidence 80 %, right 100 %" in diagram().text


def asked():
    """Of all notebooks: the name, the question's output, and the answer's text."""
    for path in NOTEBOOKS:
        outputs = [
            output
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
            for output in cell.get("outputs", ())
        ]
        answers = iter(re.findall(r"Answer: (.+)\.$", "\n".join(
            "".join(output.get("text", "")) for output in outputs
        ), re.MULTILINE))  # fmt: skip
        for output in outputs:
            live = output.get("metadata", {}).get("live", {})
            if "asked" in live.get("state", {}):
                yield path.name, live, next(answers)
        assert next(answers, None) is None


def test_no_two_questions_of_the_course_are_the_same():
    questions = [live["state"]["asked"]["question"] for _, live, _ in asked()]
    assert len(questions) == len(set(questions)) >= 60


def test_a_learner_who_answers_every_question_of_the_course():
    """Someone who guesses numbers at random and options by chance, and says so.

    The confidence is the true probability of being right, so the diagram finds nothing."""
    rng = np.random.default_rng(0)
    expected = {}
    for _, live, text in asked():
        ask = live["state"]["asked"]
        question = ask["question"]
        if "options" in ask:
            guess, answer = Choice(question, ask["options"]), text
            guess.said = str(rng.choice(ask["options"]))
            guess.confidence = round(100 / len(ask["options"]))
            right = guess.said == answer
        else:
            guess, answer = Number(**ask), float(text.split()[0])
            grid = np.round(np.arange(ask["low"], ask["high"] + ask["step"] / 2, ask["step"]), 6)
            inside = np.round(np.abs(grid - answer), 9) <= ask["within"]
            pick = rng.integers(len(grid))
            guess.said, guess.confidence = float(grid[pick]), round(100 * inside.mean())
            right = inside[pick]
        assert isinstance(guess, locate(live["widget"]))
        assert guess.against(answer).startswith(f"Answer: {text}. You said ")
        expected[question] = bool(right)
    made, note = record.read()
    assert note == "" and {question: each.right for question, each in made.items()} == expected
    shown = diagram()
    assert len(shown.rows) == len(expected)
    assert f"All ({len(expected)}): mean confidence" in shown.text
    assert "the difference may be chance" in shown.text
    wide = [row for row in asked() if "within" in row[1]["state"]["asked"]]
    shares = [a["within"] / (a["high"] - a["low"]) for a in (r[1]["state"]["asked"] for r in wide)]
    assert 0.02 <= min(shares) <= np.median(shares) <= 0.15 < 0.25


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_book_knows_each_answer(path):
    """The page's script needs the answer in the question's state, and tags to find both cells."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    static_notebooks.add_answers(notebook)
    tags = [cell["metadata"].get("tags", []) for cell in notebook["cells"]]
    marks = [tag for cell in tags for tag in cell if tag in ("prediction", "answer")]
    assert marks == ["prediction", "answer"] * (len(marks) // 2)
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    states = [output["metadata"].get("live", {}).get("state", {}) for output in outputs
              if "metadata" in output]  # fmt: skip
    states = [state for state in states if "asked" in state]
    assert len(states) == len(marks) // 2
    for state in states:
        asked = state["asked"]
        if "options" in asked:
            assert state["answer"] in asked["options"]
        else:
            assert asked["low"] <= state["answer"] <= asked["high"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_explanation_is_folded_after_its_answer(path):
    """Questions, answers and folds alternate, but for a few answers that need no explanation."""
    order = ""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            assert source.count("<details>") == source.count("</details>")
            for part in re.split(r"^(?=#|<details>)", source, flags=re.MULTILINE):
                order += "|" if part.startswith("#") else ""
                order += "E" if part.startswith("<details>") else ""
                if part.startswith("<details>"):  # Markdown within HTML needs empty lines around it
                    assert re.match(r"<details>\n<summary>[^<\n]+</summary>\n\n", part)
                    assert "\n\n</details>" in part
        elif re.search(r"= (?:predictions\.)?(Number|Choice)\(", source):
            order += "Q"
        elif "against(" in source and "guess" in source:
            order += "A"
    questions = order.count("Q")
    assert questions == len(re.findall("QA", order)) == order.count("A")
    assert len(re.findall("QAE", order)) >= questions - 3
