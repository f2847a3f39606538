"""Make the files of the recorded explorers again."""

from aslp_lib.course.lessons.label_perturbation.lab import PerturbationLab
from aslp_lib.course.lessons.training.explorer import TrainingScrubber

if __name__ == "__main__":
    PerturbationLab.record()
    TrainingScrubber.record()
