"""The confidences of the exercise, against a numerical maximum of the entropy."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import entr

from aslp_lib.course.lessons.maximum_entropy import exercises


@pytest.mark.claim(
    "loss",
    "If only the accuracy is known, the maximum-entropy confidence of every pixel is the accuracy",
    "maximum_entropy: How confident should you be if you know only the accuracy?",
)
@pytest.mark.parametrize("part", [(0, 0, 0, 0), (3, 7, 3, 7), (0, 1, 2, 3)])
def test_no_other_confidences_have_a_larger_entropy(part):
    pixels, correct = np.array([800.0, 100, 50, 300]), np.array([784.0, 60, 30, 270])
    constraints = []
    for label in set(part):
        inside = pixels * (np.array(part) == label)
        known = (correct * (inside > 0)).sum()
        constraints.append({"type": "eq", "fun": lambda c, n=inside, k=known: (n @ c - k) / 100})
    best = minimize(
        lambda c: -(pixels @ (entr(c) + entr(1 - c))) / pixels.sum(),
        np.full(4, 0.7),
        bounds=[(1e-6, 1 - 1e-6)] * 4,
        constraints=constraints,
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    found = exercises.confidences(pixels, correct, np.array(part))
    np.testing.assert_allclose(found, best.x, atol=1e-4)
