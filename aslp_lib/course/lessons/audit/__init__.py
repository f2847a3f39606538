"""What each part of ASLP adds to cheaper methods."""

from aslp_lib.course.lessons.audit import figures
from aslp_lib.course.lessons.audit.words import NAMES, in_words, primary, sizes, without_verdict
