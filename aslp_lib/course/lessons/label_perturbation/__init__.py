"""What perturbed labels say, and what the expected perturbation does to a network."""

from aslp_lib.course.lessons import lazily

__getattr__ = lazily(__name__, percentages="results", scaled_brier="results")
