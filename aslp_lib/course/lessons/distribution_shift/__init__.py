"""What a laboratory can do before it has labels from another microscope."""

from aslp_lib.course.lessons.distribution_shift.laboratory import (
    crops,
    minus_validation,
    predicted_area,
    range_of,
    with_labels,
    without_labels,
)
