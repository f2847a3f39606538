"""Reports: a self-contained HTML page with the scores and figures of a run or of folders of maps.

Two reports of the same numbers differ only in their `<time>` element.
"""

from __future__ import annotations

import base64
import html
import itertools
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from aslp_lib import __version__
from aslp_lib.data.images import read_map
from aslp_lib.evaluation import figures
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.evaluation.tables import COLUMNS, best_in_bold
from aslp_lib.files import write
from aslp_lib.metrics import Visibility, visible_scores
from aslp_lib.metrics.bootstrap import Resamples, middle
from aslp_lib.prediction.maps import STRETCHED

if TYPE_CHECKING:
    from aslp_lib.data.base import DataSplits, SaliencySet
    from aslp_lib.runs import Run

PICTURES, WIDE, SCROLL = "pictures", "pictures wide", "scroll"
"""CSS classes of a row of pictures: a grid, a grid with wider pictures, and a row that scrolls."""
STYLE = """:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:110rem;margin:2rem auto;padding:0 1rem}
p,li{max-width:70rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse}
td,th{padding:.25rem .6rem;border-bottom:1px solid #8886;text-align:right}
td{white-space:nowrap}
td.name,th.name{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:5rem;
max-width:24rem}
.note{border-left:.3rem solid #e69f00;padding-left:.7rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem;
margin:1rem 0;align-items:start}
.pictures img{width:100%;max-width:40rem}
.pictures.wide{grid-template-columns:repeat(auto-fit,minmax(min(100%,36rem),1fr))}
.pictures.wide img{max-width:54rem}
pre{background:#8882;padding:1rem;overflow:auto}
"""


def write_comparison(
    path: Path,
    evaluation: Evaluation,
    methods: Mapping[str, Path],
    sets: Mapping[str, Path],
    notes: Iterable[str],
) -> None:
    """Write a report on folders of maps.

    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> evaluation = Evaluation.of({"SOD": {"BCE": counts}})
    >>> with TemporaryDirectory() as folder:
    ...     page = Path(folder) / "report.html"
    ...     write_comparison(page, evaluation, {"BCE": Path("maps")}, {"SOD": Path("GT")}, [])
    ...     "<td>75.00</td>" in page.read_text("utf-8")  # the accuracy in percent
    True

    Args:
        path: HTML file to write.
        evaluation: evaluation whose methods are named by their labels.
        methods: label -> folder of maps, as the user gave it.
        sets: name -> folder of masks, as the user gave it.
        notes: remarks on how the maps were read.
    """
    parts = [*note_parts(notes), *score_parts(evaluation)]
    for name in evaluation.counts:
        parts += set_parts(evaluation, name)
    groups = [("maps of", methods), ("masks of", sets)]
    rows = [
        [html.escape(f"{kind} {name}"), html.escape(str(folder))]
        for kind, folders in groups
        for name, folder in folders.items()
    ]
    parts += ["<h2>Folders</h2>", _table(["", "folder, as given"], rows, names=2)]
    write_page(path, parts)


def write_page(path: Path, parts: Iterable[str]) -> None:
    """Write a report from the HTML of its parts, with its date and the versions of the software.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     page = Path(folder) / "report.html"
    ...     write_page(page, ["<h2>Scores</h2>"])
    ...     page.read_text().endswith("<h2>Scores</h2></body></html>")
    True
    """
    time = datetime.now(UTC).replace(microsecond=0)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy"))
    made = (
        f'<p>Made on <time datetime="{time.isoformat()}">{time:%Y-%m-%d, %H:%M} UTC</time> with '
        f"aslp_lib {__version__}, Python {platform.python_version()}, {versions}.</p>"
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Calibration report</title><style>{STYLE}</style></head><body>"
        f"<h1>Calibration report</h1>{made}{''.join(parts)}</body></html>"
    )
    write(path, page)


def note_parts(notes: Iterable[str]) -> list[str]:
    """Return the HTML of notes, a paragraph for each.

    >>> note_parts(["maps < 8 bits"])
    ['<p class="note">Note: maps &lt; 8 bits.</p>']
    """
    return [f'<p class="note">Note: {html.escape(note)}.</p>' for note in notes]


def score_parts(evaluation: Evaluation) -> list[str]:
    """Return the HTML of the table of scores and of the table of differences between methods.

    >>> import numpy as np
    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> score_parts(Evaluation.of({"SOD": {"BCE": counts}}))[0]
    '<h2>Scores</h2>'
    """
    several = any(len(methods) > 1 for methods in evaluation.counts.values())
    bold = (
        "<p>In bold the best of a set, and what reads the same; whether it would lead on other "
        "images too, the intervals below say.</p>"
    )
    rows = [
        [html.escape(name), html.escape(method), str(len(evaluation.counts[name][method])), *cells]
        for name, method, cells in best_in_bold(evaluation.scores, "<b>{}</b>")
    ]
    return [
        "<h2>Scores</h2>",
        _table(["set", "method", "images", *(score.heading for score in COLUMNS)], rows, names=2),
        bold if several else "",
        "<p>ECE: expected calibration error; OE: its over-confident part, weighted by confidence "
        f"({evaluation.bins} equal bins of max(p, 1-p), pooled pixels of 8-bit maps). F: mean over "
        "the images that have foreground. Weighted F needs PySODMetrics (the extra "
        "<code>saliency</code>).</p>",
        *_differences(evaluation),
    ]


def set_parts(evaluation: Evaluation, name: str) -> list[str]:
    """Return the HTML of a set's figures.

    Each method has figures of its own, so that a page of any width can lay them out. Further
    figures show all methods together.

    >>> import numpy as np
    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> set_parts(Evaluation.of({"SOD": {"BCE": counts}}), "SOD")[0]
    '<h2>SOD</h2>'

    Args:
        evaluation: evaluation of all sets.
        name: name of the set.
    """
    methods, bins = evaluation.counts[name], evaluation.bins
    together = []
    if len(methods) > 1:
        together.append(figures.reliability_overlay(methods, name, bins))
    if all(counts.pooled[1].any() for counts in methods.values()):
        together.append(figures.detection_curves(methods, name))
    singles = [{label: counts} for label, counts in methods.items()]
    diagrams = [figures.reliability_diagrams(single, name, bins) for single in singles]
    densities = [figures.joint_density(single, name, bins) for single in singles]
    scatters = [figures.image_scatter(single, name) for single in singles]
    kinds = [diagrams, densities, scatters]
    # A row of pictures compares the methods. A single method has all its pictures in one row.
    first, *others = kinds if len(methods) > 1 else [list(itertools.chain(*kinds))]
    return [
        f"<h2>{html.escape(name)}</h2>",
        pictures(first),
        pictures(together, WIDE),
        *map(pictures, others),
        "<p>Confidence and accuracy: each image's bins by themselves, the darker a square, the "
        "more pixels, blank where none are; circles are the bins of all images.</p>",
    ]


def _differences(evaluation: Evaluation) -> list[str]:
    """Return the HTML of a table of differences to the first method, with paired intervals."""
    columns = visible_scores(Visibility.MAIN)
    functions = [score.with_bins(evaluation.bins) for score in columns]
    rows = []
    for name, methods in evaluation.counts.items():
        set_scores = evaluation.scores[name]
        (base, reference), *others = methods.items()
        paired = {m: c for m, c in others if c.names == reference.names and len(c) > 1}
        if not paired:
            continue
        resamples = Resamples(reference)
        reference_scores = [resamples.scores(function) for function in functions]
        for method, counts in paired.items():
            resamples, cells = Resamples(counts), []
            for score, function, subtrahend in zip(
                columns, functions, reference_scores, strict=True
            ):
                change = set_scores[method][score.name] - set_scores[base][score.name]
                ends = middle(resamples.scores(function) - subtrahend)
                low, high = (score.text(end, "+") for end in ends)
                text = f"{score.text(change, '+')} [{low}, {high}]"
                # The rounded ends decide: an end that rounds to 0 does not exclude 0.
                apart = low[0] == high[0] and {low, high}.isdisjoint({score.text(0, "+"), "-"})
                cells.append(f"<b>{text}</b>" if apart else text)
            rows.append([html.escape(name), html.escape(f"{method} − {base}"), *cells])
    if not rows:
        return []
    return [
        "<h2>What changes</h2>",
        _table(["set", "change", *(score.heading for score in columns)], rows, names=2),
        "<p>In points, with 95 % intervals over images, both methods on the same resampled images; "
        "in bold where the interval leaves out 0. They say what other test images could change, "
        "not what another training could.</p>",
    ]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], names: int) -> str:
    """Return the HTML of a table that scrolls sideways where the page is narrow.

    Args:
        head: titles of the columns, as text.
        rows: cells of each row, as HTML.
        names: number of leading columns that hold names instead of numbers.
    """

    def line(tag: str, cells: Iterable[str]) -> str:
        tags = (f'{tag} class="name"' if i < names else tag for i in itertools.count())
        return "".join(f"<{start}>{cell}</{tag}>" for start, cell in zip(tags, cells, strict=False))

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{line("th", map(html.escape, head))}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def pictures(drawn: Iterable[Figure], kind: str = PICTURES) -> str:
    """Return the HTML of a row of figures, embedded as PNG with alt text.

    >>> figure = Figure(figsize=(2, 1), label="an empty figure")
    >>> pictures([figure]).split("alt=")[1]
    '"an empty figure"></div>'

    Args:
        drawn: figures whose labels describe them.
        kind: CSS class of the row: `PICTURES`, `WIDE` or `SCROLL`.
    """
    images = []
    for figure in drawn:
        data = base64.b64encode(figures.to_png(figure)).decode()
        images.append(
            f'<img width="{figures.page_width(figure)}" src="data:image/png;base64,{data}" '
            f'alt="{html.escape(figures.alt(figure))}">'
        )
    return f'<div class="{kind}">{"".join(images)}</div>'


EXAMPLES = 4
"""Number of images that a run's report shows for each test set."""


def write_report(run: Run, data: DataSplits, evaluation: Evaluation) -> None:
    """Write `report.html` of an evaluated run.

    Args:
        run: the run.
        data: data of the run.
        evaluation: evaluation of the run, with the variants named by their labels.
    """
    # Imported here because they load torch, which a report on folders of maps does not need.
    from aslp_lib.methods import METHOD_LABELS
    from aslp_lib.runs import read_log

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
    """Return the HTML of a list of the fitted recalibrations and whether they keep decisions."""
    from aslp_lib.recalibration import RECALIBRATIONS  # loads torch

    items = []
    for variant in run.variants():
        if variant.recalibration is not None:
            kind = RECALIBRATIONS[variant.recalibration]
            fitted = kind.load(run.method(variant.method).recalibration(variant.recalibration))
            decisions = (
                "the network decides as before (where a map is resized, a few edge pixels may not)"
                if kind.preserves_decisions
                else "decisions may change"
            )
            text = f"{variant.label}: {fitted.describe()}; {decisions}."
            items.append(f"<li>{html.escape(text)}</li>")
    if not items:
        return []
    return [f"<p>Fitted after training, on the validation set:</p><ul>{''.join(items)}</ul>"]


def _examples(run: Run, dataset: SaliencySet) -> Figure:
    """Draw the first images of a set beside their masks and the run's maps."""
    indices = range(min(EXAMPLES, len(dataset)))
    maps = {
        variant.label: [
            read_map(run.maps(variant, dataset.name) / f"{dataset.stems[i]}.png") for i in indices
        ]
        for variant in run.variants()
    }
    return figures.gallery(dataset, indices, maps)
