"""What a laboratory can do before and after it has labels from another microscope."""

from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.course.lessons.distribution_shift.figures import over_temperature
from aslp_lib.course.lessons.distribution_shift.laboratory import (
    area,
    change,
    checks,
    gaps_of_trial,
    median_temperatures,
    table_of_bills,
)
from aslp_lib.course.lessons.distribution_shift.views import (
    before_and_after,
    diagram,
    examples,
    maps_beside_images,
    paid_by_crop,
    points,
)
