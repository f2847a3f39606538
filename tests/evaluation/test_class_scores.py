"""Scores and reliability diagrams of each class against the rest."""

import math

import numpy as np
import pytest
import torch

from aslp_lib.evaluation import figures
from aslp_lib.evaluation.classes import COLUMNS, cells, class_scores
from aslp_lib.metrics.bootstrap import reliability_tables
from aslp_lib.metrics.classes import ClassCounts

K = 7


@pytest.fixture(scope="module")
def maps():
    """Logits and class ids of six images, in which the last class has no pixel."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, K - 1, (6, 9, 11), generator=generator)
    logits = torch.randn(6, K, 9, 11, generator=generator, dtype=torch.float64)
    return logits + 2 * torch.nn.functional.one_hot(ids, K).movedim(-1, 1), ids


@pytest.fixture(scope="module")
def counts(maps):
    return ClassCounts.from_logits(*maps)


def test_scores_of_each_class_by_a_loop_over_its_bins(maps, counts):
    logits, ids = maps
    labels, predicted = ids.ravel().numpy(), logits.argmax(1).ravel().numpy()
    p_all = np.rint(4335 * logits.softmax(1).movedim(1, 0).reshape(K, -1).numpy()) / 4335
    for k, scores in enumerate(class_scores(counts, bins=10)):
        p, of_class = p_all[k], labels == k
        bins = np.maximum(np.ceil(np.round(10 * p, 9)) - 1, 0)
        gaps = [abs((p - of_class)[bins == b].sum()) for b in range(10)]
        union = of_class | (predicted == k)
        assert scores["ece"] == pytest.approx(sum(gaps) / p.size)
        assert scores["gap"] == pytest.approx((p - of_class).mean())
        assert scores["share"] == pytest.approx(of_class.mean())
        assert scores["iou"] == pytest.approx((of_class & (predicted == k)).sum() / union.sum())
        assert 0 <= scores["ece_low"] <= scores["ece"] + 1e-12 and scores["ece_floor"] > 0
        assert len(cells(scores)) == len(COLUMNS) and "[" in cells(scores, intervals=True)[2]


def test_a_single_image_has_no_intervals(counts):
    (scores, *_) = class_scores(counts[:1])
    assert math.isnan(scores["ece_low"]) and math.isnan(scores["ece_floor"])
    assert "[" not in "".join(cells(scores, intervals=True))


def test_each_class_has_a_diagram(counts):
    tables = {f"class {k}": reliability_tables({"A": counts}, 10, k)["A"] for k in range(K)}
    figure = figures.class_diagrams(tables, "A")
    drawn = [axis for axis in figure.axes if axis.axison]
    error = 100 * class_scores(counts, 10)[2]["ece"]
    assert len(drawn) == K and drawn[2].get_title() == f"class 2\nECE {error:.1f} %"
    assert all(axis.get_xlim() == (0, 100) for axis in drawn)
    assert figures.alt(figure).count("largest contribution") == K


def test_axes_of_confidence_begin_where_several_classes_need_it(counts):
    two = ClassCounts.from_logits(torch.randn(2, 2, 9, 9), torch.ones(2, 9, 9, dtype=torch.int64))
    for each, lowest in ((counts, 0), (two, 50)):
        figure = figures.reliability_diagrams(reliability_tables({"A": each}), "")
        assert figure.axes[0].get_xlim() == (lowest, 100)
        assert figures.joint_density({"A": each}, "").axes[0].get_xlim() == (lowest, 100)
