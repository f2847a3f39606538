"""What each part of ASLP adds to cheaper methods."""

from aslp_lib.course.lessons.audit import figures
from aslp_lib.course.lessons.audit.words import (
    NAMES,
    complete_memorisation,
    in_words,
    photographs,
    primary,
    sizes,
    trained_again,
)
