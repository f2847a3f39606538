"""Image-wise shrinkage: its ridge, by leaving out one kind of corruption, and its effect.

    python benchmarks/image_wise.py             # the shipped BCE network, embedded data
    python benchmarks/image_wise.py --run RUN   # a trained run, its first method

All from float probabilities at the network's size. A kind's grades are left out together: what is
fitted on the validation set and on it under the nine other kinds is scored on these. Adds to
`benchmarks/results/image_wise.json` and to the tables in `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from timing import put_in_readme
from torch import nn
from tqdm import tqdm

from aslp_lib.config import PRESETS, Settings
from aslp_lib.course import recorded
from aslp_lib.data.base import DataSplits
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.files import write
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import load_network
from aslp_lib.recalibration import (
    ClassWiseTemperature,
    ImageWiseShrinkage,
    ImageWiseTemperature,
    Temperature,
)
from aslp_lib.runs import Run
from aslp_lib.training.validation import validate

RESULTS = Path(__file__).parent / "results" / "image_wise.json"
START, END = "<!-- per image -->", "<!-- end of per image -->"
TRIED = {
    ImageWiseShrinkage: ((1e-2, 40), (1e-1, 40)),
    ImageWiseTemperature: ((3e-2, 40), (1e-1, 40)),
}
"""Ridges and weights of a clean image, beside each kind's own."""


def subject(run: Path | None) -> tuple[str, nn.Module, DataSplits, Settings]:
    """What is recalibrated: a name, the network, its data and settings."""
    if run is None:
        settings = PRESETS["demo"]
        return "embedded", recorded.load("bce"), settings.load_data(), settings
    opened = Run.open(run)
    method = opened.settings.methods[0]
    network = load_network(opened.settings, opened.method(method).weights)
    return "real", network, opened.settings.load_data(), opened.settings


def left_out(kind: type, clean: Counts, corrupted: dict[str, Counts]) -> dict[str, float]:
    """Mean NLL and ECE over the sets of the kinds that were left out, each in its turn."""
    nll, ece = [], []
    for left in dict.fromkeys(each.kind for each in CORRUPTIONS.values()):
        own = {name: c for name, c in corrupted.items() if CORRUPTIONS[name].kind == left}
        others = [c for name, c in corrupted.items() if name not in own]
        fit = kind().fit(clean, others)
        for counts in own.values():
            after = fit.apply_counts(counts)
            nll.append(calibration.nll(after))
            ece.append(calibration.ece(after))
    return {"nll": mean(nll), "ece": mean(ece)}


def measure(run: Path | None) -> tuple[str, dict]:
    """The name of what was measured, and the results."""
    name, network, data, settings = subject(run)
    count = partial(validate, network, settings=settings)
    clean = count(data.validation)
    corrupted = {
        each: count(Corrupted(data.validation, each)) for each in tqdm(CORRUPTIONS, "corrupted")
    }
    kinds = {}
    for kind, others in TRIED.items():
        kinds[kind.name] = kind
        for ridge, weight in others:
            label = f"{kind.name}, ridge {ridge:g}, clean {weight:g}"
            kinds[label] = type("", (kind,), {"ridge": ridge, "clean_weight": weight})
    without = {
        label: left_out(kind, clean, corrupted) for label, kind in tqdm(kinds.items(), "left out")
    }
    everything = Counts.join([clean, *corrupted.values()])
    fits = {
        "as it was trained": None,
        "temperature": Temperature().fit(clean),
        "two temperatures": ClassWiseTemperature().fit(clean),
        "temperature, corrupted validation": Temperature().fit(everything),
        **{label: kind().fit(clean, corrupted.values()) for label, kind in kinds.items()},
    }
    sets = {"validation": clean, **{name: count(each) for name, each in data.tests.items()}}
    first = next(iter(data.tests.values()))
    shifted = [count(Corrupted(first, each)) for each in CORRUPTIONS]
    rows = {}
    for label, fit in fits.items():

        def scored(counts: Counts, fit=fit) -> dict[str, float]:
            after = counts if fit is None else fit.apply_counts(counts)
            return {"ece": calibration.ece(after), "oe": calibration.oe(after)}

        rows[label] = {each: scored(counts) for each, counts in sets.items()}
        rows[label][f"{first.name}, corrupted"] = {
            score: mean(scored(counts)[score] for counts in shifted) for score in ("ece", "oe")
        }
    plain = {"ece": mean(calibration.ece(each) for each in corrupted.values())}
    return name, {
        "date": str(date.today()),
        "network": settings.network,
        "images": {each: len(counts) for each, counts in sets.items()},
        "left_out": {"as it was trained": plain, **without},
        "rows": rows,
    }


def table(results: dict) -> str:
    """Markdown."""
    parts = []
    for name, found in results.items():
        images = ", ".join(f"{set_} {number}" for set_, number in found["images"].items())
        sets = list(next(iter(found["rows"].values())))
        rows = [
            [label, *(f"{100 * row[s]['ece']:.2f} ({100 * row[s]['oe']:.2f})" for s in sets)]
            for label, row in found["rows"].items()
        ]
        parts += [
            f"{name.capitalize()} data, network {found['network']}, images: {images}; "
            f"{found['date']}. ECE (OE), %; corrupted: the mean over all kinds and grades.",
            markdown_table(["", *sets], rows),
            "Validation under the kinds that were left out: "
            + "; ".join(
                f"{label} {100 * each['ece']:.2f} %"
                + (f", NLL {each['nll']:.4f}" if "nll" in each else "")
                for label, each in found["left_out"].items()
            )
            + ".",
        ]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path)
    torch.set_num_threads(1)
    name, found = measure(parser.parse_args().run)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[name] = found
    write(RESULTS, json.dumps(results, indent=1) + "\n")
    put_in_readme(table(results), START, END)
    print(table(results))


if __name__ == "__main__":
    main()
