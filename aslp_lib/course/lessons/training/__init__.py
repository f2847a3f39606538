"""What ASLP adds to a training loop."""

from aslp_lib.course.lessons.training import explorer
from aslp_lib.course.lessons.training.live_training import train_in_view
