"""The numbers of docs/overconfident.md, from the records of the trial and of the comparison."""

import re
from pathlib import Path

import pytest

from aslp_lib.course import recorded, trial
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.experiments import records

PAGE = (Path(__file__).parents[1] / "docs" / "overconfident.md").read_text(encoding="utf-8")
FRAMES = {name: trial.read(name) for name in ("shapes", "nuclei")}
pytestmark = pytest.mark.slow  # reading the records takes seconds
SCALED = "temperature_scaling"


def in_trial(data: str, method: str, recalibration: str = "none", name: str = "test") -> str:
    """The mean ECE over seeds, in percent."""
    column = ("ece", recalibration, name)
    return f"{100 * trial.scores(FRAMES[data], method, column, pooled=True).to_numpy().mean():.1f}"


def in_comparison(data: str, sets: str, method: str = "bce", kind: str = "none") -> str:
    """The mean ECE over seeds and over the sets of a pattern, in percent."""
    frame = records.select(recorded.read_results(f"comparison_{data}"), {method: {}}, [kind])
    return f"{100 * frame.ece[frame['set'].str.fullmatch(sets)].mean():.1f}"


def raised_nll(method: str, name: str) -> str:
    """By how much temperature scaling raises the NLL on a shifted set of nuclei, in nats."""
    after, before = (
        trial.scores(FRAMES["nuclei"], method, ("nll", kind, name)).to_numpy().mean()
        for kind in (SCALED, "none")
    )
    return f"{after - before:.2f}"


def test_the_numbers_are_those_of_the_records():
    augmented, image_wise = "corruption_augmentation", "image_wise_temperature"
    pairs = [
        tuple(in_trial(data, "M") for data in FRAMES),
        *((in_trial(data, "B"), in_trial(data, "B", SCALED)) for data in FRAMES),
        tuple(in_trial(data, "B_ES", SCALED) for data in FRAMES),
        tuple(f"{trial.effects(frame)['B_ES - B'].mean:.3f}" for frame in FRAMES.values()),
        tuple(in_comparison("shapes", "test, .*", method) for method in ("bce", augmented)),
        *(
            tuple(in_comparison("photographs", name, kind=kind) for kind in ("none", image_wise))
            for name in ("SOD", "DTD.*")
        ),
        *(
            tuple(in_trial(data, "B", kind, name) for kind in ("none", SCALED))
            for data, name in (("nuclei", "brightfield"), ("shapes", "textures"))
        ),
        *(
            tuple(raised_nll(method, name) for name in ("brightfield", "pink"))
            for method in ("B_ES", "C")
        ),
        *(
            tuple(in_comparison("photographs", name, *way) for name in ("SOD", "validation"))
            for way in (("aslp_mc",), ("bce",), ("bce", SCALED))
        ),
    ]
    numbers = {number.removeprefix("-") for pair in pairs for number in pair}
    assert numbers <= set(re.findall(r"\d+\.\d+", PAGE))
    assert float(in_trial("shapes", "B@640")) < 1
    assert f"{len(CORRUPTIONS)} corrupted copies" in PAGE


def test_the_verdicts_are_those_of_the_trial():
    for frame in FRAMES.values():
        verdicts = trial.verdicts(trial.effects(frame, confidence=trial.SIMULTANEOUS))
        assert verdicts["B_ES - B"] == verdicts["C - L*"] == "better"
        assert verdicts["L* - B"] == verdicts["M - B_ES"] == "worse"
        assert verdicts["C_ES - B_ES"] == "too small to matter"
        assert trial.scores(frame, "M", ("gap", "none", "test")).to_numpy().max() < 0
        smoothed = trial.differences(frame, trial.Contrast("L*", "B", ""), ("ece", "none", "test"))
        assert trial.effect(smoothed).high < 0
    with_640 = trial.Contrast("C@640", "B@640", "")
    assert trial.effect(trial.differences(FRAMES["shapes"], with_640)).low > 0
