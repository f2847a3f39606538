"""Runs and files with older names of methods: errors have both names and say what to do."""

import json
from dataclasses import replace

import pytest

from aslp_lib.cli import main
from aslp_lib.config import Settings
from aslp_lib.course import recorded
from aslp_lib.methods import RENAMED
from aslp_lib.recalibration import Isotonic
from aslp_lib.runs import Run
from aslp_lib.tensors import save_tensors

NEW = Settings(methods=("aslp_mc",), limit=4, epochs=1)
OLD = NEW.to_json().replace("aslp_mc", "calibration")


def settings(run, content=OLD):
    file = run.path / "settings.json"
    file.write_text(content, encoding="utf-8")
    return file.name


def checkpoint(run):
    facts = {"method": "calibration", "settings": OLD, "log": []}
    save_tensors(run.method("aslp_mc").checkpoint, {}, facts)
    return "last.safetensors"


def weights(run, method="calibration", made_with=OLD):
    facts = {"network": "tiny", "method": method, "settings": made_with}
    save_tensors(run.method("aslp_mc").weights, recorded.load("aslp_mc").state_dict(), facts)
    return "weights.safetensors"


def recalibration(run):
    settings(run, replace(NEW, recalibrate=("isotonic",)).to_json())
    weights(run, "aslp_mc", NEW.to_json())
    file = run.method("aslp_mc").recalibration("isotonic")
    Isotonic().save(file, {"method": "calibration"})
    return file.name


def records(run):
    content = {"settings": json.loads(OLD), "records": [], "data": []}
    (run.path / "records.json").write_text(json.dumps(content), encoding="utf-8")
    return "records.json"


COMPARE = "compare --limit 4 --epochs 1 --seeds 1 --methods aslp_mc --out runs/one --results"
NAMES = "is 'calibration'; expected 'aslp_mc'"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("write", "command", "names", "remedy"),
    [
        (None, "train --methods calibration", NAMES, "as it is called now"),
        (settings, "evaluate runs/one", NAMES, "start a new run"),
        (checkpoint, "train --resume runs/one", "calibration, not aslp_mc", "Remove it to start"),
        (weights, "predict runs/one", NAMES, "train again in a new run"),
        (recalibration, "predict runs/one", NAMES, "removing the file and train --resume RUN"),
        (records, f"{COMPARE} runs/one/records.json", NAMES, "compare will make it again"),
    ],
)
def test_the_error_has_both_names_and_a_remedy(elsewhere, capsys, write, command, names, remedy):
    run = Run.create(elsewhere / "runs" / "one", NEW)
    file = write(run) if write else ""
    assert main(command.split()) == 1
    error = capsys.readouterr().err
    assert all(part in error for part in (names, file, remedy)) and len(error.splitlines()) == 1


def test_every_older_name_leads_to_the_new_one():
    for old, new in RENAMED.items():
        with pytest.raises(ValueError, match=rf"^methods is '{old}'; expected '{new}', as it is"):
            replace(NEW, methods=(old,))
