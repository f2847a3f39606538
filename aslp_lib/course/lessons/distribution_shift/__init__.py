"""What a laboratory can do before and after it has labels from another microscope."""

from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.course.lessons.distribution_shift.figures import over_temperature
from aslp_lib.course.lessons.distribution_shift.laboratory import (
    PINK,
    area,
    decisions,
    marked,
    median_temperatures,
    table_of_bills,
)
