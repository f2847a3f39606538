"""From a laboratory's folder, or the reader's own, to a threshold with a guarantee."""

from aslp_lib.course.lessons.own_data import figures
from aslp_lib.course.lessons.own_data.folder import (
    check_data,
    faulty_folder,
    folder,
    missed_foreground,
    pairs,
    stems,
)
from aslp_lib.course.lessons.own_data.held_out import at, count, maps, nuclei, synthetic
