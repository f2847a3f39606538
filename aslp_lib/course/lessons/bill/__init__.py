"""What overconfidence costs, and whether it takes a retraining to avoid it."""

from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.course.publishing.environment import check_environment
