"""What lower confidence costs on familiar images, and what it pays on others."""

from aslp_lib.course.lessons.insurance import figures
from aslp_lib.course.lessons.insurance.tables import by_set, on_shifted_sets
