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
from aslp_lib.evaluation.scores import MAIN, Results, labelled, scores, scores_with
from aslp_lib.evaluation.tables import COLUMNS
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics.bootstrap import difference
from aslp_lib.metrics.calibration import BINS
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.runs import Run, read_log

EXAMPLES = 4
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;
color:#222}img{max-width:100%}table{border-collapse:collapse}td,th{padding:.25rem .6rem;
border-bottom:1px solid #ccc;text-align:right}td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}
pre{background:#f4f4f4;padding:1rem;overflow:auto}"""


def write_report(run: Run, data: DataSplits, results: Results) -> None:
    """Write `report.html` of an evaluated run."""
    logs = {METHOD_LABELS[m]: read_log(run.method(m).log) for m in run.settings.methods}
    results = labelled(results)
    parts = [
        f"<p>{html.escape(' and '.join(logs))}, trained on {html.escape(data.origin)}: "
        f"{len(data.train)} images, validated on {len(data.validation)}.</p>",
        *([f"<p>{html.escape(STRETCHED)}</p>"] if run.settings.min_max_maps else []),
        *_recalibrations(run),
        *_scores(results, BINS),
        "<h2>Training</h2>",
        _picture(figures.training_history(logs)),
    ]
    for name in results:
        parts += _set(results, name, BINS)
        parts.append(_picture(_examples(run, data.tests[name])))
    parts += ["<h2>Settings</h2>", f"<pre>{html.escape(run.settings.to_json())}</pre>"]
    _write_page(run.report, parts)


def write_comparison(path: Path, results: Results, bins: int, notes: Iterable[str]) -> None:
    """Write a page on anyone's maps.

    Args:
        results: counts by set and label.
        bins: of the calibration scores and diagrams.
        notes: what a reader must know of how they were read.
    """
    parts = [f"<p>{html.escape(note)}</p>" for note in notes] + _scores(results, bins)
    for name in results:
        parts += _set(results, name, bins)
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


def _scores(results: Results, bins: int) -> list[str]:
    return [
        "<h2>Scores</h2>",
        _table(results, bins),
        "<p>ECE: expected calibration error; OE: its over-confident part, weighted by confidence "
        f"({bins} equal bins of max(p, 1-p), pooled pixels of 8-bit maps). F: mean over the images "
        "that have foreground. Weighted F needs PySODMetrics (the extra <code>saliency</code>)."
        "</p>",
        *_differences(results, bins),
    ]


def _set(results: Results, name: str, bins: int) -> list[str]:
    """A set's pictures."""
    methods = results[name]
    drawn = [
        figures.reliability_diagrams(methods, name, bins),
        figures.joint_density(methods, name, bins),
        figures.image_scatter(methods, name),
    ]
    if len(methods) > 1:
        drawn.insert(1, figures.reliability_overlay(methods, name, bins))
    if all(counts.pooled[1].any() for counts in methods.values()):
        drawn.append(figures.detection_curves(methods, name))
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


def _table(results: Results, bins: int) -> str:
    rows = []
    for name, methods in results.items():
        for method, counts in methods.items():
            row = scores(counts, bins)
            cells = [column.text(row[key]) for key, column in COLUMNS.items()]
            rows.append([name, method, *cells])
    return _html(["set", "method", *(column.title for column in COLUMNS.values())], rows)


def _differences(results: Results, bins: int) -> list[str]:
    """What each method changes against the first, with paired intervals over images."""
    chosen = scores_with(bins)
    rows = []
    for name, methods in results.items():
        (base, reference), *others = methods.items()
        for method, counts in others:
            if len(reference) < 2 or counts.names != reference.names:
                continue
            cells = []
            for key in MAIN:
                found = difference(counts, reference, chosen[key])
                low, high = 100 * found.low, 100 * found.high
                cells.append(f"{100 * found.value:+.2f} [{low:+.2f}, {high:+.2f}]")
            rows.append([name, f"{method} − {base}", *cells])
    if not rows:
        return []
    return [
        "<h2>What changes</h2>",
        _html(["set", "change", *(COLUMNS[key].title for key in MAIN)], rows),
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
