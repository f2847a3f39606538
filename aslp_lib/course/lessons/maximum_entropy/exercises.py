"""Exercises: confidences of largest entropy under constraints on the accuracy."""

from aslp_lib.course.exercises import Array, Exercise, read_only

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


PARTS = Exercise(
    name="maximum_entropy/parts",
    title="what is known decides the confidence",
    question="""
Each part of a test set consists of groups of pixels. Group g belongs to part `part[g]` and has
`pixels[g]` pixels, of which `correct[g]` are correct. You know the accuracy of each *part*,
at least 1/2, but not of its groups. **Write the function that returns the maximum-entropy
confidence of each group, shape (G,).** The arguments are numpy arrays of shape (G,); parts are
labelled by integers such as 3 and 7. It is compared with the library on test sets that you do not
see.
""",
    grid=tuple(
        read_only(_PIXELS, _CORRECT, part) for part in ([3, 7, 3, 7], [0, 0, 0, 5], [9, 2, 1, 4])
    ),
    right=confidences,
    tolerance=1e-4,
    expects="one confidence in [0, 1] for each group, such as [0.9, 0.6]",
    mistakes={
        "That is the accuracy of each group. Only the accuracy of its part is known, so groups of "
        "the same part have the same confidence.": lambda n, k, part: k / n,
        "That is the accuracy of all pixels together. More is known: the accuracy of each "
        "part.": lambda n, k, part: 0 * n + k.sum() / n.sum(),
        "You averaged the accuracies of the groups of a part. Groups have different numbers of "
        "pixels: divide the sums.": lambda n, k, part: (
            (part[:, None] == part) @ (k / n) / (part[:, None] == part).sum(1)
        ),
    },
    hint="Within a part, nothing distinguishes one pixel from another, so all have the same "
    "confidence, and its mean over the part must be the accuracy of the part.",
    why="For each part the constraint fixes the mean confidence. Entropy is concave, so it is "
    "largest if all pixels of the part have this mean.",
    solution="""
def answer(pixels, correct, part):
    same = part[:, None] == part  # whether two groups belong to the same part
    return same @ correct / (same @ pixels)
""",
    alternative="""
import numpy as np


# Sums over the groups of each part, without comparing all pairs of groups.
def answer(pixels, correct, part):
    _, index = np.unique(part, return_inverse=True)
    return (np.bincount(index, correct) / np.bincount(index, pixels))[index]
""",
)

EXERCISES = (PARTS,)
