"""The figures of a report. Each function returns a figure whose label describes it in words.

`alt(figure)` returns this description for readers who cannot see the figure; `show` and `to_png`
store it with the image. In every figure, orange stands for overconfidence and blue for
underconfidence; the colours can be distinguished by colour-blind readers and in greyscale.
"""

from aslp_lib.evaluation.figures.comparison import (
    calibration_errors,
    detection_curves,
    image_scatter,
    training_history,
)
from aslp_lib.evaluation.figures.images import error_maps, gallery
from aslp_lib.evaluation.figures.reliability import (
    class_diagrams,
    joint_density,
    reliability_diagrams,
)
from aslp_lib.evaluation.figures.style import alt, page_width, show, theme, to_file, to_png
