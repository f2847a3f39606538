"""How the perturbation level of each training image is learned."""

from aslp_lib.course.lessons.adaptive_alpha import figures
from aslp_lib.course.lessons.adaptive_alpha.results import (
    alphas_of_mc,
    ends_of_mc,
    of_rules,
)
