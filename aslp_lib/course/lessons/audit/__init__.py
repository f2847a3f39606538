"""What each part of ASLP adds to cheaper methods."""

from aslp_lib.course.lessons.audit import figures
from aslp_lib.course.lessons.audit.words import (
    NAMES,
    by_size,
    in_words,
    photographs,
    primary,
    trained_again,
)
