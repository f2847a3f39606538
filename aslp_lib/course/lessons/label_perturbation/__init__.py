"""What perturbed labels say, and what the dose does to a network."""

from aslp_lib.course.lessons import lazily

__getattr__ = lazily(
    __name__,
    DOSES="results",
    bills="results",
    early_stopped="results",
    known_confidence="results",
    over_dose="results",
    scores_of_techniques="results",
    smoothed="results",
    targets_of_techniques="results",
)
