"""When the update of alpha converges."""

from aslp_lib.course.lessons.stability import explorer, figures
from aslp_lib.course.lessons.stability.lists import margins_of, mean_of_smallest
