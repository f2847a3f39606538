"""Calibration and saliency metrics of dense maps, computed from counts of pixels."""

from collections.abc import Iterable, Mapping
from functools import partial

from aslp_lib.checks import require_name
from aslp_lib.metrics import calibration, saliency, smooth
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.noise_floor import ece_bounds, noise_floor
from aslp_lib.metrics.score import OfBins, Score, Visibility

TABLES, MAIN, COMPARED = Visibility.TABLES, Visibility.MAIN, Visibility.COMPARED
_low, _high = partial(Score, better="less"), partial(Score, better="more")
_error = partial(_low, unit="%")
_binned_error = partial(_error, takes_bins=True)
_floor = partial(_binned_error, better=None)
_CALIBRATION = (
    _binned_error("ece", calibration.ece, "ECE", visibility=COMPARED, bounds=ece_bounds),
    _floor("ece_floor", noise_floor, "noise floor", visibility=MAIN),
    _binned_error("ece_equal_mass", calibration.ece_equal_mass, "ECE, equal mass"),
    _binned_error("ece_debiased", calibration.ece_debiased, "ECE, debiased"),
    _error("oe", OfBins(calibration.oe_of_bins, of="prediction"), "OE", visibility=TABLES),
    _binned_error("mce", calibration.mce, "MCE"),
    _error("ece_sweep", calibration.ece_sweep, "ECE, sweep"),
    _error("smooth_ece", smooth.smooth_ece, "smooth ECE"),
    _error("ks", calibration.ks, "KS"),
    Score("gap", calibration.gap, "conf - acc", unit="%", better="zero", visibility=MAIN),
    _low("nll", calibration.nll, "NLL", unit="nats", visibility=COMPARED),
    _error("brier", calibration.brier, "Brier", visibility=TABLES),
    _high("accuracy", calibration.accuracy, "accuracy", unit="%", visibility=MAIN),
    _high("confidence", calibration.confidence, "confidence", unit="%"),
)


def _by_name(*scores: Score) -> dict[str, Score]:
    return {score.name: score for score in scores}


SCORES = _by_name(
    *_CALIBRATION,
    _low("mae", saliency.mae, "MAE", visibility=TABLES),
    _high("max_f", saliency.max_f, "max F (mean F)", visibility=TABLES),
    _high("max_f_mean_pr", saliency.max_f_mean_pr, "max F (mean P, R)", visibility=TABLES),
    _high("mean_f", saliency.mean_f, "mean F", visibility=TABLES),
    _high("adaptive_f", saliency.adaptive_f, "adaptive F"),
    _high("weighted_f", saliency.weighted_f, "weighted F", needs="weighted_f", visibility=TABLES),
    _high("max_e", saliency.max_e, "max E"),
    _high("mean_e", saliency.mean_e, "mean E", visibility=TABLES),
    _high("s_measure", saliency.s_measure, "S", needs="quadrants", visibility=TABLES),
    _high("iou", saliency.iou, "IoU", visibility=TABLES),
    _high("dice", saliency.dice, "Dice", visibility=TABLES),
    _high("ap", saliency.average_precision, "AP, pooled", visibility=TABLES),
    _high("auc", saliency.auc, "AUC, pooled", visibility=TABLES),
)
"""Every score of two classes by name, in the order in which files and tables list them."""
_class_ece = OfBins(calibration.ece_of_bins, of="classes")
_class_floor = partial(noise_floor, of="classes")
CLASS_SCORES = _by_name(
    *_CALIBRATION,
    _error("class_ece", _class_ece, "class-wise ECE", visibility=MAIN, bounds=ece_bounds),
    _floor("class_ece_floor", _class_floor, "class-wise noise floor", visibility=TABLES),
    _high("mean_iou", calibration.mean_iou, "mean IoU", visibility=TABLES),
)
"""Every score of K classes by name. F, E, S, ROC and the like are of two classes only."""
ALL_SCORES = SCORES | CLASS_SCORES
"""The scores of both kinds by name; those of one name are the same."""


def scores_of(counts: Counts | ClassCounts) -> dict[str, Score]:
    """Return the scores that counts of this kind have, by name.

    >>> import numpy as np
    >>> "iou" in scores_of(Counts(np.ones((1, 2, 256), np.int64)))
    True
    """
    return CLASS_SCORES if isinstance(counts, ClassCounts) else SCORES


def scores(
    counts: Counts | ClassCounts, bins: int = BINS, names: Iterable[str] | None = None
) -> dict[str, float]:
    """Compute the scores of a set.

    >>> import numpy as np
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> scores(counts, names=["accuracy", "iou"])
    {'accuracy': 0.75, 'iou': 0.5}

    Args:
        counts: counts of the set, for two classes or K.
        bins: number of bins of the scores that use bins.
        names: names of scores, from `SCORES`, or from `CLASS_SCORES` for K classes; None for all.

    Returns:
        The value of each score by name. Values lie in [0, 1], except "nll" (nats per pixel), "gap"
        (in [-1, 1]), and "max_e" and "mean_e" (up to n / (n - 1) for images of n pixels). A value
        is NaN if the score is undefined (F without foreground) or if the counts lack the data that
        it needs (S without quadrants).

    Raises:
        ValueError: a name is not that of a score.
    """
    known = scores_of(counts)
    names = tuple(known if names is None else names)
    for name in names:
        require_name("the score", name, known)
    return {name: known[name].value(counts, bins) for name in names}


def visible_scores(where: Visibility, known: Mapping[str, Score] = SCORES) -> list[Score]:
    """Return the scores that are displayed at a place, of two classes or of those that are given.

    >>> [score.name for score in visible_scores(Visibility.MAIN)]
    ['ece', 'ece_floor', 'gap', 'nll', 'accuracy']
    """
    return [score for score in known.values() if score.visibility >= where]
