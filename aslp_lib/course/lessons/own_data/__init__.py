"""From a laboratory's folder, or the reader's own, to a threshold with a guarantee."""

from aslp_lib.course.lessons.own_data import figures
from aslp_lib.course.lessons.own_data.folder import check_data, files, folder, pairs
from aslp_lib.course.lessons.own_data.held_out import (
    at,
    at_levels,
    count,
    maps,
    missed_at,
    missed_foreground,
    noise,
    nuclei,
    synthetic,
)
