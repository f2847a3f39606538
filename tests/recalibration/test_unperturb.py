"""Undone perturbations against exact arithmetic, a grid, and networks' methods."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from test_recalibrations import drawn

from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.aslp.theory import minimiser
from aslp_lib.config import Settings
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Temperature, Unperturb, UnperturbTemperature
from aslp_lib.recalibration.unperturb import best_dose, clip_of, undone_classes, undone_logits
from aslp_lib.runs import MethodFolder
from aslp_lib.training.loop import train

DOSES = (1e-6, 0.001, 0.1, 0.24, 0.5, 0.9, 0.999)


@pytest.mark.claim(
    "loss",
    "pi = (f* - alpha beta / 2) / (1 - alpha beta) undoes the perturbation exactly",
    numbers="to 1e-12 in float64, for alpha beta up to 0.999",
)
@pytest.mark.parametrize("classes", [1, 2, 3, 21])
@pytest.mark.parametrize("dose", DOSES)
def test_undoing_the_minimiser_gives_the_posterior(dose, classes):
    clip = min(1e-4, dose / (2 * max(classes, 2)))
    if classes == 1:
        posterior = torch.linspace(clip, 1 - clip, 2001, dtype=torch.float64)
        optimum = minimiser(posterior, 0.5 * dose, HARD_INVERSION)
        undone = undone_logits(optimum.logit(), dose).sigmoid()
    else:
        posterior = (drawn(classes)[0].softmax(1) + 2 * clip) / (1 + 2 * clip * classes)
        optimum = (1 - dose) * posterior + dose / classes
        undone = undone_classes(optimum.log(), dose).exp()
    torch.testing.assert_close(undone, posterior, rtol=0, atol=1e-12 / (1 - dose))


def test_entries_that_no_posterior_explains_are_clipped_as_in_exact_fractions():
    dose, clip, generator = Fraction(3, 10), Fraction(1, 10_000), np.random.default_rng(0)
    for classes in (2, 3, 5):
        for numbers in generator.integers(0, 60, (50, classes)).tolist():
            numbers[0] += 1
            f = [Fraction(n, sum(numbers)) for n in numbers]
            p = [(each - dose / classes) / (1 - dose) for each in f]
            kept = [each for each in p if each >= clip]
            left = (1 - clip * (classes - len(kept))) / sum(kept)
            expected = torch.tensor([float(each * left if each >= clip else clip) for each in p])
            logits = torch.tensor([[float(each) for each in f]], dtype=torch.float64).log()
            undone = undone_classes(logits, float(dose)).exp()[0]
            torch.testing.assert_close(undone, expected.double(), rtol=1e-6, atol=1e-12)
            assert undone.argmax() == int(np.argmax(numbers))


def test_two_channels_are_undone_as_one():
    z = drawn(2, seed=3)[0] * torch.logspace(-3, 1.5, 9, dtype=torch.float64)
    for dose in (0.0, 1e-300, 1e-6, 0.24, 0.9):
        undone = undone_classes(z, dose)
        expected = undone_logits(z[:, 1] - z[:, 0], dose)
        torch.testing.assert_close(undone[:, 1] - undone[:, 0], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dose", [0.0, 5e-324, 1e-300, 1e-40, 1e-6, 0.24, 0.999])
def test_undoing_in_single_precision_is_accurate_and_differentiable(dose):
    """Also where probabilities underflow, which are far above a dose of 1e-300."""
    z = torch.tensor([[0.0, -3.0, -200.0], [300.0, 1.0, 1.0], [1e38, -3e38, 0.0]])
    found = undone_classes(z.requires_grad_(), dose)
    expected = undone_classes(z.double(), dose)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
    assert found.isfinite().all()
    (gradient,) = torch.autograd.grad(found.sum(), z)
    assert gradient.isfinite().all()


@pytest.mark.fault
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("dose", [0.0, 5e-324, 1e-300, 1e-40, 1e-20, *DOSES])
def test_every_logit_has_a_finite_result_of_its_sign_and_a_finite_gradient(dose, dtype):
    largest = torch.finfo(dtype).max
    z = torch.tensor([-largest, -50, -1e-3, -1e-7, 0, 1e-7, 1e-3, 50, largest], dtype=dtype)
    for change in (Unperturb(dose), UnperturbTemperature(dose, 2.0)):
        undone = change(z.requires_grad_())
        assert undone.dtype == dtype and undone.isfinite().all()
        assert torch.equal(undone.sign(), z.sign())
        torch.testing.assert_close(undone, -change(-z))
        assert torch.autograd.grad(undone.sum(), z)[0].isfinite().all()


def test_no_dose_changes_nothing():
    z = torch.tensor([-800.0, 0.0, 3.0], dtype=torch.float64)
    assert torch.equal(Unperturb()(z), z)
    assert torch.equal(UnperturbTemperature(0.0, 2.0)(z), Temperature(2.0)(z))


def perturbed(dose, temperature=1.0, pixels=100_000):
    """Logits of a network that has learned labels with this dose, and labels."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, pixels)
    labels = rng.random(pixels) < expit(z)
    f = (1 - dose) * expit(temperature * z) + dose / 2
    return Counts.from_floats(logit(f)[None], labels[None].astype(int), logits=True)


def profile(dose, share, margins):
    """NLL with a dose and the best temperature, by another minimiser."""
    limit = 1 - 2 * clip_of(dose)
    undone = 2 * np.arctanh((np.tanh(margins / 2) / (1 - dose)).clip(-limit, limit))
    return minimize_scalar(
        lambda log: share @ np.logaddexp(0, -undone / np.exp(log)),
        bounds=np.log([0.01, 100]),
        method="bounded",
    ).fun


@pytest.mark.claim("loss", "A temperature cannot undo a perturbation, because it acts on the logit")
def test_a_temperature_alone_cannot_undo_a_perturbation():
    counts = perturbed(0.3)
    exact = calibration.nll(Unperturb(0.3).apply_counts(counts))
    fitted = calibration.nll(UnperturbTemperature().fit(counts).apply_counts(counts))
    scaled = calibration.nll(Temperature().fit(counts).apply_counts(counts))
    assert fitted <= exact < scaled - 0.005
    assert UnperturbTemperature().fit(perturbed(0.1, 1.5)).dose == pytest.approx(0.1, abs=0.01)


def test_without_a_perturbation_it_is_temperature_scaling():
    counts = perturbed(0.0, 2.0)
    fitted = UnperturbTemperature().fit(counts)
    temperature = Temperature().fit(counts).value.item()
    assert fitted.dose == 0 and fitted.value.item() == pytest.approx(temperature, rel=1e-9)


@pytest.mark.parametrize(
    ("method", "options", "dose"),
    [
        ("bce", {}, 0.0),
        ("constant_alpha", {"alpha": 0.12}, 0.24),
        ("constant_alpha", {"alpha": 0.3, "technique": "M"}, 0.3),
        ("constant_alpha", {"alpha": 0.12, "forward_correction": True}, 0.0),
        ("label_smoothing", {"epsilon": 0.1}, 0.1),
        ("disturb_label", {"rate": 0.2}, 0.2),
    ],
)
def test_the_dose_of_a_method_follows_from_its_settings(method, options, dose):
    settings = Settings(recalibrate=("auto",)).tuned(**({method: options} if options else {}))
    trained = settings.method(method, images=3)
    assert trained.dose.item() == pytest.approx(dose)
    suited = "unperturb" if dose else "temperature_scaling"
    assert settings.recalibrations(method) == (suited,)


@pytest.mark.parametrize("names", [{}, {0: "-1", 4: "+a", 5: "'=b"}], ids=["usual", "formulas"])
def test_the_dose_of_aslp_is_the_mean_of_its_alphas(tmp_path, names):
    """Also if a table writes names of images otherwise, as a spreadsheet would compute them."""
    settings = Settings(device="cpu", limit=6, size=16, epochs=3, recalibrate=("auto",))
    settings = settings.tuned(aslp={"technique": "SI", "alpha_warm_up": 0, "alpha_step_size": 0.1})
    folder, data = MethodFolder(tmp_path), settings.load_data()
    data.train.stems[:] = [names.get(i, stem) for i, stem in enumerate(data.train.stems)]
    for _ in range(2):  # the second one finds the finished training
        state = train(settings, data, "aslp_me", folder, progress=False)
    doses = 1.5 * state.method.per_image()["alpha"].double()
    undone = Unperturb.load(folder.recalibration("unperturb"))
    assert doses.std() > 0
    assert undone.dose.item() == pytest.approx(doses.mean().item(), rel=1e-5)
    assert undone.deviation.item() == pytest.approx(doses.std(correction=0).item(), rel=1e-4)
    assert "the mean of the training images" in undone.describe()


@pytest.mark.parametrize("seed", range(8))
def test_no_dose_of_a_grid_is_better_than_the_fit(seed):
    """Seed 3 is an underconfident network with wrong labels, whose best dose is the largest."""
    rng = np.random.default_rng(seed)
    dose, factor, deviation = rng.uniform(0, 0.7), np.exp(rng.normal(0, 0.7)), rng.uniform(1, 6)
    pixels = np.random.default_rng(seed)
    posterior = pixels.normal(-1, deviation, 20_000)
    labels = pixels.random(20_000) < expit(posterior)
    labels ^= (rng.random(20_000) < 0.05) & (seed % 3 == 0)
    z = logit((1 - dose) * expit(factor * posterior) + dose / 2) * (3 if seed % 4 == 1 else 1)
    margins, share = np.where(labels, z, -z), np.full(20_000, 1 / 20_000)
    found, _, nll = best_dose(share, margins)
    assert nll == pytest.approx(profile(found, share, margins), abs=1e-7)
    assert nll <= min(profile(d, share, margins) for d in np.geomspace(1e-4, 0.9, 40)) + 1e-5


def test_the_summary_says_where_doses_differ():
    assert Unperturb(0.3).summary() == "d = 0.300, not fitted"
    assert Unperturb(0.3, 1.0).summary().endswith("whose standard deviation is 1.000")
