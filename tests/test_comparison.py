"""The comparison: as many trainings to choose from for each method, and validation chooses."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from aslp_lib.config import PRESETS
from aslp_lib.methods import METHODS, Method

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def comparison(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    spec = importlib.util.spec_from_file_location("comparison", FOLDER / "comparison.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_method_with_a_choice_is_tried_three_times(comparison):
    for method in METHODS:
        tried = comparison.tried(method)
        assert len(tried) == (3 if method in comparison.GRID else 1)
        for candidate in tried:
            settings = candidate.settings(PRESETS["demo"], seed=1)
            assert isinstance(settings.method(method, images=4), Method)
            own = getattr(settings.hyperparameters, METHODS[method].family, None)
            assert all(getattr(own, key) == each for key, each in candidate.options.items())
    nll = {1.0: 0.5, 2.0: 0.3, 3.0: 0.4}
    rows = [{"method": "focal", "options": {"gamma": g}, "nll": each} for g, each in nll.items()]
    grid = pd.DataFrame(rows)
    assert comparison.chosen(grid)["focal"].options == {"gamma": 2.0}  # of the least NLL
