"""The figures of notebook 08: what is drawn is what was given, and no text is small."""

import numpy as np
from matplotlib.text import Text

from aslp_lib.course import figures
from aslp_lib.course.models.microscopy import draw_cells


def small_texts(figure):
    figures.to_png(figure)  # ticks are set as it is drawn
    texts = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
    return [t.get_text() for t in texts if t.get_fontsize() < 9]


def test_cells_are_drawn_with_what_has_no_label_left_out():
    cells = draw_cells(3, 0)
    said = 1 - cells.posterior
    figure = figures.cells(cells, [2, 0], {"network": said})
    assert len(figure.axes) == 4 * 2
    shown = [axis.images[0].get_array() for axis in figure.axes]
    inside = cells.labelled[2, 0].numpy()
    for row, values in enumerate((0.2 * cells.images + 0.4, cells.masks, cells.posterior, said)):
        drawn = shown[2 * row]
        np.testing.assert_array_equal(~np.ma.getmaskarray(drawn), inside)
        np.testing.assert_array_equal(drawn[inside], values[2, 0].numpy()[inside])
    assert [axis.get_ylabel() for axis in figure.axes[::2]][-1] == "network"
    assert "image, mask, true P(y=1), network" in figures.alt(figure)
    assert not small_texts(figure)


def test_levels_are_drawn_over_margins_and_doubt_with_their_bound():
    levels, margins = np.array([0.1, 0.12, 0.11]), np.array([1.0, 3.0, 2.0])
    doubt = np.array([0.2, 0.05, 0.1])
    figure = figures.levels_and_doubt(levels, margins, doubt, 0.15)
    histogram, by_margin, by_doubt = figure.axes
    assert sum(bar.get_height() for bar in histogram.patches) == 3
    assert set(histogram.lines[0].get_xdata()) == {0.15}
    for axis, values in ((by_margin, margins), (by_doubt, 100 * doubt)):
        points, line = axis.lines
        np.testing.assert_allclose(points.get_xydata(), np.column_stack([values, levels]))
        assert set(line.get_ydata()) == {0.15}
    assert "from 0.100 to 0.120, bound 0.150" in figures.alt(figure)
    assert not small_texts(figure)
