"""What perturbed labels say, and what the dose does to a network."""

from aslp_lib.course.lessons import lazily

__getattr__ = lazily(__name__, METHODS="results", bills="results", crossing="results")
