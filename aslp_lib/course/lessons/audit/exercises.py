"""Exercise: which method to use when."""

from aslp_lib.course.exercises import exercise

SAME_CAMERA = exercise(
    "audit/same_camera",
    right=lambda: 2,
    expects="the number of a method, 1 to 6",
    mistakes={"none": 1, "isotonic": 3, "smoothing": 4, "stopping": 5, "aslp": 6},
)

EXERCISES = (SAME_CAMERA,)
