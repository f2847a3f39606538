"""What helps if test images differ from the validation images."""

from aslp_lib.course.lessons.distribution_shift import figures
