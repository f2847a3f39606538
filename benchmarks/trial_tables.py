"""Format the records of the second trial as the tables of its pages."""

from __future__ import annotations

import pandas

from aslp_lib.course import second_trial as trial
from aslp_lib.course.second_trial import CRITERION, Contrast, Judged, interval_text, select, text
from aslp_lib.evaluation.tables import MARKDOWN, markdown_table

RECALIBRATIONS = ("as trained", "temperature", "undone", CRITERION)
"""The recalibrations of every set; isotonic regression is scored on the test set alone."""
CLIPS = {"nll_0.001": "1e-3", "nll_1e-06": "1e-6"}
"""NLL after (d, T) with another clip -> the clip."""


def primary(frame: pandas.DataFrame, regime: str) -> str:
    """Format the primary family of a regime, as each recalibration would judge it.

    The column of (d, T), which decides, also has the words with other clips where they differ.
    """
    judges = [trial.primary(frame, regime, how) for how in (CRITERION, "temperature", "isotonic")]
    clipped = {clip: trial.primary(frame, regime, score=score) for score, clip in CLIPS.items()}
    rows = []
    for place, judged in enumerate(zip(*judges, strict=True)):
        contrast, (decisive, *others) = judged[0].contrast, [verdict(each) for each in judged]
        for clip, family in clipped.items():
            if family[place].word != judged[0].word:
                decisive += f" ({family[place].word} if clipped at {clip})"
        alphas = " and ".join(alpha(frame, method) for method in contrast[:2])
        accuracy = trial.individual(frame, contrast, score="accuracy")
        cells = [label(contrast), alphas, decisive, *others, interval_text(accuracy, "accuracy")]
        rows.append(cells)
    head = "difference", "alphas", "NLL after (d, T)", "after T", "after isotonic regression"
    return markdown_table([*head, "accuracy, points"], rows, "l")


def label(contrast: Contrast) -> str:
    """Format the difference of a contrast in Markdown."""
    return contrast.label.translate(MARKDOWN)


def verdict(judged: Judged, score: str = "nll") -> str:
    """Format a verdict with its difference and the simultaneous interval."""
    return f"{judged.word}: {interval_text(judged.effect, score)}"


def alpha(frame: pandas.DataFrame, method: str) -> str:
    """Format the mean alpha of a method, fixed or as it ended; a dash without perturbation."""
    rows = select(frame, method, "as trained", "test")
    mean = rows.alpha.fillna(rows.value).mean()
    return f"{mean:.3g}" if mean > 0 else "-"


def paper(frames: dict[str, pandas.DataFrame]) -> str:
    """Format the paper's family of each regime: ASLP and BCE as trained."""
    rows = [
        [regime, *means_and_verdict(frame, judged)]
        for regime, frame in frames.items()
        for judged in trial.paper(frame, regime)
    ]
    return markdown_table(["regime", "score", "ASLP (MC)", "BCE", "ASLP - BCE"], rows, "l")


def insurance(frames: dict[str, pandas.DataFrame]) -> str:
    """Format the test of the insurance in each regime.

    T is the mean temperature of equal cost; the number of seeds follows in which it is the fitted
    one, because ASLP as trained costs less than scaled BCE.
    """
    rows = []
    for regime, frame in frames.items():
        bought = select(frame, "B", "insurance", "validation")
        fitted = (~bought.matched.astype(bool)).sum()
        bought_at = f"{bought['T'].mean():.2f}; {fitted} of {len(bought)}"
        for judged in trial.insurance(frame, regime):
            rows.append([regime, *means_and_verdict(frame, judged, "insurance"), bought_at])
    head = "regime", "score", "ASLP (MC) as trained", "BCE at T", "difference", "T; fitted"
    return markdown_table(head, rows, "l")


def means_and_verdict(
    frame: pandas.DataFrame, judged: Judged, of_bce: str = "as trained"
) -> list[str]:
    """Return cells: what is compared, the means of M as trained and of B, and the verdict."""
    score, name = judged.contrast.question.split(" of ")
    pairs = ("M", "as trained"), ("B", of_bce)
    means = [trial.table(frame, *pair, name, score).to_numpy().mean() for pair in pairs]
    cells = [f"{score.upper()}, {name}", *(text(mean, score) for mean in means)]
    return [*cells, verdict(judged, score)]


def methods(frame: pandas.DataFrame) -> str:
    """Format the test scores of each method of a regime: means ± standard deviations over seeds."""
    fitted = [c for c in ("posterior_error", "d", "T", "clipped") if frame[c].notna().any()]
    columns = [(how, score) for how in RECALIBRATIONS for score in ("nll", "ece")]
    columns += [("isotonic", "nll"), *((CRITERION, name) for name in ("accuracy", *fitted))]
    rows = []
    arms = sorted({*frame.arm} - {"C_ES"})
    for method in (f"{arm}{end}" for arm in arms for end in ("", "_ES")):
        cells = [method.translate(MARKDOWN), alpha(frame, method)]
        for how, score in columns:
            values = select(frame, method, how, "test")[score]
            name = "nll" if score in ("d", "T") else score
            cells.append(f"{text(values.mean(), name)} ± {text(values.std(), name)}")
        rows.append(cells)
    titles = [f"{score.upper() if len(score) == 3 else score}, {how}" for how, score in columns]
    return markdown_table(["method", "alpha", *titles], rows)


def secondary(frame: pandas.DataFrame, regime: str) -> str:
    """Format what has no verdict: other scores, recalibrations and sets, with 95 % intervals."""
    columns = [("test", CRITERION, score) for score in ("ece", "brier", "posterior_error")]
    columns = [each for each in columns if each[2] in frame and frame[each[2]].notna().any()]
    columns += [("test", how, "nll") for how in ("as trained", "undone")]
    columns += [(name, CRITERION, "nll") for name in trial.SHIFTED[regime]]
    contrasts = [*trial.family(regime), *[trial.MORE_IMAGES][: "B+" in set(frame.arm)]]
    rows = []
    for contrast in contrasts:
        cells = [label(contrast)]
        for name, how, score in columns:
            change = trial.individual(frame, contrast, (how, how), name, score)
            cells.append(interval_text(change, score))
        rows.append(cells)
    titles = [f"{s.upper() if len(s) == 3 else s} of {name}, {how}" for name, how, s in columns]
    return markdown_table(["difference", *titles], rows, "l")


def oracle(frame: pandas.DataFrame) -> str:
    """Format the comparison of oracle alphas with permuted and constant ones."""
    changes = trial.oracle(frame)
    ways = list(dict.fromkeys(how for _, how in changes))
    rows = [
        [label(each), each.question, *(interval_text(changes[each.label, h], "nll") for h in ways)]
        for each in trial.ORACLE
    ]
    return markdown_table(["difference", "question", *(f"NLL {h}" for h in ways)], rows, "l")
