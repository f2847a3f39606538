"""What a laboratory can do before and after it has labels from another microscope."""

from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.course.lessons.distribution_shift.figures import diagram, over_area, over_temperature
from aslp_lib.course.lessons.distribution_shift.laboratory import (
    area,
    checks,
    compare,
    table_of_areas,
    table_of_bills,
    table_of_offsets,
    table_of_promises,
)
from aslp_lib.course.lessons.distribution_shift.views import (
    before_and_after,
    examples,
    outlined,
    paid_by_crop,
)
