"""The instruments of `make portable`: what they find, and what they leave alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from portable import digits
from portable.kernel import name_of
from portable.processors import PROCESSORS, environment
from portable.rounding import RoundsOtherwise

WATCHED = """
import json, sys
sys.path.append("tests")
from portable import digits
found = []
digits.watch(lambda value, spec: found.append((value, spec)))
from aslp_lib.course.explorers.base import sureness
found.clear()  # what is written as modules are read: ticks of an axis
print(json.dumps([sureness(0.0312), found]))
"""


def moved(values, spec):
    (found,) = digits.compare([{("04", 3, 0): (value, spec)} for value in values])
    return found


@pytest.mark.slow
def test_the_library_s_numbers_are_seen_and_its_words_stay():
    result = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=Path(__file__).parents[1], capture_output=True
    )
    words, found = json.loads(result.stdout)
    assert words == "over-confident by 3.1 points"
    assert found == [[pytest.approx(3.1), ".1f"]]


@pytest.mark.parametrize(
    ("values", "spec", "fragile"),
    [
        ((0.123, 0.123), ".3f", False),  # it did not move
        ((0.12301, 0.12302), ".3f", False),
        ((0.12341, 0.12344), ".3f", True),  # printed alike, but 0.1235 is near
        ((0.1234, 0.1236), ".3f", True),
        ((0.996, 0.997), ".1f", False),
        ((0.9402, 0.9407), ".0%", False),
        ((0.9441, 0.9443), ".0%", True),
    ],
)
def test_a_text_must_survive_five_times_the_movement(values, spec, fragile):
    assert moved(values, spec).is_fragile == fragile


def test_a_number_that_not_all_runs_have_is_fragile():
    runs = [{("04", 3, 0): (0.5, ".1f")}, {}]
    assert digits.compare(runs)[0].is_fragile


def test_a_digit_that_moves_by_more_than_one_says_nothing():
    assert moved((0.123, 0.129), ".3f").is_noise
    assert not moved((0.1236, 0.1244), ".3f").is_noise
    assert moved((0.12, 0.15), ".0%").is_noise
    assert str(moved((0.123, 0.129), ".3f")).startswith("04 cell 3, number 0: 0.123 0.129 (moved")


def test_rounding_otherwise_is_in_the_last_bit_and_leaves_what_is_exact():
    values = torch.rand(100, 64, generator=torch.Generator().manual_seed(0))
    whole = torch.arange(64.0)
    plain = values.sum(1)
    with RoundsOtherwise(1):
        sums, exact, mean = values.sum(1), whole.sum(), (whole > 20).float().mean()
        product = values[0] * values[1]
    assert 20 < (sums != plain).sum() < 80
    torch.testing.assert_close(sums, plain, rtol=2**-22, atol=0)
    assert (exact, mean) == (2016, 43 / 64)
    assert torch.equal(product, values[0] * values[1])


def test_a_probability_stays_one():
    with RoundsOtherwise(1):
        p = torch.sigmoid(torch.full((1000,), 20.0))
    assert p.max() == 1 > p.min()


def test_another_seed_rounds_otherwise_again():
    values = torch.rand(100, 64, generator=torch.Generator().manual_seed(0))
    found = []
    for seed in (1, 2, 1):
        with RoundsOtherwise(seed):
            found.append(values.sum(1))
    assert torch.equal(found[0], found[2]) and not torch.equal(found[0], found[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", PROCESSORS)
def test_the_variables_reach_torch(name):
    code = "import torch; print(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())"
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment(name), capture_output=True, text=True
    )
    threads, capability = result.stdout.strip().split(" ", 1)
    assert threads == PROCESSORS[name]["OMP_NUM_THREADS"]
    assert not name.startswith("plain") or capability in ("DEFAULT", "NO AVX")


def test_every_notebook_has_a_file_of_its_own():
    """Those of the solutions are called as the notebooks are."""
    root = Path(__file__).parents[1]
    names = [name_of(path.relative_to(root)) for path in (root / "notebooks").rglob("*.ipynb")]
    assert {"04_adaptive_alpha", "solutions.04_adaptive_alpha"} <= set(names)
    assert len(names) == len(set(names))
