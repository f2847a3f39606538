"""What unreliable confidence costs a laboratory, and what a single number repairs."""

from aslp_lib.course.lessons.bill.decision import bill, bills, lowest
from aslp_lib.course.lessons.bill.exercises import counts_of
from aslp_lib.course.lessons.bill.figures import paid_bills, predictions
