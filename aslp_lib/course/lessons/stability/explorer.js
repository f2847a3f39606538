// @ts-check
// The simulated feedback loop that updates the perturbation levels (models/simulation.py).

/** @typedef {{rule: string, dynamics: string, step: number, weight: number, beta: number}} Setting */
/** @typedef {{margins: Float32Array, noise: Float32Array, rate: number, accuracy: number, cost: number, warmUp: number, gain: number}} Population */

const sigmoid = (/** @type {number} */ z) => 1 / (1 + Math.exp(-z));
const logit = (/** @type {number} */ p) => Math.log(p / (1 - p));
const clip = (/** @type {number} */ v, /** @type {number} */ low, /** @type {number} */ high) => Math.min(Math.max(v, low), high);
const mean = (/** @type {Float64Array | number[]} */ values) => values.reduce((/** @type {number} */ total, /** @type {number} */ v) => total + v, 0) / values.length;

/** Probability at which the release clamps predictions, as a logit. */
const RELEASE_LOGIT = Math.log(1e7 - 1);

/**
 * Function from an alpha and a logit of the image's label to the next alpha; see AdaptiveAlpha.
 * @param {Setting} setting
 * @param {{accuracy: number, best: number, bound: number}} state of the rule, which changes
 * @returns {(alpha: number, z: number) => number}
 */
function update({ rule, dynamics, step, weight, beta }, state) {
  const limit = Math.min(1, 1 / beta), half = beta / 2, strength = step * weight;
  const constrain = {
    calibration: (/** @type {number} */ proposed) => {
      const error = 1 - state.accuracy;
      return half * proposed > error ? (proposed + strength * error) / (1 + strength * half) : proposed;
    },
    entropy: (/** @type {number} */ proposed) => proposed + strength * Math.min(state.accuracy - state.best, 0),
    measured_gap: (/** @type {number} */ proposed) => Math.min(proposed, state.bound),
  }[rule];
  if (dynamics === "stable" || rule === "measured_gap") return (alpha, z) => clip(constrain(alpha + step * half * z), 0, limit);
  const constraint = rule === "entropy"
    ? () => Math.min(state.accuracy - state.best, 0)
    : (/** @type {number} */ alpha) => Math.min(1 - half * alpha - state.accuracy, 0);
  return (alpha, z) => {
    const proposed = alpha + step * (clip(z, -RELEASE_LOGIT, RELEASE_LOGIT) / half + weight * constraint(alpha));
    return proposed >= limit ? limit - 0.01 : Math.max(proposed, 0);
  };
}

/** Simulate the loop: alphas, accuracy, confidence and MC's bound after each epoch. */
function simulate(/** @type {Setting} */ setting, /** @type {Population} */ population) {
  const { margins, noise, rate, accuracy: best, cost, warmUp, gain } = population, { beta } = setting;
  const images = margins.length, limit = Math.min(1, 1 / beta), posterior = Float64Array.from(margins, sigmoid);
  const state = { accuracy: 0, best: 0, bound: 0 }, fitted = new Float64Array(images), next = update(setting, state);
  const ceiling = () => Math.min((2 * (1 - state.accuracy)) / beta, limit);
  let alpha = new Float64Array(images);
  return Array.from({ length: noise.length / images }, (_, epoch) => {
    const old = alpha;
    let confidence = 0, total = 0;
    alpha = new Float64Array(images);
    for (let i = 0; i < images; i++) {
      const target = (1 - old[i] * beta) * posterior[i] + (old[i] * beta) / 2;
      fitted[i] += rate * (logit(clip(target, 1e-6, 1 - 1e-6)) - fitted[i]);
      const z = fitted[i] + noise[epoch * images + i];
      confidence += sigmoid(Math.abs(z)) / images;
      alpha[i] = epoch < warmUp ? 0 : next(old[i], z);
      total += alpha[i];
    }
    state.accuracy = 0.5 + (best - 0.5) * (1 - (1 - rate) ** (epoch + 1)) - cost * ((beta * total) / images) ** 2;
    state.best = Math.max(state.best, state.accuracy);
    if (epoch + 1 >= warmUp) state.bound = clip(state.bound + gain * (confidence - state.accuracy), 0, ceiling());
    return { alpha, confidence, accuracy: state.accuracy, bound: ceiling() };
  });
}

/** Ranks of values; equal values share their mean rank. */
function ranks(/** @type {ArrayLike<number>} */ values) {
  const order = Array.from(values, (_, i) => i).sort((i, j) => values[i] - values[j]), result = new Float64Array(values.length);
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let k = start; k < end; k++) result[order[k]] = (start + end - 1) / 2;
  }
  return result;
}

/** Spearman's rank correlation; NaN if all values are equal. */
function spearman(/** @type {ArrayLike<number>} */ a, /** @type {ArrayLike<number>} */ b) {
  const middle = (a.length - 1) / 2, [x, y] = [a, b].map((values) => ranks(values).map((rank) => rank - middle));
  const product = (/** @type {Float64Array} */ u, /** @type {Float64Array} */ v) => u.reduce((total, value, i) => total + value * v[i], 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

/** What the step of these dynamics does. */
function describeStep(/** @type {Setting} */ { rule, dynamics, step, weight, beta }) {
  const gain = (step * weight * beta) / 2;
  if (rule === "measured_gap") return "The bound follows the measured gap; lambda and the kind of step have no effect.";
  const side = Math.abs(gain - 2) < 1e-9 ? "at" : gain > 2 ? "above" : "below";
  const text = rule === "entropy" ? "The constraint is active only while accuracy is below its best value so far."
    : dynamics === "stable" ? `Proximal step: with fixed margins it converges at any gain, here ${gain.toFixed(2)}.`
    : `Explicit step: the gain eta*lambda*beta/2 = ${gain.toFixed(2)} is ${side} the limit of 2.`;
  return dynamics === "release" && beta !== 2 ? `${text} The release's gradient is ${((2 / beta) ** 2).toFixed(1)} times the true one.` : text;
}

const texts = (/** @type {number[]} */ ...values) => values.map((value) => /** @type {[any, string]} */ ([value, String(value)]));

/** @param {Context} context */
function render(context) {
  return explorer(context, {
    lines: 5,
    controls: {
      rule: { label: "rule", options: [["calibration", "MC (model calibration)"], ["entropy", "ME (maximum entropy)"], ["measured_gap", "measured gap (an extension)"]] },
      dynamics: { label: "dynamics", options: [["release", "release (explicit step)"], ["stable", "stable (proximal step)"]] },
      step: { label: "step eta", options: texts(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02) },
      weight: { label: "weight lambda", options: texts(20, 50, 100, 200, 500, 1000, 2000, 5000) },
      beta: { label: "strength beta", min: 0.25, max: 2, step: 0.25 },
    },
    idle: ({ rule }) => (rule === "measured_gap" ? ["dynamics", "weight"] : []),
    figure: async (area, records) => {
      const population = { ...records, margins: await unpack(records.margins, Float32Array), noise: await unpack(records.noise, Float32Array) };
      const { margins, examples } = population, epochs = population.noise.length / margins.length;
      const looks = ["grey", "green dashed", "pink"], time = /** @type {Ticks} */ ([0, epochs / 2, epochs]);
      // Few ends of the axis of alpha, so that similar settings can be compared.
      const panels = [0.1, 0.2, 0.5, 1].map((top) => {
        const y = /** @type {Ticks} */ ([0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => [share * top, (share * top).toFixed(2)]));
        return { top,
          paths: plot({ title: "alphas of three images", x: time, y, xLabel: "epoch", yLabel: "perturbation level alpha",
            legend: [["ink dashed", "bound"], ...Object.keys(examples).map((name, i) => /** @type {[string, string]} */ ([looks[i], name]))] }),
          last: plot({ title: `alphas after epoch ${epochs}`, x: [-5, 0, 5, 10, 15], y, xLabel: "margin of the image, nats", yLabel: "perturbation level alpha" }) };
      });
      const validation = plot({ title: "validation", x: time, y: [50, 75, 100], xLabel: "epoch", yLabel: "% of the pixels", legend: [["green", "confidence"], ["ink dotted", "accuracy"]] });
      return (setting) => {
        const trace = simulate(setting, population), { alpha, accuracy, confidence, bound } = trace[epochs - 1];
        const largest = Math.max(...trace.map((state) => Math.max(...state.alpha)));
        const { paths, last } = panels.find(({ top }) => top >= largest - 1e-9) ?? panels[3];
        if (paths.node.parentNode !== area) area.replaceChildren(paths.node, validation.node, last.node);
        const over = (/** @type {(state: any) => number} */ value) => trace.map((state, i) => [i + 1, value(state)]);
        const tail = mean(trace.slice(-10).map((state) => mean(state.alpha)));
        paths.begin(`In the last 10 epochs the mean alpha is ${tail.toFixed(2)}, the bound ${bound.toFixed(2)}.`);
        paths.line(over((state) => state.bound), "ink dashed thin");
        Object.values(examples).forEach((image, i) => paths.line(over((state) => state.alpha[image]), looks[i]));
        validation.begin(`After the last epoch, confidence ${percent(confidence, 0)} and accuracy ${percent(accuracy, 0)}.`);
        validation.line(over((state) => 100 * state.confidence), "green");
        validation.line(over((state) => 100 * state.accuracy), "ink dotted");
        last.begin(`The bound is ${bound.toFixed(2)}.`);
        last.dots(Array.from(alpha, (value, i) => [margins[i], value]), "green");
        last.line([[-5, bound], [15, bound]], "ink dashed thin");
        const { rule, dynamics, step, weight, beta } = setting;
        const oscillates = rule === "calibration" && dynamics === "release" && (step * weight * beta) / 2 >= 2 - 1e-9;
        const sorted = alpha.slice().sort(), rho = spearman(alpha, margins), digits = oscillates ? 0 : 1;
        // The other digits of alphas that oscillate depend on rounding.
        const state = oscillates
          ? `The alphas oscillate: their mean over the last 10 epochs is ${tail.toFixed(2)}, MC's bound is ${bound.toFixed(2)}, and the last alpha of an image says little about it.`
          : `After ${epochs} epochs the mean alpha is ${mean(alpha).toFixed(3)}, the middle 80 % of the alphas lie from ${quantile(sorted, 0.1).toFixed(3)} to ` +
            `${quantile(sorted, 0.9).toFixed(3)}, and MC's bound is ${bound.toFixed(3)}.${Number.isNaN(rho) ? "" : ` The rank correlation of alpha and margin is ${rho.toFixed(2)}.`}`;
        return `eta = ${step}, lambda = ${weight}, beta = ${beta.toFixed(2)}. ${describeStep(setting)} ${state} ` +
          `Confidence ${percent(confidence, digits)}, accuracy ${percent(accuracy, digits)}: ${describeGap(confidence - accuracy, digits)}.`;
      };
    },
  });
}

export default { render };
