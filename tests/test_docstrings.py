"""The examples in docstrings do what they say, and the names that one starts with have some."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import aslp_lib

PACKAGE = Path(aslp_lib.__file__).parent
FINDER = doctest.DocTestFinder(exclude_empty=False)
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


def examples(module: str) -> dict[str, doctest.DocTest]:
    """By the name of what they are of, without the module's."""
    found = FINDER.find(import_module(module), module)
    return {test.name.removeprefix(f"{module}."): test for test in found if test.examples}


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_do_what_they_say(module):
    runner, said = doctest.DocTestRunner(), []
    for test in examples(module).values():
        runner.run(test, out=said.append)
    assert runner.tries and not runner.failures, "".join(said)


@pytest.mark.parametrize(
    ("module", "names"),
    {
        "aslp.perturbation": [
            "Technique",
            "perturb",
            "sampled_targets",
            "expected_targets",
        ],
        "aslp.loss": ["sc_bce_with_logits", "SCBCELoss"],
        "aslp.alphas": ["AdaptiveAlpha", "alpha_gradient"],
        "aslp.theory": ["minimiser"],
        "recalibration.temperature": ["Temperature"],
        "metrics": ["scores"],
        "metrics.counts": ["Counts.from_map", "Counts.from_probabilities"],
        "metrics.accumulator": ["CountsAccumulator"],
        "metrics.calibration": ["ece", "oe", "reliability"],
        "networks": ["build"],
        "data.shapes": ["Shapes"],
        "data.degraded": ["degrade"],
    }.items(),
)
def test_what_one_starts_with_has_an_example(module, names):
    assert set(names) <= examples(f"aslp_lib.{module}").keys()
