"""What a temperature and an epoch repair, and what they leave."""

from aslp_lib.course.lessons.bill import bill
from aslp_lib.course.lessons.remedies import figures
from aslp_lib.course.lessons.remedies.kinds import by_predicted_class
