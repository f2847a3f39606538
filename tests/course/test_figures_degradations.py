"""The figure of degradations: what is drawn is what the library makes."""

import numpy as np
import pytest
import torch

from aslp_lib.course import figures
from aslp_lib.data.degradations import DEGRADATIONS
from aslp_lib.data.degraded import Degraded
from aslp_lib.data.shapes import Shapes


@pytest.fixture
def shapes():
    return Shapes("x", 3, seed=0, size=24)


def test_every_kind_and_grade_is_shown_with_its_mask(shapes):
    figure = figures.degradations(shapes, 1, seed=5)
    shown = {axis.get_title(): axis for axis in figure.axes if axis.images}
    assert list(shown).count("as it is") == 1
    assert set(shown) == {"as it is", *DEGRADATIONS}
    for name, axis in shown.items():
        image, mask = (
            shapes.load(1) if name == "as it is" else Degraded(shapes, name, seed=5).load(1)
        )
        np.testing.assert_array_equal(axis.images[0].get_array(), image.permute(1, 2, 0))
        outlines = [path for drawn in axis.collections for path in drawn.get_paths()]
        assert bool(mask.any()) == bool(outlines)
        # A pixel is within the line if it is foreground.
        for path in outlines:
            pixels = np.stack(np.meshgrid(np.arange(24), np.arange(24)), -1).reshape(-1, 2)
            inside = np.zeros(24 * 24, bool)
            for polygon in path.to_polygons():
                line = type(path)(polygon)
                inside ^= line.contains_points(pixels)
            np.testing.assert_array_equal(inside.reshape(24, 24), mask[0].bool())


def test_the_words_say_how_much_is_foreground(shapes):
    words = figures.alt(figures.degradations(shapes, 1))
    assert words.startswith("Image 1 of x as it is and under 10 kinds of degradation")
    assert f"{100 * shapes.masks[1].float().mean():.0f} % of the image" in words
    zoomed = [Degraded(shapes, f"zoom{grade}").load(1)[1].float().mean() for grade in (1, 2, 3)]
    assert ", ".join(f"{100 * share:.0f}" for share in zoomed) + " % under zoom" in words
    assert "% under noise" not in words


def test_images_without_foreground_have_no_line(shapes):
    shapes.masks = torch.zeros_like(shapes.masks)
    figure = figures.degradations(shapes, 0)
    assert not any(axis.collections for axis in figure.axes)
    assert "it becomes no other share anywhere" in figures.alt(figure)
