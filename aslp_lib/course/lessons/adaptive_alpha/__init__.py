"""How the perturbation level of each training image is learned."""

from aslp_lib.course.lessons.adaptive_alpha import figures
from aslp_lib.course.lessons.adaptive_alpha.results import ends, mc_runs, rules
