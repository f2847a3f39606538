"""When a probability can be trusted, and how calibration is measured."""

from aslp_lib.course.lessons.confidence import explorer, figures
