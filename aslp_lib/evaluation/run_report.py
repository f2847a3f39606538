"""The report of a run: `report.html` in its folder."""

from __future__ import annotations

import html

from matplotlib.figure import Figure

from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.data.images import read_map
from aslp_lib.evaluation import figures
from aslp_lib.evaluation.maps import STRETCHED
from aslp_lib.evaluation.report import (
    SCROLL,
    WIDE,
    note_parts,
    pictures,
    score_parts,
    set_parts,
    write_page,
)
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.runs import Run, read_log

EXAMPLES = 4


def write_report(run: Run, data: DataSplits, evaluation: Evaluation) -> None:
    """Write `report.html` of an evaluated run.

    Args:
        evaluation: by the methods' labels.
    """
    logs = {METHOD_LABELS[m]: read_log(run.method(m).log) for m in run.settings.methods}
    parts = [
        f"<p>{html.escape(' and '.join(logs))}, trained on {html.escape(data.origin)}: "
        f"{len(data.train)} images, validated on {len(data.validation)}.</p>",
        *note_parts([*([STRETCHED] if run.settings.min_max_maps else []), *evaluation.notes]),
        *_recalibrations(run),
        *score_parts(evaluation),
        "<h2>Training</h2>",
        pictures([figures.training_history(logs)], WIDE),
    ]
    for name in evaluation.counts:
        parts += set_parts(evaluation, name)
        parts.append(pictures([_examples(run, data.tests[name])], SCROLL))
    parts += ["<h2>Settings</h2>", f"<pre>{html.escape(run.settings.to_json())}</pre>"]
    write_page(run.report, parts)


def _recalibrations(run: Run) -> list[str]:
    """What was fitted after training, and whether it left the decisions alone."""
    items = []
    for variant in run.variants():
        if variant.recalibration is not None:
            kind = RECALIBRATIONS[variant.recalibration]
            fitted = kind.load(run.method(variant.method).recalibration(variant.recalibration))
            kept = (
                "the network decides as before (where a map is resized, a few edge pixels may not)"
                if kind.preserves_decisions
                else "decisions may change"
            )
            text = f"{variant.label}: {fitted.describe()}; {kept}."
            items.append(f"<li>{html.escape(text)}</li>")
    if not items:
        return []
    return [f"<p>Fitted after training, on the validation set:</p><ul>{''.join(items)}</ul>"]


def _examples(run: Run, dataset: SaliencySet) -> Figure:
    """The set's first images beside their masks and the run's maps of them."""
    chosen = range(min(EXAMPLES, len(dataset)))
    maps = {
        variant.label: [
            read_map(run.maps(variant, dataset.name) / f"{dataset.stems[i]}.png") for i in chosen
        ]
        for variant in run.variants()
    }
    return figures.gallery(dataset, chosen, maps)
