"""Exercise: a fair comparison."""

from aslp_lib.course.exercises import exercise

FAIR_JUDGE = exercise(
    "audit/fair_judge",
    right=lambda: 4,
    expects="the number of a design, 1 to 5",
    mistakes={"trained": 1, "temperature": 2, "undone": 3, "lowest": 5},
)

EXERCISES = (FAIR_JUDGE,)
