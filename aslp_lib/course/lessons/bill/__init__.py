"""What unreliable confidence costs a laboratory, and what a single number repairs."""

from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.course.lessons.bill.exercises import counts_of
from aslp_lib.course.lessons.bill.figures import COSTS, first_dots, paid_bills, predictions
from aslp_lib.course.lessons.bill.networks import predict
