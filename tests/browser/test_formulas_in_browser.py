"""The explorers' formulas, in JavaScript, against the library's.

Skipped where there is no Chromium or no playwright.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import TECHNIQUES, Technique
from aslp_lib.aslp.theory import minimiser
from aslp_lib.course.lessons.stability.explorer import EPOCHS, POPULATION, Feedback
from aslp_lib.course.live import outcomes, packed, script
from aslp_lib.course.simulation import simulate
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

pytest.importorskip("playwright.sync_api")
LESSONS = "aslp_lib.course.lessons"


@pytest.fixture
def call(watched, tmp_path):
    """Function that calls one of an explorer's functions in Chromium, with unpacked arguments."""
    pages = {}

    def evaluate(module: str, function: str, *arguments):
        if module not in pages:
            page = watched()
            code = script(f"{LESSONS}.{module}").replace("export default", "const shown =")
            file = tmp_path / f"{module}.html"
            asked = "window.ask = async (name, values) => eval(name)(...await unpack(values));"
            file.write_text(f'<script type="module">{code}\n{asked}</script>', encoding="utf-8")
            page.goto(file.as_uri())
            page.wait_for_function("'ask' in window")
            pages[module] = page
        return pages[module].evaluate(
            "([name, values]) => ask(name, values)", [function, arguments]
        )

    return evaluate


def some_counts(seed: int, sharpness: float, grey_levels: int = 256) -> Counts:
    """Count random maps that are overconfident the more, the larger `sharpness`."""
    rng = np.random.default_rng(seed)
    probability = rng.random((2, 40, 40))
    mask = torch.from_numpy((rng.random(probability.shape) < probability).astype(np.int64))
    odds = (probability / (1 - probability)) ** sharpness
    p = torch.from_numpy(odds / (1 + odds))
    return Counts.from_probabilities(p, mask, grey_levels=grey_levels)


COUNTS = [some_counts(0, 3.0), some_counts(1, 1.0), some_counts(2, 0.4, 4336)]
MEASURES = {"ece": calibration.ece, "oe": calibration.oe}


@pytest.mark.parametrize("counts", COUNTS)
def test_measures(call, counts):
    sizes = 1, 2, 7, 10, 33, 50
    measure = """(name, table, sizes) =>
        sizes.map((count) => MEASURES[name].value(reliability(table, count)))"""
    for name, expected in MEASURES.items():
        found = call("confidence.explorer", measure, name, outcomes(counts), sizes)
        assert found == pytest.approx([expected(counts, bins) for bins in sizes], abs=1e-9)


def expected_loss(f, alpha, technique):
    """Loss of foreground pixels at the probabilities f, from the library."""
    z = torch.from_numpy(f).logit()[:, None]
    options = {"use_expected_targets": True, "reduction": "none"}
    return sc_bce_with_logits(z, torch.ones_like(z), alpha, technique, **options)[:, 0].numpy()


def test_targets_and_losses(call):
    alphas, betas, posteriors = np.linspace(0, 1, 5), np.linspace(0, 2, 6), np.linspace(0, 1, 5)
    f, losses = np.linspace(0.01, 0.99, 20), "(t, fs) => fs.map((f) => crossEntropy(t, f))"
    for alpha, beta, pi in product(alphas, betas, posteriors):
        technique = Technique("any", beta)
        target = call("sc_bce.explorer", "minimiser", pi, alpha * beta)
        assert target == pytest.approx(minimiser(pi, alpha, technique).item(), abs=1e-6)
        foreground, background = (expected_loss(p, alpha, technique) for p in (f, 1 - f))
        found = call("sc_bce.explorer", losses, target, f.tolist())
        np.testing.assert_allclose(found, pi * foreground + (1 - pi) * background, rtol=1e-6)
    for target in (0, 1):
        assert call("sc_bce.explorer", "crossEntropy", target, target) == 0


def test_a_technique_brings_its_beta_and_a_beta_its_technique(call):
    def follow(moved, technique, beta):
        values = {"technique": technique, "beta": beta}
        return call("label_perturbation.explorer", "follow", moved, values)

    for name in ("HI", "SI", "M"):
        assert follow("technique", name, 0.3) == {"beta": TECHNIQUES[name].beta}
        assert follow("beta", name, TECHNIQUES[name].beta) == {}
    assert follow("technique", "other beta", 2) == {}  # although HI has this beta
    assert follow("beta", "HI", 1.9) == {"technique": "other beta"}
    assert follow("beta", "other beta", 1.5) == {"technique": "SI"}
    assert follow("alpha", "HI", 2) == {}


GRID = {
    "rule": ("aslp_mc", "aslp_me", "aslp_gap"),
    "dynamics": ("release", "stable"),
    "step": (0.001, 0.02),
    "weight": (50, 5000),
    "beta": (0.25, 1.5, 2.0),
}


def alphas_of(setting, images: int, **options) -> AdaptiveAlpha:
    return AdaptiveAlpha(
        images,
        Technique("own", setting["beta"]),
        setting["rule"],
        alpha_step_size=setting["step"],
        constraint_weight=setting["weight"],
        dynamics="stable" if setting["rule"] == "aslp_gap" else setting["dynamics"],
        **options,
    )


def test_one_step_of_the_alphas(call):
    rng, index, ones = np.random.default_rng(0), torch.arange(60), torch.ones(60, 1).double()
    step = "(setting, state, alpha, z) => alpha.map((a, i) => update(setting, state)(a, z[i]))"
    for values in product(*GRID.values()):
        setting = dict(zip(GRID, values, strict=True))
        alphas = alphas_of(setting, 60, warm_up=0).double()
        start = rng.uniform(0, alphas.technique.alpha_limit, 60)
        z = rng.normal(4, 8, 60)  # some beyond the release's clamp
        alphas.alpha.copy_(torch.from_numpy(start))
        alphas.observe(0.9, 0.97)
        alphas.observe(0.85, 0.95)
        names = {"accuracy": "accuracy", "best": "best_accuracy", "bound": "bound"}
        state = {key: float(getattr(alphas.rule, name, 0)) for key, name in names.items()}
        found = call("stability.explorer", step, setting, state, start.tolist(), z.tolist())
        alphas.update(index, torch.from_numpy(z)[:, None], ones)
        np.testing.assert_allclose(found, alphas.alpha.numpy(), atol=1e-12, err_msg=str(setting))


STABLE = [
    {"rule": "aslp_mc", "dynamics": "stable", "step": 0.01, "weight": 200, "beta": 1.0},
    {"rule": "aslp_mc", "dynamics": "release", "step": 0.002, "weight": 100, "beta": 2.0},
    {"rule": "aslp_me", "dynamics": "stable", "step": 0.005, "weight": 500, "beta": 1.5},
    {"rule": "aslp_gap", "dynamics": "stable", "step": 0.005, "weight": 500, "beta": 1.5},
]


@pytest.mark.parametrize("setting", STABLE, ids=lambda s: f"{s['rule']}-{s['dynamics']}")
def test_the_feedback_loop(call, setting):
    """Compare whole simulations where rounding errors do not grow."""
    found = call("stability.explorer", "simulate", setting, Feedback().records)
    trace = simulate(alphas_of(setting, POPULATION.images), POPULATION, EPOCHS)
    for name in ("alpha", "accuracy", "confidence", "bound"):
        values = [state[name] for state in found]
        np.testing.assert_allclose(values, getattr(trace, name), atol=2e-4)


def test_quantiles_and_words(call):
    values = sorted(np.random.default_rng(0).random(37).tolist())
    for share in (0, 0.1, 0.5, 0.9, 1):
        found = call("stability.explorer", "quantile", values, share)
        assert found == pytest.approx(np.quantile(values, share))
    assert call("sc_bce.explorer", "describeGap", 0.0312) == "overconfident by 3.1 points"
    assert call("sc_bce.explorer", "describeGap", -0.0002) == "calibrated on average"
    assert call("sc_bce.explorer", "describeGap", -0.0149, 0) == "underconfident by 1 point"


def test_a_dose_is_undone_on_a_map(call):
    levels = np.arange(256)
    for dose in (0.0, 0.2, 0.6):
        undone = ((levels / 255 - dose / 2) / (1 - dose)).clip(0, 1)
        found = call("label_perturbation.lab", "undone", levels.tolist(), dose)
        np.testing.assert_allclose(found, 255 * undone, atol=1e-9)


def test_arrays_arrive_as_they_were(call):
    rows = "(all) => all.map((row) => row.map((one) => [...one]))"
    for kind in (np.uint8, np.uint16, np.uint32, np.float32, np.float64):
        values = np.arange(24, dtype=kind).reshape(2, 3, 4)
        assert call("sc_bce.explorer", rows, packed(values)) == values.tolist()
