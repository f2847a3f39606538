"""Predictions: what is said of them, and what is recorded."""

import json
import re
import subprocess
import sys

import pytest
import static_notebooks
from notebook_files import NOTEBOOKS

from aslp_lib.course.predictions import Choice, Number, ask, diagram, record


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working directory, which is the folder of the learner's notebooks."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answered(guess, said, confidence):
    guess.said, guess.confidence = said, confidence
    return guess


def number(said=None, confidence=None):
    return answered(Number("How <often>?", 50, 100, unit="%", within=5), said, confidence)


def share(said, confidence):
    return answered(Number("Which share?", 0, 1, 0.05, within=0.1), said, confidence)


def choice(said=None, confidence=None):
    return answered(Choice("Which?", ("BCE", "ASLP")), said, confidence)


SURE = "and were 70 % confident"
NOT_COUNTED = "Without a confidence, it does not count."


@pytest.mark.parametrize(
    ("guess", "answer", "told", "right"),
    [
        (number(), 71.2, "71 %.", None),
        (number(confidence=70), 71.2, "71 %.", None),
        (choice(), "ASLP", "ASLP.", None),
        (number(76, 70), 71.2, f"71 %. You said 76 % {SURE} of being within ±5: inside.", True),
        (number(66, 70), 71.2, f"71 %. You said 66 % {SURE} of being within ±5: inside.", True),
        (number(77, 70), 71.2, f"71 %. You said 77 % {SURE} of being within ±5: outside.", False),
        (number(65, 70), 71.2, f"71 %. You said 65 % {SURE} of being within ±5: outside.", False),
        # 0.4 - 0.3 is 0.10000000000000003
        (share(0.4, 70), 0.3, f"0.30. You said 0.40 {SURE} of being within ±0.1: inside.", True),
        (share(0.45, 70), 0.3, f"0.30. You said 0.45 {SURE} of being within ±0.1: outside.", False),
        (choice("BCE", 70), "BCE", f"BCE. You said BCE {SURE}: right.", True),
        (choice("BCE", 70), "ASLP", f"ASLP. You said BCE {SURE}: wrong.", False),
        (number(90), 71.2, f"71 %. You said 90 %: 19 too high. {NOT_COUNTED}", None),
        (number(65), 71.2, f"71 %. You said 65 %: 6 too low. {NOT_COUNTED}", None),
        (number(71), 71.2, f"71 %. You said so. {NOT_COUNTED}", None),
        (choice("ASLP"), "BCE", f"BCE. You said ASLP. {NOT_COUNTED}", None),
    ],
)
def test_a_prediction_is_compared_and_one_with_a_confidence_is_recorded(guess, answer, told, right):
    assert guess.against(answer) == f"Answer: {told}"
    shown = answer if isinstance(answer, str) else pytest.approx(answer, abs=0.5)
    assert guess.answer == shown
    made = record.Made(guess.said, guess.answer, guess.confidence, right)
    expected = {} if right is None else {guess.asked["question"]: made}
    assert record.read() == expected and record.FILE.exists() == bool(expected)
    assert diagram().rows == [[question, 70, right] for question in expected]
    assert not expected or f"1 predictions, {int(right)} of them right" in diagram().text


@pytest.mark.parametrize(("options", "lowest"), [(2, 50), (3, 34), (4, 25), (6, 17), (7, 15)])
def test_no_confidence_in_one_of_n_options_is_below_one_in_n(options, lowest):
    assert Choice("Which?", [f"{n}" for n in range(options)]).asked["lowest"] == lowest


def test_without_javascript_there_is_the_question():
    for guess, parts in (
        (number(), ("How <often>? (50 to 100 %;", "within ±5")),
        (choice(), ("Which? (BCE / ASLP;", "from 50 to 100 %")),
    ):
        data, metadata = guess._repr_mimebundle_()
        assert all(part in data["text/plain"] for part in parts)
        assert metadata["live"]["state"]["asked"] == guess.asked


def test_a_question_is_shown_where_it_is_asked(capsys):
    asked = {"question": "Which?", "options": ["BCE", "ASLP"], "lowest": 50}
    assert ask("Which?", "BCE", "ASLP").asked == asked
    assert ask("How <often>?", between=(50, 100), unit="%", within=5).asked == number().asked
    assert re.findall("Choice|Number", capsys.readouterr().out) == ["Choice", "Number"]


def test_the_first_prediction_counts():
    number(90, 70).against(71)
    assert number(90, 70).against(71).endswith("outside.")  # the cell, run again
    told = number(71, 100).against(71)
    assert told.endswith("inside. Your first prediction remains recorded.")
    assert record.read()["How <often>?"].said == 90


def recorded(question="Which?", **changes) -> bytes:
    made = {"said": "BCE", "answer": "BCE", "confidence": 60, "right": True}
    return json.dumps({question: made | changes}).encode()


DAMAGED = {
    "empty": b"",
    "cut": b'{"Which?": {"said": "BCE", "ans',
    "no text": bytes(range(256)),
    "a list": b"[]",
    "a number": b'{"Which?": 1}',
    "a field is missing": b'{"Which?": {"said": "BCE", "answer": "BCE", "confidence": 60}}',
    "unknown field": recorded(a=1),
    "a text as confidence": recorded(confidence="60"),
    "confidence above 100": recorded(confidence=101),
    "confidence below 0": recorded(confidence=-1),
    "half a character": recorded("\ud800?"),
    "half a character in the answer": recorded(answer="\udfff"),
    "not a number": recorded(confidence=float("nan")),
}


@pytest.mark.fault
@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named_and_untouched_and_the_course_goes_on(content):
    record.FILE.write_bytes(content)
    damaged = r"predictions\.json is damaged \(.+\)\. Rename it, and your record begins anew\.$"
    assert re.search(rf"inside\. It is not recorded: {damaged}", number(70, 80).against(71))
    assert re.search(rf"No predictions yet.+\nYour .+ cannot be read: {damaged}", diagram().text)
    assert record.FILE.read_bytes() == content


@pytest.mark.fault
def test_a_folder_in_the_place_of_the_file_is_named():
    record.FILE.mkdir()
    assert "Rename it, and your record" in number(70, 80).against(71)


@pytest.mark.fault
def test_what_cannot_be_written_is_said_and_the_course_goes_on(monkeypatch):
    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr(record.files, "write", full)
    assert number(70, 80).against(71).endswith("inside. It is not recorded: no space.")


ADD_30 = """
import sys
from aslp_lib.course.predictions.record import Made, add
for n in range(30):
    assert add(f"{sys.argv[1]} {n}", Made(n, n, 50, True)) == ""
"""


@pytest.mark.fault
@pytest.mark.slow
def test_two_notebooks_at_once_lose_nothing(folder):
    both = [subprocess.Popen([sys.executable, "-c", ADD_30, name]) for name in "ab"]
    assert [process.wait(100) for process in both] == [0, 0]
    assert record.read().keys() == {f"{name} {n}" for name in "ab" for n in range(30)}
    assert [path.name for path in folder.iterdir() if path.suffix == ".json"] == [record.FILE.name]


def test_questions_and_answers_of_the_course():
    """The book knows each answer, which can be given; a margin needs a guess, but allows a miss."""
    asked, margins = [], []
    for path in NOTEBOOKS:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        static_notebooks.add_answers(notebook)
        tags = [tag for cell in notebook["cells"] for tag in cell["metadata"].get("tags", [])]
        marks = [tag for tag in tags if tag in ("prediction", "answer")]
        assert marks == ["prediction", "answer"] * (len(marks) // 2)
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
        live = (output.get("metadata", {}).get("live", {}).get("state", {}) for output in outputs)
        for state in (state for state in live if "asked" in state):
            question, answer = state["asked"], state["answer"]
            kind = Choice if "options" in question else Number
            guess = kind(**{key: value for key, value in question.items() if key != "lowest"})
            assert re.search(r"(inside|right)\.$", answered(guess, answer, 100).against(answer))
            asked.append(question["question"])
            if kind is Choice:
                assert answer in question["options"]
                assert len(set(question["options"])) == len(question["options"]) > 1
            else:
                width = question["high"] - question["low"]
                assert (
                    question["low"] <= answer <= question["high"] and 0 < question["step"] <= width
                )
                margins.append(question["within"] / width)
    assert len(asked) == len(set(asked)) == len(diagram().rows) >= 60
    assert 0.02 <= min(margins) <= max(margins) <= 0.25
