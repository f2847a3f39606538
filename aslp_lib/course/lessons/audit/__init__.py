"""What each ingredient of ASLP adds, by regime."""

from aslp_lib.course.lessons.audit import figures
