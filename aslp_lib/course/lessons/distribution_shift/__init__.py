"""What a laboratory can do before and after it has labels from another microscope."""

from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.course.lessons.distribution_shift.figures import (
    changes,
    corrupted,
    crops,
    nll_over_temperature,
)
from aslp_lib.course.lessons.distribution_shift.laboratory import (
    findings,
    minus_validation,
    promised,
    promised_and_found,
    promises,
    range_of,
    redrawn,
    remedies,
    temperatures,
)
