"""Explorers without a browser: they work at any position, and show the right numbers."""

import re
from html import unescape
from itertools import product

import numpy as np
import pytest
from ipywidgets import BoundedIntText, FloatSlider, IntSlider, ToggleButtons
from matplotlib.text import Text

from aslp_lib.course import explorers
from aslp_lib.course.explorers import base
from aslp_lib.course.explorers.base import describe_gap, rendered
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def some_counts(seed, sharpness):
    """Over-confident the more, the larger `sharpness`."""
    rng = np.random.default_rng(seed)
    probability = rng.random((2, 40, 40))
    mask = (rng.random(probability.shape) < probability).astype(np.uint8)
    odds = np.clip(probability, 1e-3, 1 - 1e-3)
    odds = (odds / (1 - odds)) ** sharpness
    levels = np.round(255 * odds / (1 + odds)).astype(np.uint8)
    return Counts.join([Counts.from_map(p, m) for p, m in zip(levels, mask, strict=True)])


COUNTS = {"sharp": some_counts(0, 3.0), "fair": some_counts(1, 1.0)}
MASK = np.eye(12, dtype=np.uint8)


@pytest.fixture(scope="module", params=explorers.EXPLORERS)
def explorer(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "DPI", 40)
        yield explorers.EXPLORERS[request.param]()


def numbers(text):
    """The numbers of a text, in order."""
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_an_explorer_is_accessible(explorer):
    labels = [control.description for control in explorer.controls.values()]
    assert all(labels) and len(set(labels)) == len(labels)
    for name, control in explorer.controls.items():
        assert control.tabbable is not False
        # Lab keeps the arrow keys of drop-down lists; a slider over a list speaks its index.
        assert isinstance(control, ToggleButtons | IntSlider | FloatSlider | BoundedIntText)
        assert isinstance(control, ToggleButtons) or control.tooltip == control.description
        if name in explorer.value_labels:
            assert float(explorer.value_labels[name].value) == explorer.values[name]
    data, metadata = explorer._repr_mimebundle_()  # what is shown without a kernel
    assert data["text/plain"] == f"Explorer. {explorer.text}"
    assert data["image/png"].startswith("iVBORw0KGgo")
    assert metadata["image/png"]["alt"] == explorer.alt
    assert f'alt="{explorer.alt}"' in unescape(explorer.image.value)
    assert 'aria-live="polite"' in explorer.words.value
    figure = explorer.picture(**explorer.values)
    assert rendered(figure) == (explorer.png, explorer.alt)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 9
    if explorer.play:  # while it runs, the words are not spoken
        explorer.play.playing = True
        assert 'aria-live="off"' in explorer.words.value


@pytest.mark.slow
def test_an_explorer_works_at_any_position(explorer, monkeypatch):
    """Two random positions of all controls, and both ends of each control alone."""
    rng, grids, first = np.random.default_rng(0), explorer.grids(), explorer.values
    opening = explorer.png, explorer.text
    for _ in range(2):
        values = {name: grid[rng.integers(len(grid))] for name, grid in grids.items()}
        png, alt = rendered(explorer.picture(**values))
        assert png.startswith(b"\x89PNG") and "nan" not in alt
        assert "nan" not in explorer.readout(**values)
        for name in explorer.idle(**values):  # a control that is greyed out changes nothing
            (end, *_) = {grids[name][0], grids[name][-1]} - {values[name]}
            assert rendered(explorer.picture(**values | {name: end})) == (png, alt)
    for name, grid in grids.items():
        shown, ends = {opening}, {grid[0], grid[-1]} - {first[name]}
        for value in ends:
            explorer.controls[name].value = value
            assert explorer.values[name] == value
            assert explorer.text == explorer.readout(**explorer.values)
            assert unescape(explorer.words.value).count(explorer.text) == 1
            shown.add((explorer.png, explorer.text))
        assert len(shown) == 1 + len(ends), name
        with monkeypatch.context() as patch:
            patch.setattr(explorer, "_draw", lambda: None)  # the opening has been drawn
            for other, value in first.items():
                explorer.controls[other].value = value


def test_the_estimators_are_the_library_s():
    explorer = explorers.estimators(COUNTS)
    names = {"equal mass": "ece_equal_mass", "debiased": "ece_debiased"}
    for which, estimator, bins in product(*explorer.grids().values()):
        counts = COUNTS[which]
        text = explorer.readout(which=which, estimator=estimator, bins=bins)
        used, percent = re.search(r"(\d+) bins?\b[^:]*: (\d+\.\d+) %", text).groups()
        if estimator == "sweep":
            expected = calibration.ece_sweep(counts)
        else:
            assert int(used) == bins
            expected = getattr(calibration, names.get(estimator, estimator))(counts, bins)
        assert float(percent) == round(100 * expected, 2)


@pytest.mark.parametrize("estimator", ["ece", "oe", "mce", "equal mass"])
def test_the_gaps_marked_as_counted_make_the_estimate(estimator):
    explorer = explorers.estimators(COUNTS["sharp"])
    figure = explorer.picture(estimator=estimator, bins=20)
    (counted,) = [c for c in figure.axes[0].collections if c.get_label() == "gap, counted"]
    ends = np.array(counted.get_segments())
    confidence, gap = ends[:, 0, 0], ends[:, 1, 1] - ends[:, 0, 1]
    stems = np.array(figure.axes[1].collections[0].get_segments())
    share = dict(zip(stems[:, 0, 0], stems[:, 1, 1], strict=True))
    parts = np.array([share[x] for x in confidence]) * gap
    if estimator == "mce":
        value = np.abs(gap).max()
    else:
        value = np.abs(parts * confidence if estimator == "oe" else parts).sum()
    found = float(re.search(r"(\d+\.\d+) %", explorer.readout(estimator=estimator, bins=20))[1])
    assert 100 * value == pytest.approx(found, abs=0.006)


def test_the_perturbation_s_numbers_are_the_formula_s():
    explorer = explorers.perturbation(MASK)
    techniques, alphas, betas = explorer.grids().values()
    for technique, alpha, beta in product(techniques, alphas[::4], betas):
        text = explorer.readout(technique=technique, alpha=alpha, beta=beta)
        found, strength = numbers(text), alpha * beta
        if technique == "DM" and beta == 1.0:
            assert found.pop(4) == 0.25  # its noise
        expected = [beta, alpha, beta / 2, 1 - beta / 2, strength / 2, 1 - strength / 2, strength]
        assert found[:7] == pytest.approx(expected, abs=0.0051)
        fate = np.select(
            [strength < 1 - 1e-6, strength < 1 + 1e-6], ["keeps its side", "is 1/2."], "is inv"
        )
        assert f"the expected target {fate}" in text
    figure = explorer.picture(technique="SI", alpha=0.4, beta=1.5)
    plain, switched, mean = (axis.images[0].get_array() for axis in figure.axes[:3])
    np.testing.assert_allclose(plain, MASK)
    np.testing.assert_allclose(switched, np.where(MASK, 0.25, 0.75))
    np.testing.assert_allclose(mean, 0.6 * plain + 0.4 * switched, atol=1e-6)
    assert "perturbed by SI (background 0.75, foreground 0.25)" in figure.get_label()


def test_a_technique_brings_its_beta_and_a_beta_its_technique(monkeypatch):
    monkeypatch.setattr(base.Explorer, "_draw", lambda _: None)
    explorer = explorers.perturbation(MASK)
    technique, beta = explorer.controls["technique"], explorer.controls["beta"]
    for name, value in {"SI": 1.5, "M": 1.0, "DM": 1.0, "HI": 2.0}.items():
        technique.value = name
        assert explorer.values["beta"] == value
    technique.value = "other beta"
    explorer.controls["alpha"].value = 0.5
    assert explorer.values["technique"] == "other beta"  # although HI has this beta
    technique.value = "HI"
    beta.value = 1.9
    assert explorer.values["technique"] == "other beta"
    beta.value = 1.5
    assert explorer.values["technique"] == "SI"


def entropy(q):
    return -sum(p * np.log(p) for p in (q, 1 - q) if p > 0)


def test_the_loss_s_numbers_and_curve_are_the_formula_s():
    explorer = explorers.loss()
    alphas, betas, posteriors = explorer.grids().values()
    for alpha, beta, pi in product(alphas[::4], betas[::4], posteriors[::4]):
        text = explorer.readout(alpha=alpha, beta=beta, posterior=pi)
        best = (1 - alpha * beta) * pi + alpha * beta / 2
        expected = [alpha, beta, pi, best, entropy(best), pi, alpha * beta, 1 - alpha * beta / 2]
        assert numbers(text) == pytest.approx(expected, abs=0.0051)
        sides = [
            "neither" if abs(f - 0.5) < 1e-6 else ("fore", "back")[f < 0.5] for f in (best, pi)
        ]
        assert re.findall(r"decision for (neither|fore|back)", text) == sides
    for alpha, beta, pi in ((0.2, 1.0, 1.0), (0.35, 1.5, 0.3), (0.6, 2.0, 0.9)):
        curve = explorer.picture(alpha=alpha, beta=beta, posterior=pi).axes[0]
        off, on, mean, mark = (line.get_xydata() for line in curve.lines[:4])
        f, target = mean[:, 0], (1 - alpha * beta) * pi + alpha * beta / 2
        bce = -target * np.log(f) - (1 - target) * np.log(1 - f)
        np.testing.assert_allclose(mean[:, 1], bce, rtol=1e-5)
        np.testing.assert_allclose(mean[:, 1], (1 - alpha) * off[:, 1] + alpha * on[:, 1])
        np.testing.assert_allclose(mark, [[target, entropy(target)]], atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "dynamics", "step", "weight", "beta"),
    [
        ("calibration", "stable", 0.01, 200, 1.0),
        ("entropy", "release", 0.005, 500, 1.5),
        ("measured_gap", "release", 0.005, 500, 1.5),
    ],
)
def test_the_feedback_s_numbers_are_those_drawn(rule, dynamics, step, weight, beta):
    values = {"rule": rule, "dynamics": dynamics, "step": step, "weight": weight, "beta": beta}
    explorer = explorers.feedback()
    figure, text = explorer.picture(**values), explorer.readout(**values)
    last = figure.axes[2].lines[0].get_ydata()
    low, high = np.quantile(last, [0.1, 0.9])
    bound = figure.axes[0].lines[0].get_ydata()[-1]
    sure, right = (line.get_ydata()[-1] for line in figure.axes[1].lines)
    for part in (
        f"mean alpha is {last.mean():.3f}",
        f"from {low:.3f} to {high:.3f}",
        f"MC's bound is {bound:.3f}",
        f"Confidence {sure:.1f} %, accuracy {right:.1f} %",
        describe_gap((sure - right) / 100, 1),
    ):
        assert part in text
    assert bound == pytest.approx(2 * (1 - right / 100) / beta, abs=1e-6)


def test_words_for_a_gap():
    assert describe_gap(0.0312) == "overconfident by 3.1 points"
    assert describe_gap(-0.0002) == "calibrated on average"
    assert describe_gap(-0.0149, digits=0) == "underconfident by 1 point"
