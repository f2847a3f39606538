"""What perturbing labels adds to cheaper methods, by regime."""

from aslp_lib.course.lessons.audit import figures
from aslp_lib.course.lessons.audit.tables import by_set, on_shifted_sets, verdicts
