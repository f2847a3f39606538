"""What ASLP adds to a training loop, and the paper's training run."""

from aslp_lib.course.lessons import lazily

__getattr__ = lazily(
    __name__,
    draw_labels="annotators",
    full_training="full",
    settings="settings",
)
