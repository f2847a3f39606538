"""A run's report: one self-contained HTML page with its scores and pictures."""

from __future__ import annotations

import base64
import html
import math

from matplotlib.figure import Figure

from aslp_lib import figures
from aslp_lib.config import METHOD_LABELS
from aslp_lib.data.base import DataSets, SaliencySet
from aslp_lib.evaluation import INTERVALS, SCORES, Results, labelled, read_map, scores
from aslp_lib.metrics.bootstrap import difference
from aslp_lib.runs import Run, read_log, write

EXAMPLES = 4
COLUMNS = {
    "ece": "ECE %",
    "oe": "OE %",
    "gap": "conf - acc %",
    "accuracy": "accuracy %",
    "brier": "Brier %",
    "nll": "NLL nats",
    "mae": "MAE",
    "max_f": "max F",
    "mean_f": "mean F",
}
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;
color:#222}img{max-width:100%}table{border-collapse:collapse}td,th{padding:.25rem .7rem;
border-bottom:1px solid #ccc;text-align:right}td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}
pre{background:#f4f4f4;padding:1rem;overflow:auto}"""


def write_report(run: Run, data: DataSets, results: Results) -> None:
    """Write `report.html` of an evaluated run."""
    logs = {METHOD_LABELS[m]: read_log(run.method(m).log) for m in run.settings.methods}
    results = labelled(results)
    parts = [
        "<h1>Calibration report</h1>",
        f"<p>{html.escape(' and '.join(logs))}, trained on {html.escape(data.origin)}: "
        f"{len(data.train)} images, validated on {len(data.validation)}.</p>",
        "<h2>Scores</h2>",
        _table(results),
        "<p>ECE: expected calibration error; OE: its over-confident part, weighted by confidence "
        "(10 equal bins of max(p, 1-p), pooled pixels of 8-bit maps). F: mean over the images that "
        "have foreground.</p>",
        *_differences(results),
        "<h2>Training</h2>",
        _picture(figures.training_history(logs)),
    ]
    for name, methods in results.items():
        parts += [
            f"<h2>{html.escape(name)}</h2>",
            _picture(figures.reliability_diagrams(methods, name)),
            _picture(figures.joint_density(methods, name)),
            _picture(_examples(run, data.tests[name])),
        ]
    parts += ["<h2>Settings</h2>", f"<pre>{html.escape(run.settings.to_json())}</pre>"]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Calibration report'
        f"</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )
    write(run.report, page)


def _examples(run: Run, dataset: SaliencySet) -> Figure:
    """The set's first images beside their masks and the run's maps of them."""
    chosen = range(min(EXAMPLES, len(dataset)))
    maps = {
        METHOD_LABELS[method]: [
            read_map(run.method(method).maps(dataset.name) / f"{dataset.stems[i]}.png")
            for i in chosen
        ]
        for method in run.settings.methods
    }
    return figures.gallery(dataset, chosen, maps)


def _table(results: Results) -> str:
    head = "".join(f"<th>{title}</th>" for title in ("set", "method", *COLUMNS.values()))
    rows = []
    for name, methods in results.items():
        for method, counts in methods.items():
            row = scores(counts)
            cells = "".join(f"<td>{_cell(row[key], title)}</td>" for key, title in COLUMNS.items())
            rows.append(
                f"<tr><td>{html.escape(name)}</td><td>{html.escape(method)}</td>{cells}</tr>"
            )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _differences(results: Results) -> list[str]:
    """What each method changes against the first, with paired intervals over images."""
    rows = []
    for name, methods in results.items():
        (base, reference), *others = methods.items()
        for method, counts in others if len(reference) > 1 else []:
            cells = ""
            for score in INTERVALS:
                found = difference(counts, reference, SCORES[score])
                low, high = 100 * found.low, 100 * found.high
                cells += f"<td>{100 * found.value:+.2f} [{low:+.2f}, {high:+.2f}]</td>"
            change = f"{html.escape(method)} &minus; {html.escape(base)}"
            rows.append(f"<tr><td>{html.escape(name)}</td><td>{change}</td>{cells}</tr>")
    if not rows:
        return []
    head = "".join(f"<th>{title}</th>" for title in ("set", "change", *map(COLUMNS.get, INTERVALS)))
    return [
        "<h2>What changes</h2>",
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>",
        "<p>In points, with 95 % intervals over images, both methods on the same resampled images. "
        "They say what other test images could change, not what another training could.</p>",
    ]


def _cell(value: float, title: str) -> str:
    if not math.isfinite(value):
        return "&ndash;"
    return f"{100 * value:.2f}" if title.endswith("%") else f"{value:.3f}"


def _picture(figure: Figure) -> str:
    data = base64.b64encode(figures.to_png(figure)).decode()
    return (
        f'<p><img src="data:image/png;base64,{data}" alt="{html.escape(figures.alt(figure))}"></p>'
    )
