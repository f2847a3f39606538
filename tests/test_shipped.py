import itertools
import json
from dataclasses import replace

import pytest

from aslp_lib.config import Settings
from aslp_lib.course import recorded
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics import scores
from aslp_lib.training.validation import validate

every_data_set = pytest.mark.parametrize("data", recorded.SHIPPED)


def how(data):
    """The record of how the networks of a data set were made."""
    return json.loads((recorded.FOLDER / recorded.how_file(data)).read_text())


@pytest.mark.slow
@every_data_set
def test_the_shipped_weights_have_the_scores_they_were_shipped_with(data):
    settings = recorded.settings_of(data)
    tests = settings.load_data().tests
    for method, name in itertools.product(recorded.SHIPPED[data], tests):
        shipped = how(data)["scores"][method][name]
        counts = validate(recorded.load(method, data), tests[name], settings)
        found = scores(counts, names=("ece", "oe", "accuracy"))
        assert found == pytest.approx({key: shipped[key] for key in found}, abs=2e-4)


@every_data_set
def test_they_are_small_and_ready_and_made_with_the_settings_of_today(data):
    methods, settings = recorded.SHIPPED[data], recorded.settings_of(data)
    then = Settings.from_json(json.dumps(how(data)["settings"]))  # later settings at defaults
    assert then == replace(settings, methods=methods)
    assert len(recorded.load_log("bce", data)) == settings.epochs
    files = [recorded.weights_file(method, data) for method in methods]
    assert sum(path.stat().st_size for path in files) < 2e6
    assert not recorded.load("bce", data).training


@every_data_set
def test_the_model_card_has_the_recorded_scores(data):
    text = (recorded.FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    table = text.split(f"### {data}")[1].split("###")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    for method, own in how(data)["scores"].items():
        for part, expected in own.items():
            (row,) = (row for row in rows if row[:2] == [part, METHOD_LABELS[method]])
            kept = ("ece", "oe", "accuracy", "confidence")
            assert [float(cell) for cell in row[2:]] == pytest.approx(
                [100 * expected[name] for name in kept], abs=0.051
            )
