"""Record of a learner's predictions: `predictions.json` in the folder of the notebooks."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from aslp_lib import files
from aslp_lib.checks import check_types, json_object, require, require_type

FILE = Path("predictions.json")


@dataclass(frozen=True)
class Made:
    """A prediction that was made with a confidence.

    Args:
        said: predicted number or option.
        answer: the notebook's answer, in the same digits.
        confidence: probability that the learner gave to being right, in %.
        right: whether `said` is the answer, or lies within the question's margin of it.
    """

    said: float | str
    answer: float | str
    confidence: float
    right: bool


def read(path: Path = FILE) -> dict[str, Made]:
    """Read the predictions by their questions.

    Raises:
        OSError: the file is damaged or cannot be read.
    """
    try:
        record, content = {}, json_object(files.read(path))
        # A lone surrogate can be escaped in JSON, but it can be neither shown nor written again.
        json.dumps(content, ensure_ascii=False).encode()
        for question, values in content.items():
            require_type(question, values, dict, "an object")
            check_types(Made, values)
            record[question] = made = Made(**values)
            require("confidence", made.confidence, 0 <= made.confidence <= 100, "0 to 100")
    except FileNotFoundError:
        return {}
    except (TypeError, ValueError) as error:
        text = f"{path} is damaged ({error}). Rename it, and your record begins anew"
        raise OSError(text) from error
    return record


def add(question: str, made: Made, path: Path = FILE) -> str:
    """Record the first prediction for a question, and return a note, which may be empty.

    A later prediction is not recorded, because the learner has seen the answer. A lock keeps two
    notebooks from overwriting each other's predictions.
    """
    lock = path.with_name(".aslp-predictions.lock")
    busy = f"another notebook has held {path} for 10 seconds; expected less. Run the cell again"
    try:
        with files.locked(lock, busy, patience=10):
            record = read(path)
            first = record.setdefault(question, made)
            if first is made:
                content = {asked: asdict(each) for asked, each in record.items()}
                files.write(path, json.dumps(content, ensure_ascii=False, indent=1))
    except (OSError, RuntimeError) as error:
        return f"It is not recorded: {error}."
    return "" if first == made else "Your first prediction remains recorded."
