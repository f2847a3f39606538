import numpy as np
import pytest

from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics.truth import against_posterior

MAPS = np.zeros((1, 4), np.uint8)


def test_the_posterior_of_shapes_has_no_error():
    posterior = Shapes("x", 40, seed=3, size=32).posterior
    assert against_posterior(np.rint(255 * posterior).astype(np.uint8), posterior).total < 1e-5


@pytest.mark.parametrize(
    ("maps", "posterior", "message"),
    [
        (MAPS, np.zeros((1, 5)), r"\(1, 5\).*\(1, 4\)"),
        (MAPS / 255, np.zeros((1, 4)), "float64"),
        (MAPS, np.full((1, 4), np.nan), "labels are NaN"),
    ],
)
def test_bad_input(maps, posterior, message):
    with pytest.raises(ValueError, match=message):
        against_posterior(maps, posterior)
