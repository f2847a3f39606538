"""When the update of alpha converges."""

from aslp_lib.course.lessons.stability import explorer, figures
