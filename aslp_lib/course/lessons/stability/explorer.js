// @ts-check
// The simulated feedback loop that updates the perturbation levels (course/simulation.py).

const logit = (p) => Math.log(p / (1 - p));
const clip = (v, low, high) => Math.min(Math.max(v, low), high);

/** Logit at which the release clamps predictions. */
const RELEASE_LOGIT = Math.log(1e7 - 1);

/**
 * Function from an alpha and a logit of the image's label to the next alpha, as AdaptiveAlpha.
 * `state` of the rule is its accuracy, best accuracy and bound, which change.
 */
function update({ rule, dynamics, step, weight, beta }, state) {
  const limit = Math.min(1, 1 / beta), half = beta / 2, strength = step * weight;
  const below = () => Math.min(state.accuracy - state.best, 0);
  const constrain = {
    aslp_mc: (proposed) => {
      const error = 1 - state.accuracy;
      return half * proposed > error ? (proposed + strength * error) / (1 + strength * half) : proposed;
    },
    aslp_me: (proposed) => proposed + strength * below(),
    aslp_gap: (proposed) => Math.min(proposed, state.bound),
  }[rule];
  if (dynamics === "stable" || rule === "aslp_gap")
    return (alpha, z) => clip(constrain(alpha + step * half * z), 0, limit);
  const constraint = rule === "aslp_me" ? below : (alpha) => Math.min(1 - half * alpha - state.accuracy, 0);
  return (alpha, z) => {
    const gradient = clip(z, -RELEASE_LOGIT, RELEASE_LOGIT) / half;
    const proposed = alpha + step * (gradient + weight * constraint(alpha));
    return proposed >= limit ? limit - 0.01 : Math.max(proposed, 0);
  };
}

/** Simulate the loop: alphas, accuracy, confidence and MC's bound after each epoch. */
function simulate(setting, { margins, noise, rate, accuracy, cost, warmUp, gain }) {
  const { beta } = setting, images = margins.length, posterior = Float64Array.from(margins, sigmoid);
  const state = { accuracy: 0, best: 0, bound: 0 }, next = update(setting, state);
  const ceiling = () => Math.min((2 * (1 - state.accuracy)) / beta, 1, 1 / beta);
  const fitted = new Float64Array(images);
  let alpha = new Float64Array(images);
  return noise.map((row, epoch) => {
    const old = alpha;
    let confidence = 0;
    alpha = new Float64Array(images);
    for (let i = 0; i < images; i++) {
      const target = clip(minimiser(posterior[i], old[i] * beta), 1e-6, 1 - 1e-6);
      fitted[i] += rate * (logit(target) - fitted[i]);
      const z = fitted[i] + row[i];
      confidence += sigmoid(Math.abs(z)) / images;
      alpha[i] = epoch < warmUp ? 0 : next(old[i], z);
    }
    const learned = 1 - (1 - rate) ** (epoch + 1);
    state.accuracy = 0.5 + (accuracy - 0.5) * learned - cost * (beta * mean(alpha)) ** 2;
    state.best = Math.max(state.best, state.accuracy);
    if (epoch + 1 >= warmUp) state.bound = clip(state.bound + gain * (confidence - state.accuracy), 0, ceiling());
    return { alpha, confidence, accuracy: state.accuracy, bound: ceiling() };
  });
}

/** What the step of these dynamics does. */
function describeStep({ rule, dynamics, step, weight, beta }) {
  const gain = (step * weight * beta) / 2, side = Math.abs(gain - 2) < 1e-9 ? "at" : gain > 2 ? "above" : "below";
  if (rule === "aslp_gap")
    return "The bound follows the measured gap; lambda and the kind of step have no effect.";
  let text = `Explicit step: the gain of ${gain.toFixed(2)} is ${side} 2.`;
  if (dynamics === "stable")
    text = `Stable step: the gain is ${gain.toFixed(2)}.`;
  if (rule === "aslp_me") text = "The constraint is active only while accuracy is below its best value so far.";
  if (dynamics === "stable" || beta === 2) return text;
  return `${text} The gradient of the authors' code is ${((2 / beta) ** 2).toFixed(1)} times the true one.`;
}

/** Describe the alphas at the end; of alphas that oscillate, the digits depend on rounding. */
function describeAlphas(trace, oscillates) {
  const { alpha, bound } = trace[trace.length - 1];
  if (oscillates) return `The alphas oscillate around MC's bound of ${bound.toFixed(3)}.`;
  return `After ${trace.length} epochs, the mean alpha is ${mean(alpha).toFixed(3)}, and MC's bound is ` +
    `${bound.toFixed(3)}.`;
}

function figure(area, population) {
  const { margins, image } = population, epochs = population.noise.length, time = [0, epochs / 2, epochs];
  // Few ends of the axis of alpha, so that similar settings can be compared.
  const panels = ["ink", "purple"].flatMap((look) => [0.1, 0.2, 0.5, 1].map((top) => {
    const y = [[0, 2, 4, 6, 8, 10].map((v) => (v * 10 * top) / 100), "alpha"], bound = ["grey", "MC's bound"];
    const paths = plot("alpha of one image", [time, "epoch"], y, [[look, "alpha"], bound]);
    const last = plot(`alphas after epoch ${epochs}`, [[-5, 0, 5, 10, 15], "plain margin, nats"], y,
      [[look, "one image"], bound]);
    const validation = plot("validation", [time, "epoch"], [[50, 75, 100], "% of the pixels"],
      [[look, "confidence"], ["ink dotted", "accuracy"]]);
    return { look, top, paths, validation, last, node: stack(paths, validation, last) };
  }));
  return (setting) => {
    const trace = simulate(setting, population), { alpha, accuracy, confidence, bound } = trace[epochs - 1];
    const largest = Math.max(...trace.map((state) => Math.max(...state.alpha)));
    const colour = setting.dynamics === "release" && setting.rule !== "aslp_gap" ? "ink" : "purple";
    const fits = ({ look, top }) => look === colour && (top >= largest - 1e-9 || top === 1);
    const { look, paths, validation, last, node } = panels.find(fits) ?? panels[0];
    if (node.parentNode !== area) area.replaceChildren(node);
    const over = (value) => trace.map((state, i) => [i + 1, value(state)]);
    const tail = mean(trace.slice(-10).map((state) => mean(state.alpha)));
    paths.begin(`In the last 10 epochs the mean alpha is ${tail.toFixed(2)}, the bound ${bound.toFixed(2)}.`);
    paths.line(over((state) => state.bound), "grey");
    paths.line(over((state) => state.alpha[image]), look);
    validation.begin(`At the end, confidence ${percent(confidence, 0)} and accuracy ${percent(accuracy, 0)}.`);
    validation.line(over((state) => 100 * state.confidence), look);
    validation.line(over((state) => 100 * state.accuracy), "ink dotted");
    last.begin(`The bound is ${bound.toFixed(2)}.`);
    last.dots(Array.from(alpha, (value, i) => [margins[i], value]), look);
    last.line([[-5, bound], [15, bound]], "grey");
    const { rule, dynamics, step, weight, beta } = setting;
    const oscillates = rule === "aslp_mc" && dynamics === "release" && (step * weight * beta) / 2 >= 2 - 1e-9;
    const digits = oscillates ? 0 : 1;
    return `eta = ${step}, lambda = ${weight}, beta = ${beta.toFixed(2)}. ${describeStep(setting)} ` +
      `${describeAlphas(trace, oscillates)} Confidence ${percent(confidence, digits)}, ` +
      `accuracy ${percent(accuracy, digits)}: ${describeGap(confidence - accuracy, digits)}.`;
  };
}

const texts = (...values) => values.map((value) => [value, String(value)]);

function render(/** @type {Context} */ context) {
  const rules = [["aslp_mc", "MC (model calibration)"], ["aslp_me", "ME (maximum entropy)"],
    ["aslp_gap", "measured gap (an extension)"]];
  const steps = [["release", "explicit step"], ["stable", "stable step"]];
  const controls = {
    rule: { label: "rule", options: rules },
    dynamics: { label: "kind of step", options: steps },
    step: { label: "step eta", options: texts(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02) },
    weight: { label: "weight lambda", options: texts(20, 50, 100, 200, 500, 1000, 2000, 5000) },
    beta: { label: "strength beta", min: 0.25, max: 2, step: 0.25 },
  };
  const idle = ({ rule }) => (rule === "aslp_gap" ? ["dynamics", "weight"] : []);
  return explorer(context, { controls, figure, idle, lines: 4 });
}

export default { render };
