"""How the perturbation level of each training image is learned."""

from aslp_lib.course.lessons.adaptive_alpha import figures
from aslp_lib.course.lessons.adaptive_alpha.results import of_rules, rivals, undone_and_scaled
from aslp_lib.course.recorded import on_nuclei
