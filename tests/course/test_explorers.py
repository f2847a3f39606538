"""Every control over its whole grid, without a browser; the readouts' numbers worked out again."""

import re
from html import unescape
from itertools import chain, product
from pathlib import Path

import numpy as np
import pytest
from ipywidgets import BoundedIntText, FloatSlider, IntSlider, ToggleButtons
from matplotlib.figure import Figure
from matplotlib.text import Text

from aslp_lib.course import explorers
from aslp_lib.course.explorers import loop
from aslp_lib.course.explorers.base import rendered, sureness
from aslp_lib.course.explorers.reliability import _sweep_diagram
from aslp_lib.course.figures import canvas
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
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(params=explorers.EXPLORERS)
def explorer(request):
    return explorers.EXPLORERS[request.param]()


def numbers(text):
    """The numbers of a text, in order."""
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]


def source(explorer):
    return re.search(r'src="([^"]+)"', explorer.image.value)[1]


def put_back(explorer, values):
    for name, value in values.items():
        explorer.controls[name].value = value


class TestAny:
    @pytest.mark.slow
    @pytest.mark.timeout(300)  # draws every position of every control
    def test_every_control_moves_picture_or_words_over_its_whole_grid(self, explorer):
        first = explorer.values
        for name, grid in explorer.grids().items():
            assert explorer.values[name] in grid
            seen = set()
            for value in grid:
                explorer.controls[name].value = value
                assert explorer.values[name] == value
                assert explorer.text == explorer.readout(**explorer.values)
                assert explorer.alt == rendered(explorer.picture(**explorer.values))[1]
                assert unescape(explorer.words.value).count(explorer.text) == 1
                seen.add((source(explorer), explorer.text))
            assert len(seen) == len(grid), name
            put_back(explorer, first)

    @pytest.mark.slow
    def test_the_corners_of_all_controls_have_a_picture(self, explorer):
        grids = explorer.grids()
        for corner in product(*({grid[0], grid[-1]} for grid in grids.values())):
            values = dict(zip(grids, corner, strict=True))
            png, alt = rendered(explorer.picture(**values))
            assert png.startswith(b"\x89PNG") and "nan" not in alt
            assert "nan" not in explorer.readout(**values)

    def test_controls_are_labelled_and_reached_by_keyboard(self, explorer):
        labels = [control.description for control in explorer.controls.values()]
        assert all(labels) and len(set(labels)) == len(labels)
        for control in explorer.controls.values():
            assert control.tabbable is not False
            # Lab keeps the arrow keys of drop-down lists; a slider over a list speaks its index.
            assert isinstance(control, ToggleButtons | IntSlider | FloatSlider | BoundedIntText)
            if not isinstance(control, ToggleButtons):
                assert control.tooltip == control.description  # its accessible name

    def test_without_a_kernel_there_is_a_picture_with_its_words(self, explorer):
        data, metadata = explorer._repr_mimebundle_()
        assert data["text/plain"] == f"Explorer. {explorer.text}"
        assert data["image/png"].startswith("iVBORw0KGgo")
        assert metadata["image/png"]["alt"] == explorer.alt
        assert "application/vnd.jupyter.widget-view+json" in data
        assert f'alt="{explorer.alt}"' in unescape(explorer.image.value)
        assert 'aria-live="polite"' in explorer.words.value

    def test_the_same_values_give_the_same_bytes(self, explorer):
        assert rendered(explorer.picture(**explorer.values)) == (explorer.png, explorer.alt)

    def test_its_letters_can_be_read_on_a_projector(self, explorer):
        picture = explorer.picture(**explorer.values)
        if isinstance(picture, Figure):
            written = [text for text in picture.findobj(Text) if text.get_text().strip()]
            assert min(text.get_fontsize() for text in written) >= 9
        else:  # as wide as 900 points of a page, at least
            assert 900 * canvas.LETTERS / picture.image.width >= 9

    @pytest.mark.slow
    def test_a_control_that_is_greyed_out_changes_no_picture_and_any_other_can(self, explorer):
        grids, idle = explorer.grids(), set()
        for name, grid in grids.items():
            for value in grid:
                values = explorer.values | {name: value}
                for other in explorer.idle(**values):
                    ends = (values | {other: end} for end in (grids[other][0], grids[other][-1]))
                    first, last = (rendered(explorer.picture(**each)) for each in ends)
                    assert first == last
                    idle.add(other)
        explorer_idles = {
            "feedback": {"dynamics", "weight"},
            "estimators": {"bins"},
            "level_lab": {"level"},
        }
        (expected,) = [
            explorer_idles.get(key, set())
            for key, make in explorers.EXPLORERS.items()
            if set(make().controls) == set(explorer.controls)
        ]
        assert idle == expected

    def test_what_runs_does_so_when_asked_and_is_not_spoken(self, explorer):
        play = explorer.play
        if play is None:
            return
        assert not play.playing and not play.repeat
        (moved,) = [c for c in explorer.controls.values() if isinstance(c, IntSlider)]
        for name in ("value", "min", "max", "step"):
            assert getattr(play, name) == getattr(moved, name)
        text = explorer.text
        for playing, live in ((True, "off"), (False, "polite")):
            play.playing = playing
            assert f'aria-live="{live}"' in explorer.words.value
            assert unescape(explorer.words.value).count(text) == 1

    def test_the_readout_s_numbers_stand_in_the_sliders_labels(self, explorer):
        for name, label in explorer.shown.items():
            assert float(label.value) == explorer.values[name]


def test_every_explorer_of_the_notebooks_is_in_the_list_and_stands_in_one_of_them():
    sources = [path.read_text() for path in NOTEBOOKS.glob("*.ipynb")]
    called = [re.findall(r"\bexplorers\.(\w+)\(", source) for source in sources]
    assert sorted(chain(*called)) == sorted(explorers.EXPLORERS)


def test_every_readout_of_the_estimators_is_the_library_s():
    explorer = explorers.estimators(COUNTS)
    oracle = {
        "ece": calibration.ece,
        "equal mass": calibration.ece_equal_mass,
        "sweep": lambda counts, bins: calibration.ece_sweep(counts),
        "debiased": calibration.ece_debiased,
        "oe": calibration.oe,
        "mce": calibration.mce,
    }
    for which, estimator, bins in product(*explorer.grids().values()):
        counts = COUNTS[which]
        text = explorer.readout(which=which, estimator=estimator, bins=bins)
        value = re.search(r"(\d+) bins?(?: \((\d+) of them with pixels\))?: (\d+\.\d+) %", text)
        assert float(value[3]) == round(100 * oracle[estimator](counts, bins), 2)
        if estimator != "sweep":
            assert int(value[1]) == bins
        if estimator == "ece":
            p = counts.probabilities
            sure, held = np.maximum(p, 1 - p), counts.pooled.sum(axis=0) > 0
            assert int(value[2] or bins) == len(np.unique(np.ceil(sure[held] * bins - 1e-9)))
        sure, right, gap = numbers(text)[-3:]
        assert sure == round(100 * calibration.confidence(counts), 1)
        assert right == round(100 * calibration.accuracy(counts), 1)
        assert f"{'over' if which == 'sharp' else ''}" in text
        assert gap == round(abs(100 * calibration.gap(counts)), 1)


def test_the_sweep_s_bins_are_those_it_reads():
    for counts in COUNTS.values():
        table = _sweep_diagram(counts, 10)
        bins = len(table.pixels)
        assert calibration.ece_sweep(counts) == pytest.approx(
            calibration.ece_equal_mass(counts, bins)
        )
        assert (np.diff(table.accuracy) >= -1e-12).all()
        finer = calibration.reliability_equal_mass(counts, bins + 1)
        assert (np.diff(finer.accuracy) < 0).any()


@pytest.mark.parametrize("estimator", ["ece", "oe", "mce", "equal mass"])
def test_the_gaps_marked_as_counted_are_those_that_make_the_estimate(estimator):
    explorer = explorers.estimators(COUNTS["sharp"])
    assert "which" not in explorer.controls
    figure = explorer.picture(estimator=estimator, bins=20)
    (counted,) = [c for c in figure.axes[0].collections if c.get_label() == "gap, counted"]
    ends = np.array(counted.get_segments())
    confidence, gap = ends[:, 0, 0], ends[:, 1, 1] - ends[:, 0, 1]
    stems = np.array(figure.axes[1].collections[0].get_segments())
    share = dict(zip(stems[:, 0, 0], stems[:, 1, 1], strict=True))
    weight = np.array([share[x] for x in confidence])
    value = {
        "oe": np.sum(weight * confidence * gap),
        "mce": np.abs(gap).max(),
    }.get(estimator, np.sum(weight * np.abs(gap)))
    found = float(re.search(r"(\d+\.\d+) %", explorer.readout(estimator=estimator, bins=20))[1])
    assert 100 * value == pytest.approx(found, abs=0.006)


def test_every_readout_of_the_perturbation_is_the_formula():
    explorer = explorers.perturbation(MASK)
    grids = explorer.grids()
    for technique, alpha, beta in product(*grids.values()):
        text = explorer.readout(technique=technique, alpha=alpha, beta=beta)
        found = numbers(text)
        if technique == "DM" and beta == 1.0:
            assert "noise up to 0.25" in text
            found.pop(4)
        strength = alpha * beta
        expected = [beta, alpha, beta / 2, 1 - beta / 2, strength / 2, 1 - strength / 2, strength]
        assert found[:7] == pytest.approx(expected, abs=0.0051)
        word = (
            "survives" if strength < 1 - 1e-6 else "is erased" if strength < 1 + 1e-6 else "is inv"
        )
        assert f"the decision {word}" in text
        assert ("label smoothing" in text) == (0 < round(strength, 6) <= 1)


def test_a_technique_brings_its_beta_and_another_beta_is_one_s_own():
    explorer = explorers.perturbation(MASK)
    for name, beta in {"SI": 1.5, "M": 1.0, "DM": 1.0, "HI": 2.0}.items():
        explorer.controls["technique"].value = name
        assert explorer.values["beta"] == beta
    explorer.controls["alpha"].value = 0.5
    assert explorer.values["technique"] == "HI"
    explorer.controls["beta"].value = 1.9
    assert explorer.values["technique"] == "own strength"
    for name, beta in {"HI": 2.0, "SI": 1.5, "M": 1.0}.items():
        explorer.controls["beta"].value = beta
        assert explorer.values["technique"] == name
    explorer.controls["technique"].value = "DM"
    explorer.controls["alpha"].value = 0.2
    assert explorer.values["technique"] == "DM"


def test_the_maps_drawn_are_the_label_s():
    explorer = explorers.perturbation(MASK)
    figure = explorer.picture(technique="SI", alpha=0.4, beta=1.5)
    plain, switched, mean = (axis.images[0].get_array() for axis in figure.axes[:3])
    np.testing.assert_allclose(plain, MASK)
    np.testing.assert_allclose(switched, np.where(MASK, 0.25, 0.75))
    np.testing.assert_allclose(mean, 0.6 * plain + 0.4 * switched, atol=1e-6)
    noisy = explorer.picture(technique="DM", alpha=0.4, beta=1.0).axes[1].images[0].get_array()
    assert noisy.std() > 0.1 and np.abs(noisy - 0.5).max() <= 0.25
    bound = next(line for line in figure.axes[3].lines if line.get_label() == "alpha*beta = 1")
    np.testing.assert_allclose(bound.get_xdata() * bound.get_ydata(), 1)
    point = figure.axes[3].lines[-1]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (0.4, 1.5)


def entropy(q):
    return -sum(p * np.log(p) for p in (q, 1 - q) if p > 0)


def test_every_readout_of_the_loss_is_the_formula():
    explorer = explorers.loss()
    alphas, betas, posteriors = explorer.grids().values()
    for alpha, beta, pi in product(alphas[::2], betas[::2], posteriors[::2]):
        text = explorer.readout(alpha=alpha, beta=beta, posterior=pi)
        best = (1 - alpha * beta) * pi + alpha * beta / 2
        expected = [alpha, beta, pi, best, entropy(best), pi, alpha * beta, 1 - alpha * beta / 2]
        assert numbers(text) == pytest.approx(expected, abs=0.0051)
        sides = [
            "neither" if abs(f - 0.5) < 1e-6 else ("fore", "back")[f < 0.5] for f in (best, pi)
        ]
        assert re.findall(r"decision for (neither|fore|back)", text) == sides


def test_the_loss_drawn_is_bce_on_the_mean_target_and_lowest_where_marked():
    explorer = explorers.loss()
    for alpha, beta, pi in ((0.2, 1.0, 1.0), (0.35, 1.5, 0.3), (0.6, 2.0, 0.9)):
        curve = explorer.picture(alpha=alpha, beta=beta, posterior=pi).axes[0]
        off, on, mean, mark = (line.get_xydata() for line in curve.lines[:4])
        f = mean[:, 0]
        target = (1 - alpha * beta) * pi + alpha * beta / 2
        oracle = -target * np.log(f) - (1 - target) * np.log(1 - f)
        np.testing.assert_allclose(mean[:, 1], oracle, rtol=1e-5)
        np.testing.assert_allclose(mean[:, 1], (1 - alpha) * off[:, 1] + alpha * on[:, 1])
        assert mark[0, 0] == pytest.approx(f[mean[:, 1].argmin()], abs=0.002)
        assert mark[0, 1] == pytest.approx(mean[:, 1].min(), abs=1e-4)


def test_the_readouts_of_the_feedback_are_the_trace_s():
    explorer = explorers.feedback()
    for values in (
        {"rule": "calibration", "dynamics": "release", "step": 0.002, "weight": 2000, "beta": 2.0},
        {"rule": "calibration", "dynamics": "stable", "step": 0.01, "weight": 200, "beta": 1.0},
        {"rule": "entropy", "dynamics": "release", "step": 0.005, "weight": 500, "beta": 1.5},
        {"rule": "measured_gap", "dynamics": "release", "step": 0.005, "weight": 500, "beta": 1.5},
    ):
        figure, text = explorer.picture(**values), explorer.readout(**values)
        last = figure.axes[2].lines[0].get_ydata()
        low, high = np.quantile(last, [0.1, 0.9])
        bound = figure.axes[0].lines[0].get_ydata()[-1]
        sure, right = (line.get_ydata()[-1] for line in figure.axes[1].lines)
        chaos = values["weight"] == 2000  # digits of what rests, and fewer of what does not
        few, more = (0, 2) if chaos else (1, 3)
        mean = loop._trace(**values).alpha[-10:].mean() if chaos else last.mean()
        for part in (
            f"mean level is {mean:.{more}f}",
            f"from {low:.3f} to {high:.3f}"
            if not chaos
            else "which image has a large one is chance",
            f"meet accuracy at {bound:.{more}f}",
            f"Confidence {sure:.{few}f} %, accuracy {right:.{few}f} %",
            sureness((sure - right) / 100, few),
        ):
            assert part in text
        assert bound == pytest.approx(2 * (1 - right / 100) / values["beta"], abs=1e-6)


@pytest.mark.parametrize(
    ("step", "weight", "words", "swings"),
    [
        (0.002, 2000, "= 4.00 is over the limit", (0.08, 1.0)),
        (0.001, 2000, "= 2.00 is at the limit", (0.0, 1.0)),
        (0.002, 500, "= 1.00 is under the limit", (0.0, 0.04)),
    ],
)
def test_the_words_about_the_step_are_true(step, weight, words, swings):
    values = {"rule": "calibration", "dynamics": "release", "beta": 2.0}
    text = explorers.feedback().readout(step=step, weight=weight, **values)
    assert words in text
    alpha = loop._trace("calibration", "release", step, weight, 2.0).alpha[-20:]
    swing = np.abs(np.diff(alpha, axis=0)).mean() / alpha.mean()
    assert swings[0] <= swing <= swings[1]


def test_all_settings_of_the_loop_share_one_scale_of_levels():
    explorer = explorers.feedback()
    for values in ({"beta": 2.0}, {"beta": 0.25}):
        left, _, right = explorer.picture(**explorer.values | values).axes
        for axis in (left, right):
            assert axis.get_ylim() == (0, 1)
            middle = axis.transData.transform([(0, 0.25)])[0, 1]  # a quarter stands half way up
            assert middle == pytest.approx(np.mean(axis.bbox.intervaly))


def test_words_for_a_gap():
    assert sureness(0.0312) == "over-confident by 3.1 points"
    assert sureness(-0.0312) == "under-confident by 3.1 points"
    assert sureness(-0.0002) == "calibrated on average"
    assert sureness(-0.0149, digits=0) == "under-confident by 1 point"
