"""Colours of the figures can be seen, and told apart, by everybody: contrast by WCAG 2.2, colour
blindness by Machado et al. (2009), distances in CIELAB."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from aslp_lib.course.figures import canvas
from aslp_lib.evaluation.figures import style

TEXT, GRAPHICS = 4.5, 3.0
"""Least contrast with what is behind, of WCAG 1.4.3 and 1.4.11."""
TOLD_APART = 10.0
"""Distance in CIELAB at which two lines are not taken for one another; 2.3 can just be seen."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SIGHT = {  # linear RGB to linear RGB, severity 1
    "full": np.eye(3),
    "without red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "without blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour):
    values = np.array(to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(float(LUMINANCE @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    t = XYZ @ np.clip(rgb, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrasts_that_are_known():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)  # the lightest grey text
    assert contrast("#777777", "white") < TEXT


def test_figures_bring_their_own_white_so_that_a_dark_page_changes_nothing():
    figure = style.new_figure(2, 2, None)
    axis = figure.add_subplot()
    assert figure.get_facecolor() == axis.get_facecolor() == (1, 1, 1, 1)


@pytest.mark.parametrize("colour", [*style.METHOD_COLOURS, style.GREY])
def test_lines_stand_out_against_white(colour):
    assert contrast(colour, "white") >= GRAPHICS


def test_grey_may_be_text():
    assert contrast(style.GREY, "white") >= TEXT


@pytest.mark.parametrize("sight", SIGHT)
def test_methods_are_told_apart_by_colour(sight):
    seen = {colour: lab(np.array(SIGHT[sight]) @ linear(colour)) for colour in style.METHOD_COLOURS}
    for one, other in itertools.combinations(style.METHOD_COLOURS, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= TOLD_APART, (one, other)


def test_in_greyscale_equal_lines_differ_in_lightness_and_marks_are_all_their_own():
    looks = list(itertools.islice(style.looks(), len(style.METHOD_COLOURS)))
    assert len({mark for *_, mark in looks}) == len(looks)
    for (one, line, _), (other, same, _) in itertools.combinations(looks, 2):
        assert line != same or contrast(one, other) >= 1.5, (one, other)


def test_areas_of_pictures_are_told_from_what_is_lit_in_them():
    assert contrast(canvas.LIGHT_BLUE, style.ORANGE) >= 1.5
    assert canvas.LIGHT_BLUE not in style.METHOD_COLOURS
