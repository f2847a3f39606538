"""Reports: one self-contained HTML page with scores and pictures, of a run or of anyone's maps."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.data.images import read_map
from aslp_lib.evaluation import figures
from aslp_lib.evaluation.maps import STRETCHED
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.evaluation.tables import COLUMNS
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics import Shown, shown
from aslp_lib.metrics.bootstrap import bounds
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.runs import Run, read_log

EXAMPLES = 4
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;
color:#222}img{max-width:100%}table{border-collapse:collapse}td,th{padding:.25rem .6rem;
border-bottom:1px solid #ccc;text-align:right}td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}
pre{background:#f4f4f4;padding:1rem;overflow:auto}"""


def write_report(run: Run, data: DataSplits, evaluation: Evaluation) -> None:
    """Write `report.html` of an evaluated run.

    Args:
        evaluation: by the methods' labels.
    """
    logs = {METHOD_LABELS[m]: read_log(run.method(m).log) for m in run.settings.methods}
    parts = [
        f"<p>{html.escape(' and '.join(logs))}, trained on {html.escape(data.origin)}: "
        f"{len(data.train)} images, validated on {len(data.validation)}.</p>",
        *([f"<p>{html.escape(STRETCHED)}</p>"] if run.settings.min_max_maps else []),
        *_recalibrations(run),
        *_scores(evaluation),
        "<h2>Training</h2>",
        _picture(figures.training_history(logs)),
    ]
    for name in evaluation.counts:
        parts += _set(evaluation, name)
        parts.append(_picture(_examples(run, data.tests[name])))
    parts += ["<h2>Settings</h2>", f"<pre>{html.escape(run.settings.to_json())}</pre>"]
    _write_page(run.report, parts)


def write_comparison(path: Path, evaluation: Evaluation, notes: Iterable[str]) -> None:
    """Write a page on anyone's maps.

    Args:
        evaluation: by the methods' labels.
        notes: what a reader must know of how the maps were read.
    """
    parts = [f"<p>{html.escape(note)}</p>" for note in notes] + _scores(evaluation)
    for name in evaluation.counts:
        parts += _set(evaluation, name)
    _write_page(path, parts)


def _write_page(path: Path, parts: Iterable[str]) -> None:
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Calibration report'
        f"</title><style>{STYLE}</style></head><body><h1>Calibration report</h1>{''.join(parts)}"
        "</body></html>"
    )
    write(path, page)


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


def _scores(evaluation: Evaluation) -> list[str]:
    return [
        "<h2>Scores</h2>",
        _table(evaluation),
        "<p>ECE: expected calibration error; OE: its over-confident part, weighted by confidence "
        f"({evaluation.bins} equal bins of max(p, 1-p), pooled pixels of 8-bit maps). F: mean over "
        "the images that have foreground. Weighted F needs PySODMetrics (the extra "
        "<code>saliency</code>).</p>",
        *_differences(evaluation),
    ]


def _set(evaluation: Evaluation, name: str) -> list[str]:
    """A set's pictures."""
    methods, rows, bins = evaluation.counts[name], evaluation.scores[name], evaluation.bins
    drawn = [
        figures.reliability_diagrams(methods, name, bins, rows),
        figures.joint_density(methods, name, bins),
        figures.image_scatter(methods, name, rows),
    ]
    if len(methods) > 1:
        drawn.insert(1, figures.reliability_overlay(methods, name, bins))
    if all(counts.pooled[1].any() for counts in methods.values()):
        drawn.append(figures.detection_curves(methods, name, rows))
    return [f"<h2>{html.escape(name)}</h2>", *map(_picture, drawn)]


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


def _table(evaluation: Evaluation) -> str:
    rows = [
        [name, method, *(score.text(row[score.name]) for score in COLUMNS)]
        for name, methods in evaluation.scores.items()
        for method, row in methods.items()
    ]
    return _html(["set", "method", *(score.heading for score in COLUMNS)], rows)


def _differences(evaluation: Evaluation) -> list[str]:
    """What each method changes against the first, with paired intervals over images."""
    chosen = shown(Shown.MAIN)
    rows = []
    for name, methods in evaluation.counts.items():
        known = evaluation.scores[name]
        (base, reference), *others = methods.items()
        for method, counts in others:
            if len(reference) < 2 or counts.names != reference.names:
                continue
            cells = []
            for score in chosen:
                change = known[method][score.name] - known[base][score.name]
                ends = bounds(counts, score.with_bins(evaluation.bins), minus=reference)
                low, high = (score.text(end, "+") for end in ends)
                cells.append(f"{score.text(change, '+')} [{low}, {high}]")
            rows.append([name, f"{method} − {base}", *cells])
    if not rows:
        return []
    return [
        "<h2>What changes</h2>",
        _html(["set", "change", *(score.heading for score in chosen)], rows),
        "<p>In points, with 95 % intervals over images, both methods on the same resampled images. "
        "They say what other test images could change, not what another training could.</p>",
    ]


def _html(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [
        "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
        for tag, row in [("th", head), *(("td", row) for row in rows)]
    ]
    return f"<table><thead>{lines[0]}</thead><tbody>{''.join(lines[1:])}</tbody></table>"


def _picture(figure: Figure) -> str:
    data = base64.b64encode(figures.to_png(figure)).decode()
    return (
        f'<p><img src="data:image/png;base64,{data}" alt="{html.escape(figures.alt(figure))}"></p>'
    )
