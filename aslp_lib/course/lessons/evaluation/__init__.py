"""How far a calibration score can be trusted."""

from aslp_lib.course.lessons.evaluation import figures
from aslp_lib.course.lessons.evaluation.coverage import coverage_study
from aslp_lib.course.lessons.evaluation.fields import by_field
from aslp_lib.course.lessons.evaluation.scores import (
    by_five_scores,
    by_unit,
    half_over_pixels,
    over_units,
    resampled,
    span,
)
from aslp_lib.course.lessons.evaluation.trials import further_runs
