"""Explorer that shows recorded training runs epoch by epoch."""

from aslp_lib.course.live import RecordedExplorer


class TrainingScrubber(RecordedExplorer):
    """Explorer whose controls are the rule and the epoch, which a button advances."""
