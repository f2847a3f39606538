"""How far a calibration score can be trusted."""

from aslp_lib.course.lessons.evaluation import figures
from aslp_lib.course.lessons.evaluation.coverage import coverage_study
from aslp_lib.course.lessons.evaluation.fields import by_field, percent, points
from aslp_lib.course.lessons.evaluation.tables import table
from aslp_lib.course.lessons.evaluation.trials import further_runs
