"""Explorer of the expected SC-BCE over the predicted probability, and of its minimiser."""

from aslp_lib.course.live import Explorer


class Loss(Explorer):
    """Explorer whose controls are alpha, beta and the true posterior pi of a pixel."""

    def __init__(self) -> None:
        super().__init__({}, {"alpha": 0.2, "beta": 2.0, "posterior": 0.9})
