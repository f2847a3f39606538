"""The course's explorers: interactive figures, each called in a notebook's cell.

An explorer is made of a picture and a readout, pure functions of its controls' values whose numbers
come from the library.
"""

from aslp_lib.course.explorers.base import Explorer
from aslp_lib.course.explorers.loop import feedback
from aslp_lib.course.explorers.minimum import loss
from aslp_lib.course.explorers.plane import perturbation
from aslp_lib.course.explorers.reliability import estimators

__all__ = ["Explorer", "estimators", "feedback", "loss", "perturbation"]
