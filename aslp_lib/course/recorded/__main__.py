"""Train the networks whose weights are shipped with the course."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from aslp_lib.course.recorded import SHIPPED, how_file, settings_of, weights_file, write_how
from aslp_lib.files import write
from aslp_lib.metrics import scores
from aslp_lib.runs import MethodFolder
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

SCORES = ("ece", "oe", "accuracy", "confidence")


def make(data: str) -> None:
    """Train in a temporary folder, and replace the files of a data set when all runs are done."""
    methods, settings = SHIPPED[data], replace(settings_of(data), device="cpu")
    splits, scores_by_method = settings.load_data(), {}
    with tempfile.TemporaryDirectory() as temporary:
        folders = {method: MethodFolder(Path(temporary) / method) for method in methods}
        for method, folder in folders.items():
            network = train(settings, splits, method, folder).network
            scores_by_method[method] = {
                name: scores(validate(network, part, settings), names=SCORES)
                for name, part in splits.tests.items()
            }
        for method, folder in folders.items():
            file = weights_file(method, data)
            write(file, folder.weights.read_bytes())
            write(file.with_suffix(".csv"), folder.log.read_bytes())
    module = "aslp_lib.course.recorded"
    write_how(how_file(data), module, methods, settings_of(data), scores=scores_by_method)


if __name__ == "__main__":
    for name in sys.argv[1:] or SHIPPED:
        make(name)
