"""This lesson has no exercises."""

from aslp_lib.course.exercises import Exercise

EXERCISES: tuple[Exercise, ...] = ()
