"""What a network learns from perturbed labels."""

from aslp_lib.course.lessons.sc_bce import explorer, figures
