"""CLAIMS.md, made from one table: each claim with its code, test, notebook and number.

    python tests/claims.py        # write it again, after a record, a name or this table has changed

`test_claims.py` holds the page to the table, and the table to code, tests and notebooks: a
function, test or section that is renamed must be renamed here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path

import measured as m
from measured import Measured

from aslp_lib.aslp import theory
from aslp_lib.course.teaching.lessons import lessons

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CLAIMS.md"
SMALL = "reproduced at small scale"
MEANINGS: dict[str, str] = {
    "reproduced": "the code computes it, and the test shows it",
    SMALL: "it holds here, on the embedded data or on 2,000 photographs of 128 pixels",
    "contradicted": "it does not hold here",
    "not settled": "the 95 % interval over seeds leaves it open",
    "recorded elsewhere": "numbers of the authors, not computed here",
    "not attempted": "needs data, a GPU or numbers that are not here",
}


@dataclass(frozen=True)
class Claim:
    """A line of the page.

    Args:
        what: the claim, as a sentence that may be true or false.
        code: dotted path of what computes it.
        test: file::name, under tests/.
        cell: a notebook and a heading in it.
        status: where it holds. Where `measured` finds that it does not, or does not settle it, the
            page says so instead.
        measured: the numbers; None where there are none yet, which is "not attempted".
    """

    what: str
    code: str | None
    test: str | None
    cell: tuple[str, str] | None
    status: str = "reproduced"
    measured: Callable[[], Measured | None] | None = None


def found(claim: Claim) -> tuple[str, str]:
    """A claim's status and numbers, as the records are."""
    if claim.measured is None:
        return claim.status, ""
    numbers = claim.measured()
    if numbers is None:
        return "not attempted", ""
    status = {True: claim.status, False: "contradicted", None: "not settled"}[numbers.holds]
    return status, numbers.text


PERTURBATION = "aslp_lib.aslp.perturbation"
LOSS = "aslp_lib.aslp.loss.sc_bce_with_logits"
THEORY = "aslp_lib.aslp.theory"
ALPHAS = "aslp_lib.aslp.alphas"
RULES = "aslp_lib.aslp.rules"
CALIBRATION = "aslp_lib.metrics.calibration"
PERTURBATION_TEST, LOSS_TEST = "aslp/test_perturbation.py", "aslp/test_loss.py"
ALPHAS_TEST, CALIBRATION_TEST = "aslp/test_alphas.py", "metrics/test_calibration.py"
PROPERTIES, SIMULATION = "properties/test_aslp.py", "course/test_simulation.py"
RECORDS = "test_project.py::test_the_tables_of_the_benchmarks_are_those_of_the_records"
NB01, NB02, NB03 = "01_confidence_and_calibration", "02_label_perturbation", "03_sc_bce"
NB04, NB05, NB06 = "04_adaptive_alpha", "05_training_aslp", "06_evaluating_calibration"
NB07, NB08, NB09 = "07_cheaper_cures", "08_your_own_data", "09_reading_the_release"
MC, ME, GAP = "ASLP (MC)", "ASLP (ME)", "ASLP (measured gap)"
DTD = "DTD_Texture_500"

THERE = "On real images"
PRESETS = {"demo": "", "small": "Photographs: "}
"""What the comparison was made with, and what its claims begin with."""


def moves(
    what: str,
    code: str,
    heading: str,
    part: str,
    *,
    before: partial[list[dict]],
    after: partial[list[dict]],
    preset: str = "demo",
    score: str = "ece",
    change: Callable[..., Measured] = m.falls,
) -> Claim:
    """A claim on the comparison, shown in notebook 07: how a score of a set differs between two
    ways to train and recalibrate."""
    own = (way(part, preset=preset) for way in (before, after))
    measured = partial(change, *own, score)
    sentence = f"{PRESETS[preset]}{what}"
    return Claim(
        sentence[0].upper() + sentence[1:], code, RECORDS, (NB07, heading), SMALL, measured
    )


def with_a_temperature(preset: str, part: str, heading: str) -> list[Claim]:
    """What MC adds to BCE, and noise to its mean, all with a temperature."""
    own = partial(partial, recalibration="temperature")
    pairs = (
        (
            "MC adds to a temperature on {}: {} is less than BCE's, both with one",
            f"{RULES}.Calibration",
            own(m.compared, "bce"),
            own(m.compared, "calibration"),
        ),
        (
            "drawn labels do more than smoothed ones of the same mean on {}: {}, both with a "
            "temperature",
            "aslp_lib.methods.fixed_level.FixedLevel",
            own(m.smoothed),
            own(m.compared, "fixed_level"),
        ),
    )
    scores = {"ece": "ECE", "nll": "NLL", "brier": "Brier's score"}
    return [
        moves(
            what.format(part, title),
            code,
            heading,
            part,
            before=before,
            after=after,
            preset=preset,
            score=score,
        )
        for what, code, before, after in pairs
        for score, title in scores.items()
    ]


BCE = partial(m.compared, "bce")
BCE_COOLED = partial(BCE, recalibration="temperature")
BCE_BY_IMAGE = partial(BCE, recalibration="per_image_temperature")

GROUPS: dict[str, Sequence[Claim]] = {
    "The paper's equations: perturbed labels": (
        Claim(
            "One family of labels, p(y, beta) = (1 - beta) y + beta/2",
            f"{PERTURBATION}.perturb",
            f"{PERTURBATION_TEST}::test_perturbed_labels_of_the_paper",
            (NB02, "One formula"),
            measured=m.labels,
        ),
        Claim(
            "Four techniques: HI, SI, M, DM, of strengths beta",
            f"{PERTURBATION}.TECHNIQUES",
            f"{PERTURBATION_TEST}::test_the_techniques_by_name",
            (NB02, "One formula"),
            measured=m.strengths,
        ),
        Claim(
            "DM adds noise to each pixel, truncated",
            f"{PERTURBATION}.pixel_noise",
            f"{PERTURBATION_TEST}::test_dynamic_moderation_stays_within_a_quarter_and_varies_by_pixel",
            (NB02, "The noise of DM"),
            measured=m.noise,
        ),
        Claim(
            "One switch Z ~ Bernoulli(alpha_i) for each image, not for each pixel",
            f"{PERTURBATION}.sampled_targets",
            f"{PERTURBATION_TEST}::test_one_switch_per_image",
            (NB02, "One switch for each image"),
        ),
        Claim(
            "The expected label is (1 - alpha beta) y + alpha beta / 2",
            f"{PERTURBATION}.expected_targets",
            f"{PERTURBATION_TEST}::test_sampled_targets_have_the_stated_mean_and_variance",
            (NB02, "The sampled label and the expected label"),
        ),
        Claim(
            "Label smoothing is a member: alpha = 1, beta = epsilon",
            f"{PERTURBATION}.label_smoothing",
            f"{PERTURBATION_TEST}::test_label_smoothing_is_a_point_of_the_plane",
            (NB02, "The plane"),
        ),
        Claim(
            "DisturbLabel is a member: HI at half its rate has its expected label",
            f"{PERTURBATION}.disturb_label",
            f"{PERTURBATION_TEST}::test_disturb_label_has_the_expected_label_of_hard_inversion_at_half_the_rate",
            (NB02, "Exercise: DisturbLabel in the plane"),
        ),
        Claim(
            "Decisions are unchanged while alpha < 1/beta",
            f"{PERTURBATION}.Technique.alpha_limit",
            f"{PROPERTIES}::test_the_minimiser_rises_with_the_posterior_and_keeps_its_decision",
            (NB02, "When does the label still say what it said?"),
            measured=m.limits,
        ),
    ),
    "The paper's equations: SC-BCE": (
        Claim(
            "L = (1 - Z) BCE(f, y) + Z BCE(f, p(y, beta))",
            LOSS,
            f"{LOSS_TEST}::test_the_definition_term_by_term",
            (NB03, "The loss"),
        ),
        Claim(
            "At alpha = 0 it is BCE",
            LOSS,
            f"{LOSS_TEST}::test_alpha_zero_is_binary_cross_entropy",
            (NB03, "The loss"),
        ),
        Claim(
            "Its mean over Z is BCE with the expected label",
            LOSS,
            f"{LOSS_TEST}::test_the_expected_loss_is_the_mean_of_the_sampled_one",
            (NB03, "Step 2: the mean over the switch"),
        ),
        Claim(
            "Equal alpha beta, equal expected loss",
            LOSS,
            f"{LOSS_TEST}::test_equal_alpha_beta_means_equal_expected_loss",
            (NB02, "Same mean, other draws"),
        ),
        Claim(
            "Its minimiser on a noiseless pixel is 1 - alpha beta / 2",
            f"{THEORY}.minimiser",
            f"{LOSS_TEST}::test_gradient_descent_finds_the_stated_minimiser_and_floor",
            (NB03, "Step 3: where the loss is least"),
            measured=partial(m.at, partial(theory.minimiser, 1.0), "f* ="),
        ),
        Claim(
            "The expected confidence of the target is 1 - alpha beta / 2",
            f"{THEORY}.expected_confidence",
            f"{PERTURBATION_TEST}::test_expected_confidence",
            (NB03, "Step 4: how sure, and at what loss"),
            measured=partial(m.at, theory.expected_confidence, "confidence"),
        ),
        Claim(
            "The least loss is the binary entropy of alpha beta / 2",
            f"{THEORY}.loss_floor",
            f"{PROPERTIES}::test_no_logits_do_better_than_the_floor",
            (NB03, "Step 4: how sure, and at what loss"),
            measured=partial(m.at, theory.loss_floor, "nats:"),
        ),
        Claim(
            "The gradient's variance is alpha (1 - alpha) (beta (y - 1/2))^2",
            f"{THEORY}.target_variance",
            f"{PERTURBATION_TEST}::test_sampled_targets_have_the_stated_mean_and_variance",
            (NB03, "Step 5: the gradient and its noise"),
            measured=partial(m.at, theory.target_variance, "M:"),
        ),
        Claim(
            "Of an ambiguous pixel the minimiser is (1 - alpha beta) pi + alpha beta / 2",
            f"{THEORY}.minimiser",
            f"{PROPERTIES}::test_the_minimiser_rises_with_the_posterior_and_keeps_its_decision",
            (NB03, "Step 8: a pixel that is ambiguous by itself"),
            measured=m.ambiguous,
        ),
        Claim(
            "If accuracy is all that is known, maximum entropy has it as every pixel's confidence",
            f"{THEORY}.loss_floor",
            "course/test_lessons.py::TestDerivation::test_each_step_is_asked_then_unfolded_then_checked",
            (NB03, "Step 6: maximum entropy"),
        ),
    ),
    "The paper's equations: adaptive levels": (
        Claim(
            "The gradient in alpha is beta mean[(y - 1/2) z]",
            f"{ALPHAS}.alpha_gradient",
            f"{ALPHAS_TEST}::test_gradient_is_the_difference_of_the_two_losses",
            (NB03, "Step 7: the gradient in alpha"),
        ),
        Claim(
            "alpha_i <- clip(alpha_i + eta (grad_i + lambda R_i), 0, 1/beta)",
            f"{ALPHAS}.AdaptiveAlpha.update",
            f"{PROPERTIES}::test_levels_are_those_of_plain_numbers",
            (NB04, "The gradient in alpha"),
        ),
        Claim(
            "MC: R_i = min((1 - beta alpha_i / 2) - A, 0)",
            f"{RULES}.Calibration",
            f"{ALPHAS_TEST}::test_calibration_rests_a_little_beyond_the_bound",
            (NB04, "Ascent needs a brake"),
        ),
        Claim(
            "ME: R_i = min(A - A_landmark, 0), the landmark read as the best accuracy so far",
            f"{RULES}.Entropy",
            f"{ALPHAS_TEST}::test_entropy_gives_way_when_accuracy_falls",
            (NB04, "Ascent needs a brake"),
        ),
        Claim(
            "Levels start at 0 and wait for 5 epochs",
            f"{ALPHAS}.AdaptiveAlpha",
            f"{ALPHAS_TEST}::test_alphas_wait_for_the_warm_up",
            (NB04, "The loop, simulated"),
        ),
    ),
    "The paper's network, training and scores": (
        Claim(
            "ResNet-50 with four fusion blocks at 384 x 384",
            "aslp_lib.networks.resnet.ResNetFusion",
            "networks/test_official.py::test_parameters_and_work_are_those_of_the_paper_s_network",
            (NB05, "What it costs"),
            measured=m.network_size,
        ),
        Claim(
            "A checkpoint of the authors gives their logits",
            "aslp_lib.networks.official.load_official",
            "networks/test_official.py::test_an_official_checkpoint_gives_the_release_s_logits",
            (NB05, "From here to the paper"),
        ),
        Claim(
            "DUTS-TR is split into training and validation",
            "aslp_lib.data.folders.paper_layout",
            "data/test_folders.py::test_the_split_is_the_release_s_share_and_always_the_same",
            (NB05, "From here to the paper"),
            measured=m.split,
        ),
        Claim(
            "ECE over 10 bins of equal width",
            f"{CALIBRATION}.ece",
            f"{CALIBRATION_TEST}::test_ece_equals_torchmetrics_on_the_same_definition",
            (NB01, "Exercise: ECE by hand"),
        ),
        Claim(
            "OE, the over-confidence error",
            f"{CALIBRATION}.oe",
            f"{CALIBRATION_TEST}::test_ece_and_oe_equal_a_loop_over_pixels",
            (NB01, "Exercise: one bin's over-confidence error"),
        ),
        Claim(
            "MAE, F, E and S of saliency",
            "aslp_lib.metrics.saliency.f_curves",
            "metrics/test_saliency.py::test_agreement_with_pysodmetrics",
            (NB06, "Calibration beside detection"),
        ),
        Claim(
            "500 textures of DTD, all background, as an out-of-distribution set",
            "aslp_lib.data.textures.prepare_textures",
            "data/test_textures.py::test_images_are_copied_and_masks_are_one_channel_of_zeros",
            (NB01, "A texture without an object"),
        ),
    ),
    "The paper's tables": (
        Claim(
            "ECE and OE on six saliency sets, trained on DUTS-TR (the tables are not here)",
            "aslp_lib.cli.run.Train",
            "cli/test_paper.py::test_the_paper_s_presets_run_from_end_to_end",
            (NB05, "From here to the paper"),
            "not attempted",
        ),
        Claim(
            "The same on the textures of DTD",
            "aslp_lib.cli.run.Train",
            "cli/test_run.py::test_one_command_does_everything_on_the_paper_s_layout",
            (NB06, "The paper says otherwise"),
            "not attempted",
        ),
        Claim(
            "Detection scores of the authors' variant ASLP_MC_3 on six sets",
            None,
            None,
            (NB06, "What the authors recorded"),
            "recorded elsewhere",
            m.recorded_by_the_authors,
        ),
    ),
    "The paper's claims, embedded data": (
        *(
            Claim(
                f"MC lowers the calibration error {where}",
                f"{RULES}.Calibration",
                RECORDS,
                (NB06, "In distribution, shifted, without an object"),
                SMALL,
                partial(m.falls, m.embedded("bce", part), m.embedded("calibration", part), "ece"),
            )
            for where, part in (
                ("in distribution (test)", "test"),
                ("where annotators agree less (shifted)", "shifted"),
                ("out of distribution (textures)", "textures"),
            )
        ),
        *(
            Claim(
                f"MC lowers over-confidence {where}",
                f"{RULES}.Calibration",
                RECORDS,
                (NB06, "In distribution, shifted, without an object"),
                SMALL,
                partial(m.falls, m.embedded("bce", part), m.embedded("calibration", part), "oe"),
            )
            for where, part in (("on test", "test"), ("on textures", "textures"))
        ),
        Claim(
            "MC keeps accuracy, to within a point",
            f"{RULES}.Calibration",
            RECORDS,
            (NB06, "In distribution, shifted, without an object"),
            SMALL,
            partial(
                m.stays, m.embedded("bce", "test"), m.embedded("calibration", "test"), "accuracy"
            ),
        ),
        Claim(
            "ME keeps accuracy, to within a point",
            f"{RULES}.Entropy",
            RECORDS,
            (NB04, "Accuracy that does not come back"),
            SMALL,
            partial(m.stays, m.embedded("bce", "test"), m.embedded("entropy", "test"), "accuracy"),
        ),
        Claim(
            "ME lowers the calibration error",
            f"{RULES}.Entropy",
            RECORDS,
            (NB04, "Accuracy that does not come back"),
            SMALL,
            partial(m.falls, m.embedded("bce", "test"), m.embedded("entropy", "test"), "ece"),
        ),
    ),
    "The paper's claims, photographs": (
        *(
            Claim(
                f"{rule} lowers the calibration error {where}",
                f"{RULES}.{code}",
                RECORDS,
                (NB06, "On real images"),
                SMALL,
                partial(m.falls, m.real("BCE", part), m.real(rule, part), "ece"),
            )
            for rule, code in ((MC, "Calibration"), (ME, "Entropy"))
            for where, part in (
                ("in distribution (validation)", "validation"),
                ("on SOD", "SOD"),
                ("on textures", DTD),
            )
        ),
        *(
            Claim(
                f"{rule} lowers over-confidence on SOD",
                f"{RULES}.{code}",
                RECORDS,
                (NB06, "On real images"),
                SMALL,
                partial(m.falls, m.real("BCE", "SOD"), m.real(rule, "SOD"), "oe"),
            )
            for rule, code in ((MC, "Calibration"), (ME, "Entropy"))
        ),
        *(
            Claim(
                f"{rule} keeps accuracy {where}, to within a point",
                f"{RULES}.{code}",
                RECORDS,
                (NB06, "On real images"),
                SMALL,
                partial(m.stays, m.real("BCE", part), m.real(rule, part), "accuracy"),
            )
            for rule, code in ((MC, "Calibration"), (ME, "Entropy"))
            for where, part in (("on validation", "validation"), ("on SOD", "SOD"))
        ),
        Claim(
            "Levels differ between images, and surer images have larger ones (10 epochs)",
            f"{ALPHAS}.AdaptiveAlpha",
            "training/test_loop.py::test_an_alpha_follows_its_own_image",
            (NB04, "Ten epochs: not chance yet"),
            SMALL,
            m.levels_of_images,
        ),
        Claim(
            "The same of levels that have rested at the bound, with the release's step",
            f"{ALPHAS}.AdaptiveAlpha",
            f"{SIMULATION}::test_which_images_get_a_large_alpha_is_decided_by_the_step",
            (NB04, "Which images get a large alpha?"),
            SMALL,
            partial(m.step_at_rest, "release"),
        ),
    ),
    "The authors' code": (
        Claim(
            "Preset `release` trains as the authors' code, in float64: targets to weights",
            "aslp_lib.config.PRESETS",
            "training/test_release.py::test_the_algorithm_of_the_release_is_the_authors",
            (NB09, "First, what is right"),
        ),
        Claim(
            "Perturbed labels at its default are probabilities",
            f"{PERTURBATION}.RELEASE",
            f"{LOSS_TEST}::test_the_release_s_targets_have_no_lower_bound",
            (NB09, "1. Beta counts double"),
            measured=m.release_targets,
        ),
        Claim(
            "Its gradient in alpha is the figure's",
            f"{ALPHAS}.release_gradient",
            f"{ALPHAS_TEST}::test_the_release_s_gradient_is_that_of_clamped_probabilities_divided_by_its_beta",
            (NB09, "2. A quotient in a product's place"),
            measured=m.release_quotient,
        ),
        Claim(
            "Its step settles",
            f"{ALPHAS}.AdaptiveAlpha",
            f"{SIMULATION}::test_the_release_s_gain_of_4_saw_tooths_and_the_stable_step_does_not",
            (NB09, "3. A step that is too long"),
            "contradicted",
        ),
        Claim(
            "Its learning rate is the documented one",
            "aslp_lib.training.optimization.schedule",
            "training/test_optimization.py::test_the_release_s_schedule_compounds",
            (NB09, "4. A schedule that compounds"),
            measured=m.last_rate,
        ),
        Claim(
            "Its stretched maps leave calibration as it was",
            "aslp_lib.prediction.maps.ReadOptions",
            "evaluation/test_scores.py::test_maps_stretched_as_the_release_did",
            (NB09, "6. Maps that are stretched before they are measured"),
            "contradicted",
        ),
        Claim(
            "Its bins of equal mass count each pixel once",
            "aslp_lib.course.models.release.release_spans",
            "course/test_reading_the_release.py::test_equal_mass_counts_each_pixel_once_and_says_otherwise",
            (NB09, "7. Bins that count twice"),
            "contradicted",
        ),
        Claim(
            "Its accuracy is the share of pixels that are right, grey masks too",
            "aslp_lib.training.validation.validate",
            "training/test_validation.py::test_the_images_own_size_and_grey_pixels_make_a_difference",
            (NB09, "8. Grey pixels, and files that are skipped"),
            "contradicted",
        ),
    ),
    "This project's: the levels": (
        Claim(
            "A proximal step rests where the paper's does, at any strength, without a saw-tooth",
            f"{ALPHAS}.AdaptiveAlpha",
            f"{ALPHAS_TEST}::test_the_stable_step_is_the_implicit_solution",
            (NB04, "The step: when does the loop settle?"),
        ),
        Claim(
            "MC fits nothing afterwards, but needs held-out images: only they hold its levels",
            f"{ALPHAS}.AdaptiveAlpha.observe",
            f"{ALPHAS_TEST}::test_before_any_validation_only_the_measured_gap_holds",
            (NB04, "Ascent needs a brake"),
        ),
        Claim(
            "With it levels at rest still follow the margins",
            f"{ALPHAS}.AdaptiveAlpha",
            f"{SIMULATION}::test_which_images_get_a_large_alpha_is_decided_by_the_step",
            (NB04, "Which images get a large alpha?"),
            measured=partial(m.step_at_rest, "stable"),
        ),
        Claim(
            "A soft constraint leaves alpha beyond its bound by 2 grad / (beta lambda)",
            "aslp_lib.course.models.simulation.simulate",
            f"{SIMULATION}::test_at_rest_a_level_is_beyond_the_bound_by_its_gradient_over_lambda",
            (NB04, "What holds the levels apart: the bias of a soft constraint"),
        ),
        Claim(
            "The measured-gap rule lowers the calibration error in distribution (test)",
            f"{RULES}.MeasuredGap",
            RECORDS,
            (NB04, "Real trainings"),
            SMALL,
            partial(m.falls, m.embedded("bce", "test"), m.embedded("measured_gap", "test"), "ece"),
        ),
        Claim(
            "It does so more than MC",
            f"{RULES}.MeasuredGap",
            RECORDS,
            (NB04, "Real trainings"),
            SMALL,
            partial(
                m.falls,
                m.embedded("calibration", "test"),
                m.embedded("measured_gap", "test"),
                "ece",
            ),
        ),
        Claim(
            "It leaves SOD, of which validation shows nothing, as it was, to within a point",
            f"{RULES}.MeasuredGap",
            RECORDS,
            (NB04, "Other images: what the measured gap does not see"),
            SMALL,
            partial(m.stays, m.real("BCE", "SOD"), m.real(GAP, "SOD"), "oe"),
        ),
        Claim(
            "ME's levels end at 0 where the network memorises",
            f"{RULES}.Entropy",
            RECORDS,
            (NB04, "Accuracy that does not come back"),
            SMALL,
            m.entropy_ends_at_zero,
        ),
        Claim(
            "With more than two classes, two are the library's case",
            "aslp_lib.course.models.classes.class_targets",
            "course/test_classes.py::test_two_classes_are_the_library_s",
            (NB08, "More than two classes"),
        ),
    ),
    "This project's: cheaper cures, embedded data": (
        *(
            moves(
                f"One temperature lowers BCE's calibration error on {part}",
                "aslp_lib.recalibration.temperature.Temperature",
                "A temperature",
                part,
                before=BCE,
                after=BCE_COOLED,
            )
            for part in ("test", "textures")
        ),
        *with_a_temperature("demo", "test", "What is left once all have a temperature"),
        moves(
            "Early stopping lowers the calibration error",
            "aslp_lib.methods.kept_weights.EarlyStopping",
            "Stop early",
            "test",
            before=BCE,
            after=partial(m.compared, "early_stopping"),
        ),
        *(
            Claim(
                f"{sentence} on {data}",
                "aslp_lib.course.models.letters.contrasts",
                "course/test_letters.py::test_an_interval_and_a_verdict_are_those_of_the_differences",
                (NB07, "What is left once all have a temperature"),
                SMALL,
                partial(m.contributes, letter, preset, sets),
            )
            for data, preset, sets in (
                ("synthetic data", "demo", ("test", "shifted")),
                ("photographs", "small", ("validation", "SOD")),
            )
            for letter, sentence in (
                ("S", "The switch lowers NLL beyond its expected targets"),
                ("A", "MC lowers NLL beyond a constant alpha of matched strength"),
            )
        ),
        Claim(
            "NLL ranks networks by their posterior error better than ECE does",
            "aslp_lib.experiments.seed_statistics.rank_correlation_with_posterior_error",
            "experiments/test_seed_statistics.py::test_rank_correlation_counts_pairs_in_the_same_order",
            (NB07, "Which score to believe"),
            SMALL,
            m.ranks,
        ),
    ),
    "This project's: cheaper cures, photographs": (
        *(
            moves(
                f"{what} lowers BCE's calibration error on {part}",
                code,
                THERE,
                part,
                before=BCE,
                after=after,
                preset="small",
            )
            for what, code, after in (
                (
                    "one temperature",
                    "aslp_lib.recalibration.temperature.Temperature",
                    BCE_COOLED,
                ),
                (
                    "early stopping",
                    "aslp_lib.methods.kept_weights.EarlyStopping",
                    partial(m.compared, "early_stopping"),
                ),
                (
                    "training on degraded views",
                    "aslp_lib.methods.degraded_views.DegradedViews",
                    partial(m.compared, "degraded_views"),
                ),
            )
            for part in ("validation", "SOD")
        ),
        *with_a_temperature("small", "validation", THERE),
        *with_a_temperature("small", "SOD", THERE),
    ),
    "This project's: a level for each test image": (
        Claim(
            "It changes no decision",
            "aslp_lib.recalibration.per_image.PerImageLevel",
            "recalibration/test_per_image.py::test_no_decision_changes_however_large_a_logit",
            (NB07, "A level for each test image"),
        ),
        *(
            moves(
                what,
                "aslp_lib.recalibration.per_image.PerImageTemperature",
                "A level for each test image" if preset == "demo" else THERE,
                part,
                before=BCE,
                after=BCE_BY_IMAGE,
                preset=preset,
                change=change,
            )
            for what, preset, part, change in (
                (
                    "Embedded data: it lowers the error under shift (shifted)",
                    "demo",
                    "shifted",
                    m.falls,
                ),
                ("it lowers the error on SOD", "small", "SOD", m.falls),
                ("it leaves validation, to within a point", "small", "validation", m.stays),
                ("it costs nothing on textures", "small", DTD, m.keeps_to),
            )
        ),
    ),
    "This project's: how scores are measured": (
        Claim(
            "A histogram of 256 grey levels holds every score exactly",
            "aslp_lib.metrics.counts.Counts",
            "properties/test_metrics.py::test_binned_errors_are_those_of_exact_fractions",
            (NB06, "One histogram holds it all"),
        ),
        Claim(
            "Plain ECE of a calibrated forecast is above 0, and halves where pixels grow fourfold",
            "aslp_lib.course.models.estimator_bias.bias_study",
            "course/test_studies.py::test_plain_ece_of_a_calibrated_forecast_halves_where_the_sample_grows_fourfold",
            (NB06, "A number from a finite sample"),
        ),
        Claim(
            "The debiased squared error of a calibrated forecast centres on 0",
            f"{CALIBRATION}.squared_error_debiased",
            f"{CALIBRATION_TEST}::test_debiasing_centres_a_calibrated_forecast_on_zero_where_ece_stays_above",
            (NB06, "A number from a finite sample"),
        ),
        Claim(
            "Intervals over images cover the truth, those over pixels do not",
            "aslp_lib.metrics.bootstrap.interval",
            "metrics/test_bootstrap.py::test_intervals_over_images_cover_the_truth_and_those_over_pixels_do_not",
            (NB06, "Pixels are not independent, images are"),
        ),
        Claim(
            "The error against a known posterior splits into calibration and grouping",
            "aslp_lib.metrics.truth.against_posterior",
            "properties/test_metrics.py::test_the_error_against_the_posterior_splits",
            (NB06, "What no calibration score can see"),
        ),
    ),
    "This project's: what runs can be relied on for": (
        Claim(
            "A stopped run goes on to the same weights, bit for bit on a CPU",
            "aslp_lib.training.checkpoints.restore",
            "training/test_resume.py::test_a_stopped_run_goes_on_to_the_same_weights",
            (NB05, "From the command line"),
        ),
        Claim(
            "So does one that was killed while it wrote a checkpoint",
            "aslp_lib.files.write",
            "training/test_resume.py::test_a_stopped_run_goes_on_to_the_same_weights",
            (NB05, "From the command line"),
        ),
        Claim(
            "Two processes end as one",
            "aslp_lib.training.distributed.shard",
            "training/test_distributed.py::test_two_processes_end_as_one",
            (NB05, "Several GPUs"),
        ),
        Claim(
            "A seed fixes a run",
            "aslp_lib.training.loop.train",
            "training/test_loop.py::test_a_seed_fixes_a_run",
            (NB05, "Settings"),
        ),
        Claim(
            "Nothing in a checkpoint is executed",
            "aslp_lib.networks.official.load_official",
            "networks/test_official.py::test_nothing_in_a_checkpoint_is_executed",
            (NB09, "Small finds, one line each"),
        ),
        Claim(
            "Every step passes on a CUDA card",
            "aslp_lib.training.loop.run_epoch",
            "training/test_loop.py::test_no_step_waits_for_cuda",
            (NB05, "On a GPU: what was recorded"),
            measured=m.on_a_gpu,
        ),
    ),
    "This project's: speed, as recorded": (
        Claim(
            "Every score of a folder takes less time than another library's ECE alone",
            "aslp_lib.prediction.maps.count_folders",
            RECORDS,
            (NB06, "Your own maps"),
            measured=m.reading,
        ),
        Claim(
            "The loop trains faster than a plain one on a CPU",
            "aslp_lib.training.loop.run_epoch",
            RECORDS,
            (NB05, "On a GPU: what was recorded"),
            measured=m.training_speed,
        ),
        Claim(
            "Levels cost less than a hundredth of a step",
            f"{ALPHAS}.AdaptiveAlpha.update",
            RECORDS,
            (NB05, "What ASLP adds to a training loop"),
            measured=m.levels_cost,
        ),
    ),
}

HEAD = """\
# Claims

What is claimed, by the paper and here, and what shows it: the code (of `aslp_lib`), a test, a
section of a notebook, and numbers. Made by `python tests/claims.py`, which reads the numbers from
`benchmarks/results` or computes them; a test holds the page to it. How to make them again, and
where they end: [docs/reproducibility.md](docs/reproducibility.md).

Scores are means over seeds, in percent; in brackets the mean difference, paired by seed, with
Student's 95 % interval, in points. A claim about a difference holds if all of the interval agrees.

| status | claims | meaning |
|---|---:|---|
"""


@cache
def page() -> str:
    """The page's text."""
    rows = {name: [(claim, *found(claim)) for claim in own] for name, own in GROUPS.items()}
    every = [status for own in rows.values() for _, status, _ in own]
    parts = [
        HEAD
        + "\n".join(
            f"| {status} | {every.count(status)} | {meaning} |"
            for status, meaning in MEANINGS.items()
        )
    ]
    for name, own in rows.items():
        lines = [
            f"## {name}",
            "",
            "| claim | status | measured | code | test | notebook |",
            "|---" * 6 + "|",
        ]
        lines += [_row(*row) for row in own]
        parts.append("\n".join(lines))
    parts.append(f"## Records\n\n{m.records()}")
    return "\n\n".join(parts) + "\n"


def missing(claim: Claim) -> list[str]:
    """What a claim points at that is not there."""
    gone = []
    if claim.code and not _importable(claim.code):
        gone.append(claim.code)
    if claim.test and not _defined(*claim.test.split("::")):
        gone.append(claim.test)
    if claim.cell and not _told(*claim.cell):
        gone.append(" ".join(claim.cell))
    return gone


def _importable(path: str) -> bool:
    module, names = path, []
    while True:
        try:
            held: object = import_module(module)
            break
        except ModuleNotFoundError:
            module, _, name = module.rpartition(".")
            names.insert(0, name)
            if not module:
                return False
    for name in names:
        if not hasattr(held, name):
            return False
        held = getattr(held, name)
    return True


def _defined(file: str, *names: str) -> bool:
    """Whether a file of tests, by a name that pytest collects, has this test."""
    path = ROOT / "tests" / file
    if not path.is_file() or not all(
        name.lower().startswith("test") for name in (path.name, *names)
    ):
        return False
    node: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
    for name in names:
        own = [n for n in ast.iter_child_nodes(node) if getattr(n, "name", None) == name]
        if not own:
            return False
        node = own[0]
    return True


@cache
def _headings() -> dict[str, set[str]]:
    """Notebook -> its headings."""
    return {each.name: set(each.sections) for each in lessons(ROOT / "notebooks").values()}


def _told(notebook: str, section: str) -> bool:
    return section in _headings().get(notebook, ())


def _row(claim: Claim, status: str, numbers: str) -> str:
    code = f"`{claim.code.removeprefix('aslp_lib.')}`" if claim.code else ""
    test = ""
    if claim.test:
        file, _, name = claim.test.partition("::")
        test = f"[`{name}`](tests/{file})"
    notebook = ""
    if claim.cell:
        path, section = claim.cell
        notebook = f"[{path[:2]}](notebooks/{path}.ipynb) {section}"
    cells = (claim.what, status, numbers, code, test, notebook)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
