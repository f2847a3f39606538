"""The lesson More than two classes: its logits, its record, and what the lesson says about it."""

import numpy as np
import pytest
import torch

from aslp_lib.course import recorded
from aslp_lib.course.lessons import more_classes as lesson
from aslp_lib.course.lessons.more_classes.splits import VARIANTS, values
from aslp_lib.data.nuclei import CLASSES
from aslp_lib.experiments.seed_statistics import student_interval

SCALED = "temperature_scaling"


@pytest.fixture(scope="module")
def tests():
    return recorded.settings_of("nuclei3").load_data().tests


def test_logits_are_those_of_each_image(tests):
    network, pink = recorded.load("bce", "nuclei3"), tests["pink"]
    with torch.no_grad():
        alone = network(pink.images[3:4])[0]
    torch.testing.assert_close(recorded.logits(network, pink)[3], alone, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(pink.masks[:, 0], pink.labels)


def test_the_record_is_of_five_splits_and_of_the_labels_of_the_set(tests):
    table = lesson.read()
    keys = ["seed", "set", "recalibration"]
    assert len(table) == len(table[keys].drop_duplicates()) == 5 * 3 * len(VARIANTS)
    for part in ("test", "fluorescence"):
        shares = np.bincount(tests[part].labels.ravel()) / tests[part].labels.size
        recorded_shares = table[table["set"] == part][[f"frequency_{name}" for name in CLASSES]]
        np.testing.assert_allclose(recorded_shares, [shares] * len(recorded_shares), atol=1e-6)
    total = sum(table[f"probability_{name}"] for name in CLASSES)
    np.testing.assert_allclose(total, 1, atol=1e-3)  # they are counted at grey levels


def test_the_shipped_network_is_that_of_the_first_split(tests):
    """Its mean probability of each class, up to the grey levels of the record."""
    z = recorded.logits(recorded.load("bce", "nuclei3"), tests["test"])
    row = lesson.read().set_index(["seed", "set", "recalibration"]).loc[(0, "test", "none")]
    means = row[[f"probability_{name}" for name in CLASSES]].astype(float)
    np.testing.assert_allclose(means, z.softmax(1).mean((0, 2, 3)), atol=1e-3)


def test_excesses_are_promised_minus_delivered_areas():
    table = lesson.read()
    rows = table[(table["set"] == "test") & (table.recalibration == "none")]
    excess = 100 * (rows.probability_boundary - rows.frequency_boundary).to_numpy()
    np.testing.assert_allclose(values("excess_boundary", "test", "none"), excess)
    of_splits = lesson.of_splits("excess_boundary", "test", "as trained")
    np.testing.assert_allclose(of_splits["as trained"], excess)


@pytest.mark.claim(
    "classes",
    "One temperature improves the ECE of a rare class and makes its promised area too large",
    "more_classes: What does one temperature do to a rare class?",
    numbers="boundary promised - delivered +0.3 to +3.4 points (five splits of nuclei3)",
)
def test_the_record_supports_the_lesson():
    """A temperature improves both ECEs and spoils the area of the boundary; offsets repair it."""
    for part in ("test", "fluorescence", "validation"):
        trained, scaled = (values("excess_boundary", part, kind) for kind in ("none", SCALED))
        assert (scaled > abs(trained) + 1).all()
        # Nearly every bin promises too much.
        np.testing.assert_allclose(values("ece_boundary", part, SCALED), scaled, atol=0.2)
    excess = values("excess_boundary", "fluorescence", SCALED)
    delivered = values("frequency_boundary", "fluorescence", SCALED).mean()
    assert 1 + excess.min() / delivered > 1.6 and 1 + excess.mean() / delivered < 2
    for score in ("ece", "ece_boundary"):
        assert (values(score, "test", SCALED) < 0.75 * values(score, "test", "none")).all()
    excess, error = (values(k, "test", "none").mean() for k in ("excess_boundary", "ece_boundary"))
    assert [round((error + sign * excess) / 2, 1) for sign in (-1, 1)] == [2.9, 3.1]
    for name in CLASSES:
        assert abs(values(f"excess_{name}", "validation", "vector_scaling")).max() < 0.01
    low, high = student_interval(values("excess_boundary", "test", "vector_scaling"))
    assert low < 0 < high
    for score in ("ece", "ece_boundary"):  # vector scaling has the lowest of the three
        for part in ("test", "fluorescence"):
            offsets = values(score, part, "vector_scaling")
            for kind in ("none", SCALED):
                assert (offsets < 0.8 * values(score, part, kind)).all()
    iou, accuracy = (values(score, "test", "none") for score in ("iou_boundary", "accuracy"))
    for kind in ("vector_scaling", "isotonic"):
        assert (values("predicted_boundary", "test", kind) < 5).all()
        assert (values("iou_boundary", "test", kind) < iou - 3).all()
        assert (values("accuracy", "test", kind) > accuracy - 0.5).all()
