"""The record of the lesson Label perturbation: BCE with early stopping on `nuclei`.

    OMP_NUM_THREADS=1 python benchmarks/early_stopping.py

trains the shipped BCE network of `nuclei` again, and counts its predictions for the validation and
the test crops, in grey levels, at the epoch that early stopping keeps, which has the lowest
temperature-scaled NLL of the validation crops.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from aslp_lib.course.recorded import count, settings_of, write_arrays
from aslp_lib.metrics import calibration
from aslp_lib.recalibration import Temperature
from aslp_lib.training.loop import train

RECORD = "nuclei_early_stopping.npz"


def kept() -> dict[str, Any]:
    """Train BCE, and return the kept epoch and its counts for both sets."""
    settings = replace(settings_of("nuclei"), device="cpu")
    data, lowest, best = settings.load_data(), math.inf, {}

    def after_epoch(state: Any) -> None:
        nonlocal lowest
        nll = calibration.nll(Temperature().fit(state.validation).apply_counts(state.validation))
        if nll < lowest:
            lowest = nll
            test = count(state.network, data.tests["test"])
            best.update(epoch=len(state.log), test=test.grey.pooled)
            best.update(validation=state.validation.grey.pooled)

    train(settings, data, "bce", progress=False, after_epoch=after_epoch)
    return best


if __name__ == "__main__":
    write_arrays(RECORD, {k: np.asarray(v, np.int64) for k, v in kept().items()})
