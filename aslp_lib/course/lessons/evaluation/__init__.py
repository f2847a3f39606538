"""How far a calibration score can be trusted."""

from aslp_lib.course.lessons.evaluation import figures
from aslp_lib.course.lessons.evaluation.estimator_bias import bias_study, calibrated, coverage_study
from aslp_lib.course.lessons.evaluation.trials import power
