"""Choice of the ridge of image-wise recalibration by leave-one-corruption-out, and its effect.

    python benchmarks/image_wise.py             # the shipped BCE network, synthetic data
    python benchmarks/image_wise.py --run RUN   # a trained run, its first method

Everything is computed from float probabilities at the network's size. All severities of a
corruption are left out together: a recalibration is fitted on the validation set and on its copies
under the nine other corruptions, and scored on the copies left out. The script updates
`benchmarks/results/image_wise.json` and the tables in `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from harness import publish, record_of
from torch import nn
from tqdm import tqdm

from aslp_lib.config import PRESETS, Settings
from aslp_lib.course import recorded
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.image_set import DataSplits
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.metrics import scores
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

TRIED = {
    ImageWiseShrinkage: ((1e-2, 40), (1e-1, 40)),
    ImageWiseTemperature: ((3e-2, 40), (1e-1, 40)),
}
"""Recalibration -> further pairs (ridge, weight of a clean image), besides its defaults."""


def subject(run: Path | None) -> tuple[str, nn.Module, DataSplits, Settings]:
    """Return a name, the network to recalibrate, its data and its settings."""
    if run is None:
        settings = PRESETS["demo"]
        return "embedded", recorded.load("bce"), settings.load_data(), settings
    opened = Run.open(run)
    method = opened.settings.methods[0]
    network = load_network(opened.settings, method, opened.method(method).weights)
    return "real", network, opened.settings.load_data(), opened.settings


def left_out(kind: type, clean: Counts, corrupted: dict[str, Counts]) -> dict[str, float]:
    """Return the mean NLL and ECE on the corruptions that were left out of the fit, one by one.

    Args:
        kind: class of the recalibration.
        clean: counts of the validation set.
        corrupted: name of a corruption -> counts of the validation set under it.
    """
    after = []
    for corruption in dict.fromkeys(c.kind for c in CORRUPTIONS.values()):
        excluded = {n: c for n, c in corrupted.items() if CORRUPTIONS[n].kind == corruption}
        others = [c for name, c in corrupted.items() if name not in excluded]
        fit = kind().fit(clean, others)
        after += [fit.apply_counts(counts) for counts in excluded.values()]
    return mean_scores(after, "nll", "ece")


def mean_scores(sets: Sequence[Counts], *names: str) -> dict[str, float]:
    """Return the means of scores over several sets."""
    every = [scores(counts, names=names) for counts in sets]
    return {name: mean(each[name] for each in every) for name in names}


def measure(run: Path | None) -> tuple[str, dict]:
    """Return the name of the network's data, and the results."""
    name, network, data, settings = subject(run)
    count = partial(validate, network, settings=settings)
    clean = count(data.validation)
    corrupted = {
        corruption: count(Corrupted(data.validation, corruption))
        for corruption in tqdm(CORRUPTIONS, "corrupted")
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
        "temperature scaling": Temperature().fit(clean),
        "class-wise temperature": ClassWiseTemperature().fit(clean),
        "temperature scaling on corrupted images": Temperature().fit(everything),
        **{label: kind().fit(clean, corrupted.values()) for label, kind in kinds.items()},
    }
    sets = {"validation": clean, **{name: count(part) for name, part in data.tests.items()}}
    first = next(iter(data.tests.values()))
    scored = {part: [counts] for part, counts in sets.items()}
    scored[f"{first.name}, corrupted"] = [count(Corrupted(first, name)) for name in CORRUPTIONS]
    rows = {"as trained": {part: mean_scores(each, "ece", "oe") for part, each in scored.items()}}
    for label, fit in fits.items():
        after = {part: [*map(fit.apply_counts, each)] for part, each in scored.items()}
        rows[label] = {part: mean_scores(each, "ece", "oe") for part, each in after.items()}
    return name, {
        "date": str(date.today()),
        "network": settings.network,
        "images": {part: len(counts) for part, counts in sets.items()},
        "left_out": {"as trained": mean_scores([*corrupted.values()], "ece"), **without},
        "rows": rows,
    }


def table(results: dict) -> str:
    """Format the results as Markdown."""
    parts = []
    for name, result in results.items():
        images = ", ".join(f"{set_} {number}" for set_, number in result["images"].items())
        sets = list(next(iter(result["rows"].values())))
        rows = [
            [label, *(f"{100 * row[s]['ece']:.2f} ({100 * row[s]['oe']:.2f})" for s in sets)]
            for label, row in result["rows"].items()
        ]
        parts += [
            f"{name.capitalize()} data, network {result['network']}, images: {images}; "
            f"{result['date']}. ECE (OE), %; corrupted: mean over all corruptions.",
            markdown_table(["", *sets], rows),
            "Mean ECE on the validation set under the corruptions left out of the fit: "
            + "; ".join(
                f"{label} {100 * row['ece']:.2f} %"
                + (f", NLL {row['nll']:.4f}" if "nll" in row else "")
                for label, row in result["left_out"].items()
            )
            + ".",
        ]
    return "\n\n".join(parts)


def main() -> None:
    """Measure, and update the record and its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path)
    torch.set_num_threads(1)
    name, result = measure(parser.parse_args().run)
    results = record_of("image_wise") | {name: result}
    publish("image_wise", results, table(results))


if __name__ == "__main__":
    main()
