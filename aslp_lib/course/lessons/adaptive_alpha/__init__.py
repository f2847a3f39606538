"""How the perturbation level of each training image is learned."""

from aslp_lib.course.lessons.adaptive_alpha import figures
from aslp_lib.course.lessons.adaptive_alpha.results import mc_runs, of_rules
from aslp_lib.course.recorded import on_nuclei
