"""Colours of the figures stand out, by the contrast of WCAG 2.2, and differ without colour too."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from aslp_lib.course.figures.panels import LIGHT_BLUE
from aslp_lib.evaluation.figures import style

TEXT, GRAPHICS = 4.5, 3.0
"""Least contrast with what is behind, of WCAG 1.4.3 and 1.4.11."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def contrast(one, other):
    values = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ LUMINANCE)
    return (high + 0.05) / (low + 0.05)


def test_lines_stand_out_against_white_and_grey_may_be_text():
    assert contrast("black", "white") == pytest.approx(21)
    assert min(contrast(colour, "white") for colour in style.METHOD_COLOURS) >= GRAPHICS
    assert contrast(style.GREY, "white") >= TEXT
    assert min(contrast(colour, "white") for colour in style.directions(text=True)) >= TEXT
    assert min(contrast(colour, "white") for colour in style.directions()) >= GRAPHICS
    assert contrast(*style.directions()) >= 1.5
    with style.theme(dark=True):
        page = style.themed(style.new_figure)(2, 2, None).get_facecolor()
        assert min(contrast(colour, page[:3]) for colour in style.directions()) >= TEXT
    assert min(contrast(colour, page[:3]) for colour in style.METHOD_COLOURS) >= GRAPHICS
    assert style.themed(style.new_figure)(2, 2).get_facecolor() == (1, 1, 1, 1)  # light again


def test_in_greyscale_equal_lines_differ_in_lightness_and_marks_are_all_their_own():
    looks = list(itertools.islice(style.looks(), len(style.METHOD_COLOURS)))
    assert len({mark for *_, mark in looks}) == len(looks)
    for (one, line, _), (other, same, _) in itertools.combinations(looks, 2):
        assert line != same or contrast(one, other) >= 1.5, (one, other)


def test_areas_of_pictures_are_told_from_what_is_lit_in_them():
    assert contrast(LIGHT_BLUE, style.ORANGE) >= 1.5
    assert LIGHT_BLUE not in style.METHOD_COLOURS
