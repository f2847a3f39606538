"""Figures that several lessons share, of the course and of the library, and tables."""

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import pictures
from aslp_lib.course.figures.reliability import reliability_dots
from aslp_lib.course.figures.seeds import by_seed
from aslp_lib.course.figures.tables import numbers, percentages, table, verdicts
from aslp_lib.evaluation.figures import show
