"""A run's evaluation: its maps counted and scored, in its own folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

from aslp_lib.data.base import DataSplits
from aslp_lib.evaluation import provenance
from aslp_lib.evaluation.maps import AS_IT_IS, ReadOptions, count_maps
from aslp_lib.evaluation.scores import Evaluation, flat
from aslp_lib.files import write, write_csv
from aslp_lib.runs import Run, Variant

T = TypeVar("T")


def evaluate_run(
    run: Run, data: DataSplits, reading: ReadOptions = AS_IT_IS, *, progress: bool = True
) -> Evaluation:
    """Count and score the maps of every variant and test set; write metrics.json and metrics.csv.

    Returns:
        The evaluation, by the variants' labels.

    Raises:
        ValueError: maps of other weights, images or settings than there are now; and as
            `count_maps`.
    """
    provenance.check(run, data.tests)
    evaluation = Evaluation.of(
        {
            name: {
                variant.name: count_maps(
                    run.maps(variant, name), dataset, reading, progress=progress
                )
                for variant in run.variants()
            }
            for name, dataset in data.tests.items()
        }
    )
    records = evaluation.records()
    write(run.metrics, json.dumps(records, indent=2, allow_nan=False))
    write_csv(run.metrics.with_suffix(".csv"), *flat(records))
    return labelled(evaluation)


def labelled(evaluation: Evaluation) -> Evaluation:
    """The same with the methods' labels in the place of their names."""
    return Evaluation(_labelled(evaluation.counts), _labelled(evaluation.scores), evaluation.bins)


def _labelled(by_method: Mapping[str, Mapping[str, T]]) -> dict[str, dict[str, T]]:
    return {
        name: {Variant.named(method).label: each for method, each in methods.items()}
        for name, methods in by_method.items()
    }
