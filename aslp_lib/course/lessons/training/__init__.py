"""What ASLP adds to a training loop, and the paper's training run."""

from aslp_lib.course.lessons.training import costs, explorer, figures
from aslp_lib.course.lessons.training.annotators import draw_labels
from aslp_lib.course.lessons.training.full import full_training
from aslp_lib.course.lessons.training.live_training import train_in_view
