"""What ASLP adds to a training loop, and the paper's training run."""

from aslp_lib.course.lessons.training import explorer, figures
from aslp_lib.course.lessons.training.full import full_training
from aslp_lib.course.lessons.training.memorised import one_label
from aslp_lib.course.lessons.training.settings import new_network, settings
from aslp_lib.course.lessons.training.stopping import REGIMES, stopped_and_last
