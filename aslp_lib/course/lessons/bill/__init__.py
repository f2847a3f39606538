"""What unreliable confidence costs a laboratory, and what a single number repairs."""

from aslp_lib.course.lessons.bill.decision import bill, bills
from aslp_lib.course.lessons.bill.figures import expected_and_paid, paid_bills
from aslp_lib.course.publishing.environment import check_environment
