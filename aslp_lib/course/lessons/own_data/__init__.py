"""From a laboratory's folder to a report: checks, remedies, seeds and the bill."""

from aslp_lib.course.lessons.own_data import comparison, figures
from aslp_lib.course.lessons.own_data.comparison import adaptive, batches, count, predict, train
from aslp_lib.course.lessons.own_data.folder import check_data, hand_over
from aslp_lib.course.lessons.own_data.microscopy import draw_cells
