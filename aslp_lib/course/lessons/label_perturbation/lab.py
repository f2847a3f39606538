"""Explorer of networks trained at an expected perturbation, beside temperature-scaled BCE."""

from aslp_lib.course.live import RecordedExplorer


class PerturbationLab(RecordedExplorer):
    """Explorer of perturbation, network, temperature and test set, and of a pixel and a bin."""
