"""Calibration of more than two classes, on nuclei, their boundaries and the background."""

from aslp_lib.course.lessons.more_classes import figures
from aslp_lib.course.lessons.more_classes.splits import of_splits, read
