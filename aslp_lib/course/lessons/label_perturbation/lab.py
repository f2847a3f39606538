"""Explorer of networks trained at a constant dose, beside temperature-scaled BCE."""

from aslp_lib.course.live import RecordedExplorer


class PerturbationLab(RecordedExplorer):
    """Explorer of dose, network, temperature and test set, and of a pixel and a bin."""
