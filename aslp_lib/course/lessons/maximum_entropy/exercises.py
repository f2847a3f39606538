"""Exercises: confidences of largest entropy under constraints on the accuracy."""

from aslp_lib.course.exercises import Array, exercise, read_only

_PIXELS, _CORRECT = [800.0, 100.0, 50.0, 300.0], [784.0, 60.0, 30.0, 270.0]


def confidences(pixels: Array, correct: Array, part: Array) -> Array:
    """Compute the confidence of each group of pixels that has the largest entropy.

    The accuracy of each part, which consists of one or more groups, is the only constraint.

    Args:
        pixels, correct: number of pixels of each group, and how many of them are correct.
        part: label of the part that the group belongs to.
    """
    same = part[:, None] == part
    return same @ correct / (same @ pixels)


PARTS = exercise(
    "maximum_entropy/parts",
    grid=tuple(
        read_only(_PIXELS, _CORRECT, part) for part in ([3, 7, 3, 7], [0, 0, 0, 5], [9, 2, 1, 4])
    ),
    right=confidences,
    tolerance=1e-4,
    expects="one confidence in [0, 1] for each group, such as [0.9, 0.6]",
    mistakes={
        "groups": lambda n, k, part: k / n,
        "all together": lambda n, k, part: 0 * n + k.sum() / n.sum(),
        "mean of groups": lambda n, k, part: (
            (part[:, None] == part) @ (k / n) / (part[:, None] == part).sum(1)
        ),
    },
)

EXERCISES = (PARTS,)
