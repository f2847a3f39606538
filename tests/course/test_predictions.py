"""Predictions: what is said of one that was made, of one that was not, and without a kernel."""

import pytest

from aslp_lib.course.predictions import Choice, Number


def test_what_nobody_touched_was_not_predicted():
    assert Number("How often?", 50, 100, unit="%").against(71.2) == "Answer: 71 %."
    assert Choice("Which?", ("BCE", "ASLP")).against("ASLP") == "Answer: ASLP."


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (90, "Answer: 71 %. You said 90 %: 19 too high."),
        (65, "Answer: 71 %. You said 65 %: 6 too low."),
        (71, "Answer: 71 %. You said so."),
    ],
)
def test_a_number_is_compared_in_the_digits_of_its_step(said, told):
    guess = Number("How often?", 50, 100, unit="%")
    guess.control.value = said
    assert guess.against(71.2) == told


def test_a_choice_is_right_or_is_told():
    guess = Choice("Which?", ("BCE", "ASLP"))
    guess.control.value = "BCE"
    assert guess.against("BCE") == "Answer: BCE. You said so."
    assert guess.against("ASLP") == "Answer: ASLP. You said BCE."


def test_without_a_kernel_there_is_the_question():
    data, _ = Number("How <often>?", 50, 100, unit="%")._repr_mimebundle_()
    assert data["text/plain"] == "Your prediction. How <often>? (50 to 100 %)"
    guess = Choice("Which?", ("BCE", "ASLP"))
    assert guess._repr_mimebundle_()[0]["text/plain"] == "Your prediction. Which? (BCE / ASLP)"


def test_questions_that_cannot_be_answered_are_refused():
    for low, high, step in [(1, 1, 0.1), (2, 1, 0.1), (0, 1, 0), (0, 1, 2)]:
        with pytest.raises(ValueError, match="expected low < high"):
            Number("?", low, high, step)
    for options in [(), ("BCE",), ("BCE", "BCE")]:
        with pytest.raises(ValueError, match="two or more, all different"):
            Choice("?", options)


def test_an_answer_that_is_no_option_is_a_mistake_of_the_notebook():
    with pytest.raises(ValueError, match="'MC'; expected one of BCE, ASLP"):
        Choice("?", ("BCE", "ASLP")).against("MC")
