"""Calibration of more than two classes, on nuclei, their boundaries and the background."""

from aslp_lib.course.lessons.more_classes import figures
from aslp_lib.course.lessons.more_classes.nuclei_found import fates
from aslp_lib.course.lessons.more_classes.splits import PRICES, of_splits, over_splits, read
