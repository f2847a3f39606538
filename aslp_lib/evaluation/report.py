"""Reports of a run and of folders of maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from aslp_lib.console import command_line
from aslp_lib.evaluation import classes, figures, notes, tables
from aslp_lib.evaluation.pages import Page, Row, Section, Table, bold
from aslp_lib.evaluation.scores import BOLD, Evaluation
from aslp_lib.maps.count import STRETCHED
from aslp_lib.maps.read import read_map
from aslp_lib.maps.slabs import open_map
from aslp_lib.maps.write import to_grey_levels
from aslp_lib.metrics import CLASS_SCORES, SCORES, Score, Visibility
from aslp_lib.metrics.bootstrap import Interval, reliability_tables
from aslp_lib.metrics.calibration import Reliability
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.metrics.counts import Counts

if TYPE_CHECKING:
    from aslp_lib.data.image_set import DataSplits, ImageSet
    from aslp_lib.runs import Run

ECE = SCORES["ece"]
INTERVALS = (
    "Intervals are 95 % bootstrap intervals over test images, or over groups of images if the set "
    "names them, and both methods of a difference are scored on the same resampled images. A "
    "difference is resolved if its interval excludes zero. Intervals say what other test images "
    "could change, not what another run could: see the command compare."
)
INDIVIDUAL = (
    "The intervals are individual: of {} differences between equal methods, one in 20 would "
    "exclude zero by chance. With several seeds, score and compare apply Holm's correction. "
)
REMEDIES = {
    "temperature_scaling": "Scale its temperature",
    "unperturb_temperature": "Undo the perturbation of its labels and scale its temperature",
}
"""Recalibration of overconfident and of underconfident maps -> what it does."""
DEFINITIONS = (
    "{} ECE: expected calibration error ({} equal bins of max(p, 1 - p), pooled pixels of 8-bit "
    "maps); OE: its overconfident part, weighted by confidence; F, IoU and Dice: means over the "
    "images that have foreground. Weighted F needs PySODMetrics (the extra saliency)."
)
CLASS_DEFINITIONS = (
    "{} ECE: expected calibration error ({} equal bins of the probability of the predicted class, "
    "pooled pixels); class-wise ECE: mean over the classes of the ECE of each class against the "
    "rest; OE: overconfident part of the ECE, weighted by confidence; mean IoU: mean over the "
    "classes, of pooled pixels."
)
FIGURES = 20
"""Largest number of classes whose reliability diagrams a report shows."""
OF_CLASSES = (
    "Each class against the rest: a dot is the frequency of the class among the pixels of a bin of "
    f"its probability. Of many classes, these are the {FIGURES} with the most pixels."
)
RELIABILITY = (
    "A dot is the accuracy of the pixels of a bin. A bar leads to it from their mean confidence. "
    "Below, the width of a bar is the bin's share of the pixels, so that the coloured area is the "
    "ECE."
)
EXAMPLES = 4
"""Number of images that a run's report shows for each test set."""
Remedy = Callable[[str, str, str], tuple[str, str]]
"""Function from set, method and name of a recalibration to the rest of the sentence that says what
to do next, and a command, which may be empty."""


def direction(table: Reliability) -> str:
    """Say in which direction a method errs, with both parts of its ECE.

    >>> import numpy as np
    >>> table = Reliability(np.array([0, 1]), np.array([4]), np.array([0.9]), np.array([0.75]))
    >>> direction(table)
    'is overconfident (15.0 points over, 0.0 under)'
    """
    over, under = 100 * table.over, 100 * table.under
    if over + under < 0.05:
        return "is calibrated (0.0 points over or under)"
    larger, word = max((over, "overconfident"), (under, "underconfident"))
    adverb = "" if larger > 0.9 * (over + under) else "mostly "
    return f"is {adverb}{word} ({over:.1f} points over, {under:.1f} under)"


def comparison_page(evaluation: Evaluation) -> Page:
    """Return the report on several methods, without the parts that only a run has.

    >>> import numpy as np
    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> page = comparison_page(Evaluation({"SOD": {"BCE": counts}}))
    >>> page.scores.rows[0][-1]  # the accuracy in percent
    '75.00'

    Args:
        evaluation: evaluation whose methods are named by their labels.
    """

    def value(name: str, label: str, score: Score) -> str:
        return evaluation.cell(name, label, score, interval=score is ECE)

    def change(name: str, label: str, score: Score) -> str:
        difference = evaluation.difference(name, label, next(iter(evaluation.counts[name])), score)
        text = difference.text(score, "+")
        return bold(text) if difference.resolved(score) else text

    conclusions, sections = {}, []
    for name, methods in evaluation.counts.items():
        sections.append(_section(name, methods, evaluation))
        conclusions[name] = [_conclusion(evaluation, name, label) for label in methods]
    pairs = sum(len(methods) - 1 for methods in evaluation.counts.values())
    number = len(_compared(evaluation)) * pairs
    individual = INDIVIDUAL.format(number) if number else ""
    note = (
        "A difference is the method's score minus that of the first one. "
        f"{INTERVALS} {individual}{tables.NOISE_FLOOR}"
    )
    main, columns = map(evaluation.columns, (Visibility.MAIN, Visibility.TABLES))
    _, rows = tables.paper_table(evaluation, columns, False, bold)
    counts = evaluation.counts
    everything = [[name, m, str(len(counts[name][m])), *cells] for name, m, *cells in rows]
    head = ["set", "method", "images", *(score.heading for score in columns)]
    definitions = CLASS_DEFINITIONS if evaluation.known is CLASS_SCORES else DEFINITIONS
    methods = next(iter(evaluation.counts.values()))
    return Page(
        "Calibration report",
        f"Predicted maps of {' and '.join(methods)} on {' and '.join(evaluation.counts)}.",
        conclusions,
        Table("Main scores", *tables.main_table(evaluation.counts, value, change, main), note),
        sections,
        more=[Table("All scores", head, everything, definitions.format(BOLD, evaluation.bins))],
    )


def _compared(evaluation: Evaluation) -> list[Score]:
    """Return the scores in which the verdict compares each method with the first one."""
    main = evaluation.columns(Visibility.MAIN)
    return [score for score in main if score.better in ("less", "more")]


def _conclusion(evaluation: Evaluation, name: str, label: str) -> Markup:
    """Say in which direction a method errs on a set, and how it compares with the first method."""
    table, error = evaluation.reliability[name][label], evaluation.interval(name, label, ECE)
    chance = ", which chance could explain" if error.low == 0 else ""
    text = f" {direction(table)}, ECE {error.text(ECE)} %{chance}."
    first = next(iter(evaluation.counts[name]))
    collapsed = [method for method in (label, first) if evaluation.one_class(name, method)]
    if collapsed:
        text += f" Not compared, because {collapsed[0]} predicts one class."
    elif label != first:
        scores = _compared(evaluation)
        changes = [evaluation.difference(name, label, first, score) for score in scores]
        words = map(_word, scores, changes)
        text += f" {tables.verdict(first, zip(scores, changes, words, strict=True))}"
    return bold(label) + text


def _word(score: Score, change: Interval) -> str:
    """Return the verdict on a difference in a score of which less or more is better."""
    if not change.resolved(score):
        return "not resolved"
    return "better" if (change.value > 0) == (score.better == "more") else "worse"


def next_steps(
    evaluation: Evaluation, recalibrate: Callable[[str, str, str], str], seed: str = ""
) -> list[Markup]:
    """Say what to do next with the maps of each method.

    Args:
        evaluation: the evaluation.
        recalibrate: function from set, method and name of a recalibration to the command.
        seed: words after the label that name the seed, if there are several.
    """

    def remedy(name: str, label: str, kind: str) -> tuple[str, str]:
        hidden = notes.hidden(evaluation.facts[name, label])
        first = ". Save logits first, as the note says" if hidden else ""
        fitted = "fitted on images VAL that the network was not trained on:"
        return f"{first}. {REMEDIES[kind]}, {fitted}", recalibrate(name, label, kind)

    labels = next(iter(evaluation.counts.values()))
    return [_step(evaluation, label, remedy, seed) for label in labels]


def _step(evaluation: Evaluation, label: str, remedy: Remedy, seed: str = "") -> Markup:
    """Say what to do next with the maps of a method.

    This depends on the first set where chance does not explain its ECE.
    """
    start = bold(label) + f"{seed} "
    for name in evaluation.counts:
        if evaluation.one_class(name, label):
            return start + f"predicts one class on {name}: look at its training first. "
        table = evaluation.reliability[name][label]
        if table.over + table.under < 0.0005 or evaluation.interval(name, label, ECE).low == 0:
            continue
        over = table.over > table.under
        # Of K classes, nothing else than a temperature suits any network.
        scale = over or evaluation.known is CLASS_SCORES
        kind = "temperature_scaling" if scale else "unperturb_temperature"
        rest, command = remedy(name, label, kind)
        step = start + f"is {'over' if over else 'under'}confident on {name}{rest} "
        return step + Markup("<code>{}</code>").format(command) if command else step
    return start + "needs no recalibration: chance could explain its ECE. "


def folders_table(methods: Mapping[str, Sequence[Path]], sets: Mapping[str, Path]) -> Table:
    """Return the table of the folders of maps and masks of a report.

    >>> folders_table({"BCE": [Path("maps")]}, {"SOD": Path("GT")}).rows
    [['maps of BCE', 'maps'], ['masks of SOD', 'GT']]

    Args:
        methods: label -> folders of maps, as the user gave them.
        sets: name -> folder of masks, as the user gave it.
    """
    rows = [[f"maps of {label}", str(path)] for label, paths in methods.items() for path in paths]
    rows += [[f"masks of {name}", str(folder)] for name, folder in sets.items()]
    return Table("Folders", ["", "folder, as given"], rows)


def run_page(run: Run, data: DataSplits, evaluation: Evaluation) -> Page:
    """Return the report on an evaluated run.

    Args:
        run: the run.
        data: data of the run.
        evaluation: evaluation of the run, with the variants named by their labels.
    """
    # Imported here because they load torch, which a report on folders of maps does not need.
    from aslp_lib.methods import METHOD_LABELS
    from aslp_lib.runs import read_log

    logs = {METHOD_LABELS[m]: read_log(run.method(m).log) for m in run.settings.methods}
    train, validation = run.split_sizes(data)
    subject = (
        f"{' and '.join(logs)}, trained on {data.origin}: {train} images, "
        f"validated on {validation}."
    )
    texts = [STRETCHED] if run.settings.min_max_maps else []
    texts += evaluation.notes
    for name in run.settings.methods:
        texts += run.settings.method(name, images=1).notes(logs[METHOD_LABELS[name]])
    page = comparison_page(evaluation)
    sections = []
    for section in page.sections:
        examples = {"examples": _examples(run, data.tests[section.title])}
        rows = [*section.rows, Row(examples, wide=True, photographs=True)]
        sections.append(section._replace(rows=rows))
    history = {"history": figures.training_history(logs)}
    sections.append(Section("Training", [Row(history, wide=True)]))
    return page._replace(
        subject=subject,
        notes=texts,
        sections=sections,
        details=_recalibrations(run),
        settings=run.settings.to_json(),
        next=[] if run.settings.min_max_maps else next_of_run(run, evaluation),
    )


def next_of_run(run: Run, evaluation: Evaluation) -> list[Markup]:
    """Say what to do next with the network of each method of a run.

    Args:
        run: the run.
        evaluation: evaluation of the run, with the variants named by their labels.
    """
    from aslp_lib.methods import METHOD_LABELS
    from aslp_lib.runs import Variant

    methods = {METHOD_LABELS[method]: method for method in run.settings.methods}

    def remedy(name: str, label: str, kind: str) -> tuple[str, str]:
        method, scores = methods[label], evaluation.scores[name]
        kinds = run.settings.recalibrations(method)
        errors = {k: scores[Variant(method, k).label]["ece"] for k in kinds}
        if errors and min(errors.values()) >= scores[label]["ece"]:
            return ", and recalibration does not lower its ECE there.", ""
        if errors:
            best = min(errors, key=errors.__getitem__)
            words = "--images", "DIR", "--out", "DIR", "--recalibration", best
            command = command_line("predict", run.path, "--method", method, *words)
            return f". Predict new images with {best}, which has the lowest ECE there:", command
        fitted = "fitted on images that it was not trained on:"
        return f". {REMEDIES[kind]}, {fitted}", command_line("recalibrate", "--help")

    return [_step(evaluation, label, remedy) for label in methods]


def _section(name: str, methods: dict[str, AnyCounts], evaluation: Evaluation) -> Section:
    """Return the figures of a set, with a panel for each method, on the same axes."""
    diagrams = evaluation.reliability[name]
    panels = {
        f"reliability {label}": figures.reliability_diagrams({label: table}, "", diagrams.values())
        for label, table in diagrams.items()
    }
    rows = [Row(panels, RELIABILITY)]
    head, scores = tables.class_table(evaluation, name, True)
    table = Table("Classes", head, scores, classes.NOTE) if scores else None
    if table:
        by_class = {f"classes {k}": _class_figure(evaluation, name, k) for k in methods}
        rows.append(Row(by_class, OF_CLASSES, wide=True))
    together = {}
    if len(methods) > 1:
        together["calibration errors"] = figures.calibration_errors(diagrams, name)
    binary = {k: counts for k, counts in methods.items() if isinstance(counts, Counts)}
    if binary and all(counts.pooled[1].any() for counts in binary.values()):
        together["detection"] = figures.detection_curves(binary, name)
    if together:
        rows.append(Row(together, wide=True))
    scatter = partial(figures.image_scatter, axes_of=methods.values())
    for title, draw in (("density", figures.joint_density), ("images", scatter)):
        rows.append(Row({f"{title} {k}": draw({k: counts}, "") for k, counts in methods.items()}))
    return Section(name, rows, table)


def _class_figure(evaluation: Evaluation, name: str, method: str) -> Figure:
    """Draw the reliability diagrams of the classes with the most pixels."""
    counts, rows = {method: evaluation.counts[name][method]}, evaluation.of_classes[name, method]
    largest = sorted(rows, key=lambda label: rows[label]["share"])[-FIGURES:]
    diagrams = {
        label: reliability_tables(counts, evaluation.bins, k)[method]
        for k, label in enumerate(rows)
        if label in largest
    }
    return figures.class_diagrams(diagrams, method)


def _recalibrations(run: Run) -> list[str]:
    """Describe the fitted recalibrations and whether they keep decisions."""
    items = []
    kept = "the network decides as before (where a map is resized, a few edge pixels may not)"
    for variant in run.variants():
        if (kind := variant.recalibration) is not None:
            known = run.settings.known_recalibrations
            fitted = known[kind].load(run.method(variant.method).recalibration(kind))
            decisions = kept if fitted.preserves_decisions else "decisions may change"
            items.append(
                f"Fitted after training, on the validation set, {variant.label}: "
                f"{fitted.describe()}; {decisions}."
            )
    return items


def _examples(run: Run, dataset: ImageSet) -> Figure:
    """Draw the first images of a set beside their masks and the run's maps."""
    indices = range(min(EXAMPLES, len(dataset)))
    maps = {}
    for variant in run.variants():
        folder = run.maps(variant, dataset.name)
        maps[variant.label] = [_example(folder, dataset.stems[i], dataset) for i in indices]
    return figures.gallery(dataset, indices, maps)


def _example(folder: Path, stem: str, dataset: ImageSet) -> np.ndarray:
    """Return a map as grey levels, of K classes the predicted class."""
    if not dataset.classes:
        return read_map(folder / f"{stem}.png")
    (values,) = open_map(folder / f"{stem}.npy", len(dataset.classes)).parts
    return to_grey_levels(values.argmax(axis=0) / (len(dataset.classes) - 1))
