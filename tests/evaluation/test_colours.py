"""Colours of the figures stand out, by the contrast of WCAG 2.2, and differ without colour too."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from aslp_lib.evaluation.figures import style

TEXT, GRAPHICS = 4.5, 3.0
"""Least contrast with what is behind, of WCAG 1.4.3 and 1.4.11."""
COLOURS = (*style.OF_METHODS.values(), *style.OTHERS)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def contrast(one, other):
    values = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ LUMINANCE)
    return (high + 0.05) / (low + 0.05)


def test_lines_stand_out_against_white_and_grey_may_be_text():
    def least(colours, page="white"):
        return min(contrast(colour, page) for colour in colours)

    assert contrast("black", "white") == pytest.approx(21)
    assert least((*COLOURS, *style.directions())) >= GRAPHICS
    assert least((style.GREY, *style.directions(text=True))) >= TEXT
    assert contrast(*style.directions()) >= 1.5
    with style.theme(dark=True):
        page = style.themed(style.new_figure)(2, 2, None).get_facecolor()[:3]
        assert least(style.directions(), page) >= TEXT
    assert least(COLOURS, page) >= GRAPHICS
    assert style.themed(style.new_figure)(2, 2).get_facecolor() == (1, 1, 1, 1)  # light again


METHODS = ("BCE", "ASLP (MC)", "constant alpha", "label smoothing")


def test_a_method_has_its_colour_beside_any_other_and_a_line_of_its_recalibration():
    alone = {label: style.looks([label])[label][0] for label in METHODS}
    assert len(set(alone.values())) == len(METHODS)
    together = style.looks(["focal loss", *reversed(METHODS), "ASLP (ME)"])
    assert {label: together[label][0] for label in METHODS} == alone
    assert together["ASLP (ME)"][0] not in alone.values()
    changes = ("", " + temperature scaling", ", scaled", ", undone", " + isotonic")
    lines = [style.looks([f"BCE{change}"])[f"BCE{change}"][1] for change in changes]
    assert lines == ["-", "--", "--", ":", "-."]


def test_curves_are_told_from_each_other_without_colour():
    looks = style.looks("ABCDEFG").values()
    assert len({(line, mark) for _, line, mark in looks}) == len({mark for *_, mark in looks}) == 7
    for (one, line, _), (other, same, _) in itertools.combinations([*looks][:5], 2):
        assert line != same or contrast(one, other) >= 1.1
