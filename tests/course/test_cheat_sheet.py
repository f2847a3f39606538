"""The cheat sheet: each equation, as it is printed, gives the library's numbers.

Its TeX is read here into expressions and evaluated on drawn values, beside the library's function.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch
from sympy.parsing.sympy_parser import (
    implicit_multiplication_application,
    parse_expr,
    standard_transformations,
)

from aslp_lib import (
    HARD_INVERSION,
    MODERATION,
    AdaptiveAlpha,
    alpha_gradient,
    expected_targets,
    sc_bce_with_logits,
)
from aslp_lib.aslp.perturbation import Technique, perturb
from aslp_lib.aslp.theory import expected_confidence, loss_floor, minimiser, target_variance
from aslp_lib.metrics import SCORES
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import ImageWiseShrinkage, Temperature

ROOT = Path(__file__).parents[2]
SHEET = (ROOT / "docs" / "cheat_sheet.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table under a heading, its head left out."""
    body = SHEET.split(f"\n## {heading}\n")[1]
    table = re.search(r"(?:^\|.*\n?)+", body, re.M)[0]
    return [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines()[2:]]


EQUATIONS = {what: equation.strip("$") for what, equation, _ in rows("Equations")}


def expression(tex: str) -> sp.Expr:
    """What a formula of the sheet says: sympy's, with Greek letters and indices as names."""
    text = re.sub(r"\\frac\{(.+?)\}\{(.+?)\}(?=\)| |$)", r"((\1)/(\2))", tex)
    text = re.sub(r"\\mathrm\{(\w+)\}", r"\1", text)
    text = re.sub(r"_\{(\w+)\}", r"_\1", text).replace(r"^\ast", "star").replace("star_k", "star")
    for name, as_function in {"log": "log", "exp": "exp", "max": "Max", "min": "Min"}.items():
        text = text.replace(rf"\{name}(", f" {as_function}(")
    text = text.replace(r"\lambda", " weight ").replace(r"\pi_k", " posterior ")
    text = text.replace(r"\pi", " posterior ")
    text = re.sub(r"\\(alpha|beta|eta)", r" \1 ", text).replace("^", "**")
    text = re.sub(r"\bp_s\b|\bf_T\b|\bf_k\b", "left", text)
    assert "\\" not in text, text
    names = set(re.findall(r"[A-Za-z_]\w*", text)) - {"log", "exp", "Max", "Min"}
    return parse_expr(
        text,
        local_dict={name: sp.Symbol(name) for name in names},
        transformations=(*standard_transformations, implicit_multiplication_application),
    )


def said(what: str, **values: float) -> float:
    """The right side of an equation of the sheet at these values; names as `expression` has them.

    What stands for another line (`c*`, `B`, `G`) is taken from that line.
    """
    found = expression(EQUATIONS[what].split("=", 1)[1])
    for symbol, other in {"cstar": "its confidence", "B": "MC's bound", "G": "gain"}.items():
        found = found.subs(sp.Symbol(symbol), expression(EQUATIONS[other].split("=", 1)[1]))
    found = found.subs({sp.Symbol(name): value for name, value in values.items()})
    assert not found.free_symbols, (what, found.free_symbols)
    return float(found)


@pytest.fixture(params=range(3))
def draws(request) -> np.random.Generator:
    return np.random.default_rng(request.param)


def tensor(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.double)


def after_a_step(start, accuracy, z, technique, **options) -> float:
    """The level of one foreground pixel of logit z after a validation and a step of MC."""
    alphas = AdaptiveAlpha(1, technique, warm_up=0, **options).double()
    alphas.alpha.fill_(start)
    alphas.observe(accuracy)
    alphas.update(torch.tensor([0]), tensor(z)[None], torch.ones(1, 1))
    return alphas.alpha.item()


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_equations_of_a_pixel(draws, y):
    z, alpha, pi = draws.normal(0, 3), draws.uniform(0, 0.5), draws.uniform()
    beta, f = draws.uniform(0, 2), tensor(z).sigmoid().item()
    label, technique, logit = tensor(y), Technique("own", beta), tensor(z)[None]
    counts = Counts.from_probabilities(tensor(f)[None], label[None].long(), grey_levels=2**20)
    t = expected_targets(label, alpha, technique).item()
    loss = sc_bce_with_logits(logit, label[None], alpha, technique, use_expected_targets=True)
    given = {"alpha": alpha, "beta": beta}
    for found, library in [
        (said("probability", z=z), f),
        (said("confidence", f=f), SCORES["confidence"].function(counts)),
        (said("perturbed label", beta=beta, y=y), perturb(label, technique)),
        (said("expected label", y=y, **given), t),
        (said("loss", t=t, f=f), loss),
        (said("minimiser", posterior=pi, **given), minimiser(pi, alpha, technique)),
        (said("its confidence", **given), expected_confidence(alpha, technique)),
        (said("floor of the loss", **given), loss_floor(alpha, technique)),
        (said("noise", **given), target_variance(alpha, technique)),
        (
            said("gradient in alpha", z=z, y=y, beta=beta),
            alpha_gradient(logit, label[None], technique),
        ),
        (said("limit of alpha", beta=beta), technique.alpha_limit),
    ]:
        assert found == pytest.approx(float(library), rel=1e-5, abs=2e-6)


def test_equations_of_a_level(draws):
    technique, z, accuracy = HARD_INVERSION, draws.uniform(1, 6), draws.uniform(0.8, 0.95)
    beta, eta, weight = technique.beta, 0.002, draws.uniform(50, 400)
    given = {"beta": beta, "eta": eta, "weight": weight}
    step = {"technique": technique, "alpha_step_size": eta, "constraint_weight": weight}
    g = said("gradient in alpha", z=z, y=1, beta=beta)
    bound = said("MC's bound", A=accuracy, beta=beta)
    assert said("its confidence", alpha=bound, beta=beta) == pytest.approx(accuracy)
    start = bound + 0.02
    R = said("rule MC", alpha=start, beta=beta, A=accuracy)
    new = said("update, explicit", alpha=start, g=g, R=R, eta=eta, weight=weight)
    assert after_a_step(start, accuracy, z, dynamics="release", **step) == pytest.approx(new)
    new = bound + said("update, stable", e=start - bound, g=g, **given)
    assert after_a_step(start, accuracy, z, **step) == pytest.approx(new)
    rest = said("fixed point of MC", g=g, A=accuracy, beta=beta, weight=weight)
    assert after_a_step(rest, accuracy, z, **step) == pytest.approx(rest)
    left = after_a_step(start, accuracy, 0.0, dynamics="release", **step) - bound
    assert left / 0.02 == pytest.approx(1 - said("gain", **given))


def test_other_equations(draws):
    accuracy, confidence = draws.uniform(0.7, 0.8), draws.uniform(0.85, 0.95)
    alphas = AdaptiveAlpha(1, MODERATION, "measured_gap", warm_up=0).double()
    rule, before = alphas.rule, alphas.rule.bound.item()
    alphas.observe(accuracy, confidence)
    new = said("measured gap", b=before, k=rule.bound_gain, C=confidence, A=accuracy)
    assert rule.bound.item() == pytest.approx(new)
    z, T, s = draws.normal(0, 3), draws.uniform(0.5, 4), draws.uniform()
    scaled = Temperature(T)(tensor(z)).sigmoid().item()
    assert said("temperature", z=z, T=T) == pytest.approx(scaled)
    level = ImageWiseShrinkage().changed(tensor(z), torch.logit(tensor(s))).sigmoid().item()
    f = tensor(z).sigmoid().item()
    assert said("image-wise recalibration", s=s, f=f) == pytest.approx(level)
    pi, alpha, beta = draws.dirichlet(np.ones(4)), draws.uniform(0, 0.5), draws.uniform(0, 1.3)
    found = [said("K classes", posterior=p, alpha=alpha, beta=beta, K=4) for p in pi.tolist()]
    perturbed = (1 - beta) * np.eye(4) + beta / 4  # a row for each label
    targets = (1 - alpha) * np.eye(4) + alpha * perturbed
    assert found == pytest.approx(pi @ targets)


def test_no_equation_is_left_out():
    source = Path(__file__).read_text(encoding="utf-8")
    assert {what for what in EQUATIONS if f'said("{what}"' not in source} == set()
