"""The slides: each names its notebook, its section, and what it takes from there.

A deck is made of the slides of its plan's sections (`plans.py`). What is asked, answered and drawn
is the notebook's own; a notebook that changes so that a slide's section, question or picture is
gone stops the making of the deck. The words are short: a slide is spoken to, not read out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Slide:
    """One slide.

    Args:
        notebook: its number.
        section: the heading there; the slide's too, unless it has a `title` of its own.
        words: Markdown with formulas. A number in them stands in that section.
        ask: name of a prediction. Its answer, and the picture, come with a further press.
        picture: code of the cell that draws it.
        title: another heading.
    """

    notebook: str
    section: str
    words: str = ""
    ask: str = ""
    picture: str = ""
    title: str = ""


SLIDES = (
    Slide(
        "00",
        "A decision",
        "A look costs 1, a missed pixel 5: have a pixel looked at where P(y=1) is over 20 %. By "
        "its own probabilities, BCE expects to pay 23 for 100 pixels.",
        ask="guess_bill",
    ),
    Slide(
        "00",
        "How sure, and how often right?",
        "Take the pixels of new images of which BCE is about 95 % sure.",
        ask="guess_right",
    ),
    Slide(
        "00",
        "All of its pixels",
        "Bars: how often it is right. Dashed: as often as it is sure. Hatched: confidence that "
        "is not earned. Below: how many pixels.",
        picture="figures.reliability_diagrams(counts",
    ),
    Slide(
        "00",
        "A cheaper cure",
        "Leave BCE's network as it is, and divide its logits by one number, fitted on 100 "
        "validation images.",
        ask="guess_cooled",
    ),
    Slide(
        "00",
        "Where do the networks doubt?",
        "Third column: the true probability. Grey shapes there are ambiguous. ASLP is greyer "
        "everywhere: it has learnt *how much* to doubt, not *where*.",
        picture="figures.gallery(test",
    ),
    Slide(
        "01",
        "One map is thousands of forecasts",
        "**Confidence**: the probability of the predicted class, $\\max(f, 1 - f)$.\n\n"
        "**Accuracy**: the share of pixels whose prediction is the label.\n\n"
        "Four pixels have P(y=1) = 0.97, 0.80, 0.45, 0.02.",
        ask="guess_surest",
    ),
    Slide(
        "01",
        "Where is it sure, and where is it wrong?",
        "Networks are unsure at edges.",
        ask="guess_edges",
        picture="figures.sure_and_wrong(",
    ),
    Slide(
        "01",
        "The reliability diagram",
        "Sort pixels into bins by confidence. Take BCE's pixels with confidence over 0.9.",
        ask="guess_accuracy",
    ),
    Slide(
        "01",
        "The reliability diagram",
        "All are right equally often. A bin with a large gap and hardly any pixels costs little.",
        picture="figures.reliability_diagrams(counts",
        title="The diagram of three networks",
    ),
    Slide(
        "01",
        "Two numbers of the diagram",
        "Of bin k, with the share $w_k$ of the pixels:\n\n"
        "$$\n\\mathrm{ECE} = \\sum_k w_k\\,|\\mathrm{acc}_k - \\mathrm{conf}_k|\n$$\n\n"
        "$$\n\\mathrm{OE} = \\sum_k w_k\\,\\mathrm{conf}_k\\,"
        "\\max(\\mathrm{conf}_k - \\mathrm{acc}_k, 0)\n$$\n\n"
        "OE counts only bins that are surer than right.",
    ),
    Slide(
        "01",
        "Two readings: the predicted class, and the foreground",
        "Of pixels that get P(y=1) = 0.3, are 30 % foreground? Both readings are called "
        "calibration.",
        ask="guess_reading",
        picture="figures.readings(",
    ),
    Slide(
        "01",
        "Pooled pixels, or a mean over images?",
        "Pooled, the measured-gap rule has the smallest ECE.",
        ask="guess_mean",
        picture="figures.image_scatter(",
    ),
    Slide(
        "01",
        "What the truth says",
        "The data are made: of each pixel the true probability is known. Ask the forecaster who "
        "says just that.",
        ask="guess_best",
    ),
    Slide(
        "01",
        "What the truth says",
        "Of a toss-up BCE says anything, mostly the ends: it has memorised coin tosses.",
        picture="figures.against_truth(",
        title="The networks against the truth",
    ),
    Slide(
        "01",
        "Calibrated is not yet useful",
        "A forecaster says the share of foreground in the set, the same number, of every pixel.",
        ask="guess_constant",
    ),
    Slide(
        "01",
        "A texture without an object",
        "Every pixel is background. A network that has learnt never to be certain is not certain "
        "of an empty picture: ECE without OE.",
        picture="figures.reliability_diagrams(textures",
    ),
    Slide(
        "02",
        "One formula",
        "A label y becomes $p(y, \\beta) = (1 - \\beta)\\,y + \\beta/2$.",
        ask="guess_beta",
        picture="figures.label_maps({",
    ),
    Slide(
        "02",
        "Units: a warning",
        "The authors' code counts beta differently: its number is half the figure's, so that its "
        "`--beta 2.0` is 4 here.",
        ask="guess_release",
    ),
    Slide(
        "02",
        "One switch for each image",
        "Each time an image is drawn, $Z \\sim \\mathrm{Bernoulli}(\\alpha)$: the whole map is "
        "perturbed or left alone. Eight images, $\\alpha$ = 1/4, hard inversion.",
        ask="guess_switch",
        picture="figures.label_grid(",
    ),
    Slide(
        "02",
        "The sampled label and the expected label",
        "$$\n\\mathbb{E}[T] = (1 - \\alpha\\beta)\\,y + \\alpha\\beta/2\n$$\n\n"
        "No single draw looks like it.",
        ask="guess_mean",
        picture="figures.label_maps(means",
    ),
    Slide(
        "02",
        "Same mean, other draws",
        "Only the product counts for the mean: $\\alpha\\beta$ = 0.2 from three techniques.",
        ask="guess_jumps",
        picture="figures.running_means(",
    ),
    Slide(
        "02",
        "The plane",
        "Every method is a point. On a line of equal $\\alpha\\beta$ the expected label is the "
        "same, not the noise of the draws.",
        picture="figures.plane(",
    ),
    Slide(
        "02",
        "When does the label still say what it said?",
        "The network ends up near the expected label. Under 1/2 on foreground, it learns the wrong "
        "class.",
        ask="guess_limit",
        picture="figures.decisions(",
    ),
    Slide(
        "02",
        "Try it: a point in the plane",
        "Two techniques, one mean map.",
        ask="guess_same",
        picture="explorers.perturbation(",
    ),
    Slide(
        "03",
        "The loss",
        "$$\n\\mathrm{BCE}(f, t) = -t \\log f - (1 - t) \\log(1 - f)\n$$\n\n"
        "$$\nL = (1 - Z)\\,\\mathrm{BCE}(f, y) + Z\\,\\mathrm{BCE}(f, p(y, \\beta))\n$$\n\n"
        "Z is 1 with probability $\\alpha$.",
    ),
    Slide(
        "03",
        "Step 1: BCE over its target",
        "Differentiate $\\mathrm{BCE}(f, t)$ in its target t, once and again.",
        ask="guess_affine",
    ),
    Slide(
        "03",
        "Step 2: the mean over the switch",
        "An affine function of a weighted mean is the weighted mean of its values. So one target "
        "has the mean loss.",
        ask="guess_target",
    ),
    Slide(
        "03",
        "Step 3: where the loss is least",
        "Set the derivative in f to zero.",
        ask="guess_least",
        picture="figures.loss_curves(",
    ),
    Slide(
        "03",
        "Step 4: how sure, and at what loss",
        "At the minimum the predicted class has confidence $1 - \\alpha\\beta/2$.",
        ask="guess_floor",
        picture="figures.loss_surface(",
    ),
    Slide(
        "03",
        "Train it",
        "One logit, all pixels foreground, four techniques with $\\alpha\\beta$ = 0.2.",
        ask="end",
        picture="figures.descent(",
    ),
    Slide(
        "03",
        "Train it",
        "All pixels are foreground, and the model says so.",
        ask="guess_ece",
        title="Is it calibrated, then?",
    ),
    Slide(
        "03",
        "Step 5: the gradient and its noise",
        "Training sees the gradient in the logit z.",
        ask="guess_gradient",
    ),
    Slide(
        "03",
        "Step 5: the gradient and its noise",
        "Equal mean, unequal noise: rare and strong is noisy, always-on smoothing is not.",
        ask="guess_variance",
        picture="figures.gradient_noise(",
        title="The noise of the gradient",
    ),
    Slide(
        "03",
        "Step 8: a pixel that is ambiguous by itself",
        "It is foreground with probability $\\pi$. Plain BCE would find $f^* = \\pi$.",
        ask="guess_posterior",
        picture="figures.posterior_lines(",
    ),
    Slide(
        "04",
        "Why one fixed level is not enough",
        "How much correction is right depends on how far the network has memorised its labels. "
        "Three images: right and sure; right, hardly sure; mostly wrong.",
        ask="guess_sure",
    ),
    Slide(
        "04",
        "The gradient in alpha",
        "A difference of two losses, and no backward pass:\n\n"
        "$$\n\\mathrm{grad}_i = \\mathrm{BCE}(f, p) - \\mathrm{BCE}(f, y) = "
        "\\beta\\;\\mathrm{mean}\\left[\\left(y - \\dfrac{1}{2}\\right) z\\right]\n$$\n\n"
        "Ascent perturbs what is right and sure.",
    ),
    Slide(
        "04",
        "Ascent needs a brake",
        "Steps of $\\eta\\,\\mathrm{grad}$ with $\\eta$ = 0.002 for 1,000 epochs; beta is 2.",
        ask="guess_climb",
    ),
    Slide(
        "04",
        "Ascent needs a brake",
        "$$\n\\alpha_i \\leftarrow \\mathrm{clip}\\left(\\alpha_i + \\eta\\,"
        "(\\mathrm{grad}_i + \\lambda R_i),\\;0,\\;1/\\beta\\right)\n$$\n\n"
        "- **MC**: $R_i = \\min((1 - \\beta\\alpha_i/2) - A,\\,0)$\n"
        "- **ME**: $R_i = \\min(A - A_\\mathrm{best},\\,0)$\n"
        "- **measured gap** (this project's): a bound that follows C - A",
        title="The update and its rules",
    ),
    Slide(
        "04",
        "The loop, simulated",
        "Levels act on the network, its confidence and accuracy act on the levels. Without "
        "levels it is over-confident by more than three points.",
        ask="guess_rule",
        picture="figures.feedback_loop(",
    ),
    Slide(
        "04",
        "The step: when does the loop settle?",
        "Beyond the bound by e, after one explicit step: "
        "$e' = (1 - G)\\,e + \\eta\\,\\mathrm{grad}$ with the gain $G = \\eta\\lambda\\beta/2$.",
        ask="guess_gain",
        picture="figures.levels_over_epochs(",
    ),
    Slide(
        "04",
        "Which images get a large alpha?",
        "After 60 epochs levels have long reached the bound.",
        ask="guess_margins",
        picture="figures.levels_over_margins(",
    ),
    Slide(
        "04",
        "What holds the levels apart: the bias of a soft constraint",
        "$$\n\\alpha = \\dfrac{2(1 - A)}{\\beta} + \\dfrac{2}{\\beta}\\,"
        "\\dfrac{\\mathrm{grad}}{\\lambda}\n$$",
        ask="guess_weight",
        picture="figures.lambda_trade(",
    ),
    Slide(
        "04",
        "A network that listens",
        "A real network fits its perturbed labels: the higher $\\alpha_i$, the smaller its margin.",
        ask="guess_listening",
        picture="figures.levels_over_margins(",
    ),
    Slide(
        "05",
        "What ASLP adds to a training loop",
        "```python\n"
        "alphas = AdaptiveAlpha(len(train_set), MODERATION)\n"
        "loss = sc_bce_with_logits(logits, labels,\n"
        "                          alphas[index], MODERATION)\n"
        "alphas.update(index, logits, labels)  # each step\n"
        "alphas.observe(accuracy)  # each validation\n"
        "```\n\n"
        "Logits -4, 6, 5 for labels 0, 1, 1; the level is 0, eta 0.002.",
        ask="guess_step",
    ),
    Slide(
        "05",
        "Training",
        "Same weights to start from, same images in the same order.",
        ask="guess_gap",
        picture="train_in_view(",
    ),
    Slide(
        "05",
        "Where do the levels rest?",
        "$$\n1 - \\dfrac{\\beta}{2}\\,\\alpha = A - \\dfrac{\\mathrm{grad}}{\\lambda}\n$$\n\n"
        "The targets' expected confidence sits just under validation accuracy.",
    ),
    Slide(
        "05",
        "Evaluation",
        "Over-confidence falls to less than a third; the total error falls less: the price of "
        "one level an image.",
        picture="figures.reliability_diagrams(counts[first]",
    ),
    Slide(
        "05",
        "The lab: change one thing",
        "A fixed level, the two rules, and MC with a looser constraint.",
        ask="guess_levels",
    ),
    Slide(
        "06",
        "Seven ways to sum up a diagram",
        "They differ in how they cut confidence into bins, or do without.",
        ask="guess_spread",
        picture="figures.reliability_overlay(",
    ),
    Slide(
        "06",
        "What no calibration score can see",
        "Brier's score is reliability - resolution + uncertainty: it sees what is told apart, too.",
        ask="guess_part",
    ),
    Slide(
        "06",
        "Pixels are not independent, images are",
        "100 test sets, and a 95 % interval for each; pixels resampled as if drawn one by one.",
        ask="guess_interval",
        picture="figures.interval_coverage(",
    ),
    Slide(
        "06",
        "Why maps must not be stretched",
        "The authors' release stretches every map to the full range before it measures. ASLP's "
        "ECE was 6.9 %. What comes out then describes the stretching.",
        ask="guess_stretched",
    ),
    Slide(
        "06",
        "On real images",
        "2,000 photographs, 10 epochs: a network memorises little. Validation is like training; "
        "SOD has other annotators.",
        ask="guess_of_sod",
    ),
    Slide(
        "07",
        "A temperature",
        "Divide every logit by one number T, fitted on the validation set. A logit keeps its "
        "sign: no decision moves.",
        ask="guess_temperature",
        picture="figures.nll_over_temperature({",
    ),
    Slide(
        "07",
        "Where it fails",
        "Textures had an ECE of one point. Now they get validation's temperature.",
        ask="guess_textures",
        picture="figures.nll_over_temperature(bce",
    ),
    Slide(
        "07",
        "More than one number",
        "Two temperatures, logistic, isotonic, histogram.",
        ask="guess_decisions",
        picture="figures.errors_by_set(by_fit",
    ),
    Slide(
        "07",
        "Stop early",
        "At some epoch accuracy stands still while confidence goes on.",
        ask="guess_nll",
        picture="figures.early_stop(",
    ),
    Slide(
        "07",
        "The recorded comparison",
        "One training is an anecdote: several seeds, each method's strength chosen by validation.",
        ask="guess_best",
        picture='("test", "shifted"), "as trained")',
    ),
    Slide(
        "07",
        "What is left once all have a temperature",
        "Each of the seven gets one temperature, fitted on validation.",
        ask="guess_left",
        picture='"with a temperature")',
    ),
    Slide(
        "07",
        "Which score to believe",
        "Which orders all ways to train and recalibrate as the distance to the true posterior "
        "does?",
        ask="guess_score",
    ),
    Slide(
        "07",
        "A level for each test image",
        "SC-BCE's minimiser, $p' = (1 - s)\\,p + s/2$, with s a function of the predicted map. "
        "Seven sets: does it beat one temperature?",
        ask="guess_sets",
        picture="figures.errors_by_set(by_cure",
    ),
    Slide(
        "07",
        "The verdict",
        "- *a temperature*: always first\n"
        "- *early stopping*: you train anyway, and NLL turns up\n"
        "- *ASLP (MC)*: over-confidence is the greater evil\n"
        "- *a level for each image*: images come worse than validation's, with an object in each",
    ),
    Slide(
        "08",
        "When not to use it",
        "- validation is calibrated already\n"
        "- a temperature is enough\n"
        "- many images are empty\n"
        "- the doubt is at borders (MC alone)\n"
        "- you want to know *where* the network errs",
    ),
)
"""In the order of the notebooks."""
