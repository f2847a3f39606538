import json
import math

import pytest

from aslp_lib.course.recorded import real_images as recorded


def run(variant, seed, ece, max_f=0.5):
    scores = {"SOD": {"ece": ece, "max_f": max_f}, "DTD": {"ece": 2 * ece, "max_f": None}}
    return {"variant": variant, "seed": seed, "scores": scores}


@pytest.fixture
def found(tmp_path):
    runs = [run("BCE", 0, 0.1), run("MC", 0, 0.02), run("BCE", 1, 0.3), run("MC", 1, 0.04)]
    (tmp_path / "real.json").write_text(json.dumps(runs))
    return recorded.real_images(tmp_path / "real.json")


def test_scores_are_by_variant_set_and_seed(found):
    assert list(found) == ["BCE", "MC"]
    assert found["BCE"]["SOD"]["ece"].tolist() == [0.1, 0.3]
    assert found["MC"]["DTD"]["ece"].tolist() == [0.04, 0.08]
    assert all(math.isnan(value) for value in found["BCE"]["DTD"]["max_f"])


def test_the_table_has_means_and_deviations(found):
    assert recorded.table(found, "ece", {"DTD": "textures", "SOD": "objects"}).splitlines() == [
        "| ECE % | textures | objects |",
        "|---|---:|---:|",
        "| BCE | 40.00 ± 28.28 | 20.00 ± 14.14 |",
        "| MC | 6.00 ± 2.83 | 3.00 ± 1.41 |",
    ]
