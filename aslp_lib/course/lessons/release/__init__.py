"""How the authors' code differs from the paper."""

from aslp_lib.course.lessons.release import figures
from aslp_lib.course.lessons.release.maps import probabilities
