"""How ASLP or a cheaper method is added to a training loop."""

from aslp_lib.course.lessons.own_data import comparison, figures
from aslp_lib.course.lessons.own_data.comparison import adaptive, batches, count, predict, train
