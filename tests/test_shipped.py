import json
from dataclasses import replace

import pytest
import torch

from aslp_lib import shipped
from aslp_lib.config import Settings
from aslp_lib.metrics import scores
from aslp_lib.training.validation import validate


@pytest.mark.slow
@pytest.mark.parametrize("method", shipped.METHODS)
def test_the_shipped_weights_have_the_scores_they_were_shipped_with(method):
    how = json.loads((shipped.FOLDER / "how.json").read_text())
    network = shipped.load(method)
    for name, part in shipped.SETTINGS.load_data().tests.items():
        counts = validate(network, part, shipped.SETTINGS)
        for key in ("ece", "oe", "accuracy"):
            assert scores(counts)[key] == pytest.approx(how["scores"][method][name][key], abs=2e-4)


def test_they_were_made_with_the_settings_of_today():
    how = json.loads((shipped.FOLDER / "how.json").read_text())
    then = Settings.from_json(json.dumps(how["settings"]))  # later settings at their defaults
    assert then == replace(shipped.SETTINGS, methods=shipped.METHODS)
    assert len(shipped.load_log("bce")) == shipped.SETTINGS.epochs


def test_they_are_small_and_ready():
    assert sum(path.stat().st_size for path in shipped.FOLDER.glob("*.safetensors")) < 2e6
    assert not shipped.load("bce").training
    assert shipped.load("measured_gap")(torch.zeros(1, 3, 8, 8)).shape == (1, 1, 8, 8)
    with pytest.raises(ValueError, match="no weights are shipped for 'entropy'"):
        shipped.load("entropy")
