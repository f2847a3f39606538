// @ts-check
// Recorded training runs, epoch by epoch.

const RULES = /** @type {[any, string][]} */ ([["bce", "BCE"], ["calibration", "MC"], ["entropy", "ME"], ["measured_gap", "measured gap"]]);
const PARTS = ["training images", "validation images"];
/** Colours of the two displayed training images, as classes and as pixels. */
const MARKS = ["green", "orange"], FRAMES = [colour(0, 158, 115), colour(198, 136, 0)];

/** @param {Context} context */
function render(context) {
  const { epochs, size } = context.model.get("records"), [first, second] = epochs, last = epochs[epochs.length - 1];
  return explorer(context, {
    play: "epoch",
    controls: {
      rule: { label: "rule", options: RULES },
      epoch: { label: "epoch", min: first, max: last, step: second - first },
    },
    figure: async (area, records) => {
      const levels = await unpack(records.levels, Uint16Array), scores = await unpack(records.scores, Float32Array);
      const bins = await unpack(records.bins, Float32Array), predicted = await unpack(records.maps);
      const images = levels.length / RULES.length / epochs.length, { picks } = records;
      const known = await Promise.all(records.known.map(async (/** @type {string} */ text) => Float32Array.from(await unpack(text), (v) => v / 255)));
      const time = /** @type {Ticks} */ (Array.from({ length: last / 20 + 1 }, (_, i) => 20 * i)), tenths = [0, 0.1, 0.2, 0.3, 0.4];
      const curves = plot({ title: "scores", x: time, y: [0.5, 0.6, 0.7, 0.8, 0.9, 1], xLabel: "epoch", yLabel: "share of the pixels",
        legend: [["grey", "training accuracy"], ["ink", "validation accuracy"], ["blue", "validation confidence"]] });
      const reliable = diagram("reliability, validation images");
      const paths = plot({ title: "alphas of training images", x: time, y: tenths, xLabel: "epoch", yLabel: "alpha",
        legend: [["grey", "all"], ["green", "first image"], ["orange", "second image"]] });
      const ordered = plot({ title: "alphas, sorted", x: [1, images / 2, images], y: tenths, xLabel: "training images", yLabel: "alpha" });
      const strips = PARTS.map((part) => [0, 1].map((i) => maps({ title: `${part}, ${["first", "second"][i]}: image, label, posterior, network`, count: 4, size })));
      area.append(html("div", { className: "stack" }, ...strips.flat().map(({ node }) => node)),
        html("div", { className: "stack" }, curves.node, reliable.node), html("div", { className: "stack" }, paths.node, ordered.node));
      /** Index of a rule, an epoch and a part in the records. */
      const at = (/** @type {string} */ rule, /** @type {number} */ e, part = 0, parts = 2) => (RULES.findIndex(([name]) => name === rule) * epochs.length + e) * parts + part;
      const scoresOf = (/** @type {number} */ index) => { const [accuracy, confidence, error] = scores.subarray(3 * index, 3 * index + 3); return { accuracy, confidence, error }; };
      const binsOf = (/** @type {number} */ index) => {
        const values = bins.subarray(30 * index, 30 * index + 30);
        return finish(Array.from({ length: 10 }, (_, k) => ({ ...emptyBin(k / 10, (k + 1) / 10), pixels: values[k], confidence: values[k] * values[10 + k], accuracy: values[k] * values[20 + k] })));
      };
      return ({ rule, epoch }) => {
        const now = epochs.indexOf(epoch), past = epochs.slice(0, now + 1), name = new Map(RULES).get(rule);
        const [training, validation] = PARTS.map((_, part) => past.map((/** @type {number} */ _e, /** @type {number} */ e) => scoresOf(at(rule, e, part))));
        const alphas = past.map((/** @type {number} */ _e, /** @type {number} */ e) => levels.subarray(at(rule, e, 0, 1) * images, (at(rule, e, 0, 1) + 1) * images));
        const over = (/** @type {any[]} */ list, /** @type {(one: any) => number} */ value) => list.map((one, e) => [past[e], value(one)]);
        const { accuracy, confidence, error } = validation[now], sorted = Float64Array.from(alphas[now], (v) => v * records.step).sort();
        const text = `confidence ${percent(confidence)}, accuracy ${percent(accuracy)} on validation images, ${describeGap(confidence - accuracy)}; ` +
          `ECE ${percent(error)}; accuracy on training images ${percent(training[now].accuracy)}`;
        curves.begin(`After epoch ${epoch}: ${text}.`);
        curves.area([...over(validation, (s) => s.confidence), ...over(validation, (s) => s.accuracy).reverse()], "light");
        curves.line(over(training, (s) => s.accuracy), "grey");
        curves.line(over(validation, (s) => s.accuracy), "ink");
        curves.line(over(validation, (s) => s.confidence), "blue thick");
        reliable.draw(binsOf(at(rule, now, 1)));
        const spread = `Mean alpha ${(sorted.reduce((total, v) => total + v, 0) / images).toFixed(3)}; 10 % and 90 % quantiles ${quantile(sorted, 0.1).toFixed(3)} and ${quantile(sorted, 0.9).toFixed(3)}`;
        const [green, orange] = picks.map((/** @type {number} */ i) => alphas[now][i] * records.step);
        paths.begin(rule === "bce" ? "BCE has no alphas." : `${spread}.`);
        ordered.begin(rule === "bce" ? "BCE has no alphas." : `From ${sorted[0].toFixed(3)} to ${sorted[images - 1].toFixed(3)}.`);
        if (rule === "bce") ordered.text(images / 2, 0.2, "BCE has no alphas", "middle");
        else {
          const all = Array.from({ length: images }, (_, i) => [...over(alphas, (row) => row[i] * records.step), [NaN, NaN]]);
          paths.line(all.flat(), "faint hair");
          ordered.dots(Array.from(sorted, (v, i) => [i + 1, v]), "grey");
          picks.forEach((/** @type {number} */ i, /** @type {number} */ k) => {
            paths.line(over(alphas, (row) => row[i] * records.step), MARKS[k]);
            ordered.dot(1 + sorted.indexOf(alphas[now][i] * records.step), alphas[now][i] * records.step, MARKS[k]);
          });
        }
        for (const { line } of [curves, paths]) line([[epoch, 0], [epoch, 0.4], [epoch, 0.5], [epoch, 1]], "pink");
        strips.forEach((pair, part) => pair.forEach((strip, i) => {
          const start = (at(rule, now, part) * 2 + i) * size * size, pixels = size * size;
          const shown = [0, 1, 2].map((kind) => known[part].subarray((2 * kind + i) * pixels, (2 * kind + i + 1) * pixels));
          const edge = (/** @type {number} */ k) => k % size < 2 || k % size >= size - 2 || k < 2 * size || k >= pixels - 2 * size;
          strip.draw(`${name}, epoch ${epoch}.`, [...shown, Float32Array.from(predicted.subarray(start, start + pixels), (v) => v / (records.greys - 1))],
            part === 0 ? (map, k) => (map === 0 && edge(k) ? FRAMES[i] : undefined) : undefined);
        }));
        return `${name}, epoch ${epoch}: ${text}. ` + (rule === "bce" ? "BCE has no alphas."
          : `${spread}; alphas of the two training images ${green.toFixed(3)} (green) and ${orange.toFixed(3)} (orange).`);
      };
    },
  });
}

export default { render };
