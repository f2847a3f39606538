"""The study on real images as `benchmarks/real.py` recorded it, for who has no such images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.metrics import SCORES

Recorded = Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]
"""Variant -> set -> score -> (seeds,)."""


def real_images(path: Path) -> Recorded:
    """The recorded scores by variant, set and score, seed by seed; NaN where one is not defined."""
    runs = json.loads(path.read_text(encoding="utf-8"))
    found: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    for variant in dict.fromkeys(run["variant"] for run in runs):
        own = [run["scores"] for run in runs if run["variant"] == variant]
        found[variant] = {
            name: {
                score: np.array([scores[name][score] for scores in own], dtype=np.float64)
                for score in first
            }
            for name, first in own[0].items()
        }
    return found


def table(found: Recorded, score: str, sets: Mapping[str, str]) -> str:
    """Markdown: mean ± standard deviation over two or more seeds, a row a variant, a column a set.

    Args:
        score: a name of `SCORES`.
        sets: name -> what the column is called.
    """
    record = SCORES[score]
    rows = []
    for variant, own in found.items():
        values = [own[name][score] for name in sets]
        cells = [f"{record.text(v.mean())} ± {record.text(v.std(ddof=1))}" for v in values]
        rows.append([variant, *cells])
    return markdown_table([record.heading, *sets.values()], rows)
