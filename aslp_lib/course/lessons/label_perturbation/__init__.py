"""What perturbed labels say, and what the dose does to a network."""

from aslp_lib.course.lessons import lazily

__getattr__ = lazily(
    __name__, bills="results", confidence_over_dose="results", early_stopped="results"
)
