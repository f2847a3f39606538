"""The confidence of maximum entropy."""

from aslp_lib.course.lessons.maximum_entropy import figures
