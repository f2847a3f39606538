"""The bills in the README's first paragraph and picture, from the network that paid them."""

import re
from pathlib import Path

from aslp_lib.course import recorded
from aslp_lib.course.lessons.bill import bill
from aslp_lib.recalibration import Temperature

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
IMAGE = 3
"""The test image of the picture, see `benchmarks/readme_picture.py`."""


def test_the_readme_s_bills_are_those_of_the_shipped_network():
    nuclei, network = recorded.settings_of("nuclei").load_data(), recorded.load("bce", "nuclei")
    test = recorded.count(network, nuclei.tests["test"])
    scaled = Temperature().fit(recorded.count(network, nuclei.validation)).apply_counts(test)
    costs = [100 * cost for c in (test, scaled) for cost in bill(c[[IMAGE]], miss=10)[:2]]
    promised, paid, *_ = rounded = [f"{cost:.0f}" for cost in costs]
    assert f"The plan said {promised}; the laboratory paid {paid}." in README
    assert re.findall(r"\b\d\d\b", re.search(r"!\[(Left:.*?)\]", README)[1]) == rounded
    bills = [bill(test[[k]], miss=10) for k in range(len(test))]
    beyond = [one.paid - one.expected for one in bills]
    assert len(beyond) == 120 and sum(x > 0 for x in beyond) > 108  # "nearly all of our 120"
    assert beyond[IMAGE] in sorted(beyond)[-10:]  # "one of the ten worst"
