"""Train the networks whose weights are shipped with the course."""

import tempfile
from pathlib import Path

from aslp_lib.course.recorded import FOLDER, METHODS, SETTINGS, write_how
from aslp_lib.files import write
from aslp_lib.metrics import scores
from aslp_lib.runs import MethodFolder
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

SCORES = ("ece", "oe", "accuracy", "confidence")


def main() -> None:
    """Train in a temporary folder, and replace the shipped files when all runs are done."""
    data, scores_by_method = SETTINGS.load_data(), {}
    with tempfile.TemporaryDirectory() as temporary:
        folders = {method: MethodFolder(Path(temporary) / method) for method in METHODS}
        for method, folder in folders.items():
            network = train(SETTINGS, data, method, folder).network
            scores_by_method[method] = {
                name: scores(validate(network, part, SETTINGS), names=SCORES)
                for name, part in data.tests.items()
            }
        for method, folder in folders.items():
            write(FOLDER / f"{method}.safetensors", folder.weights.read_bytes())
            write(FOLDER / f"{method}.csv", folder.log.read_bytes())
    write_how("how.json", "aslp_lib.course.recorded", METHODS, scores=scores_by_method)


if __name__ == "__main__":
    main()
