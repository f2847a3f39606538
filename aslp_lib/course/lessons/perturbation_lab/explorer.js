// @ts-check
// Networks trained at a constant expected perturbation, beside BCE with temperature scaling.

const BINS = /** @type {[any, string][]} */ ([[0, "none"], ...[50, 60, 70, 80, 90].map((low) => [low, `${low} to ${low + 10} %`])]);
const IMAGES = /** @type {[any, string][]} */ ([[1, "first"], [2, "second"], [3, "third"], [4, "fourth"]]);
const NETWORKS = /** @type {[any, string][]} */ ([["expected", "expected targets (M)"], ["sampled", "sampled targets (HI)"], ["measured_gap", "ASLP, measured gap"], ["calibration", "ASLP, MC"]]);
const PINK = colour(204, 121, 167), ORANGE = colour(198, 136, 0);
const COLUMNS = ["ECE", "OE", "Brier", "accuracy", "confidence", "ambiguous", "background"];

const sigmoid = (/** @type {number} */ z) => 1 / (1 + Math.exp(-z));
/** Expected target of a pixel, the minimiser of its expected loss. */
const target = (/** @type {number} */ posterior, /** @type {number} */ perturbation) => (1 - perturbation) * posterior + perturbation / 2;
const entropyPart = (/** @type {number} */ t, /** @type {number} */ f) => (t === 0 ? 0 : -t * Math.log(f));
const crossEntropy = (/** @type {number} */ t, /** @type {number} */ f) => entropyPart(t, f) + entropyPart(1 - t, 1 - f);

/** Brier score: an incorrect pixel has an error of its confidence, a correct one of the rest. */
function brier(/** @type {Outcomes} */ table) {
  let total = 0, pixels = 0;
  for (let i = 0; i < table.pixels.length; i++) {
    const confidence = level(table, i) / table.top;
    total += table.correct[i] * (1 - confidence) ** 2 + (table.pixels[i] - table.correct[i]) * confidence ** 2;
    pixels += table.pixels[i];
  }
  return total / pixels;
}

/**
 * Outcomes of logits that were divided by a temperature, as grey levels of an 8-bit map; and mean
 * confidences of ambiguous and of background pixels, NaN if there are none.
 * @param {Uint32Array} table pixels by kind (ambiguous, background, other), label and logit
 * @param {number} temperature
 */
function atTemperature(table, temperature) {
  const half = 128, top = 255, bins = table.length / 6, pixels = new Float64Array(half), correct = new Float64Array(half);
  const count = [0, 0, 0], confidence = [0, 0, 0];
  for (let bin = 0; bin < bins; bin++) {
    const p = sigmoid((-32 + 0.04 * (bin + 0.5)) / temperature), grey = Math.round(top * p), foreground = grey >= half;
    const i = (foreground ? grey : top - grey) - half;
    for (let kind = 0; kind < 3; kind++) {
      const background = table[2 * kind * bins + bin], object = table[(2 * kind + 1) * bins + bin];
      pixels[i] += background + object;
      correct[i] += foreground ? object : background;
      count[kind] += background + object;
      confidence[kind] += (background + object) * Math.max(p, 1 - p);
    }
  }
  return { table: { top, pixels, correct }, sure: [0, 1].map((kind) => confidence[kind] / count[kind]) };
}

/** Unpack the records of a data set, and index them. */
async function unpackData(/** @type {any} */ records) {
  const { size, parts, targets, rules, grid } = records, area = size * size, half = 128;
  const [counts, sure, greys, logits, mapLogits, images, labels] = await Promise.all([
    unpack(records.counts, Uint32Array), unpack(records.sure, Float32Array), unpack(records.maps), unpack(records.logits, Uint32Array),
    unpack(records.mapLogits, Float32Array), unpack(records.images), unpack(records.labels),
  ]);
  const posterior = records.posterior ? await unpack(records.posterior) : labels;
  /** The four maps of an index. */
  const four = (/** @type {any} */ all, /** @type {number} */ index) => IMAGES.map((_, i) => all.subarray((4 * index + i) * area, (4 * index + i + 1) * area));
  const index = (/** @type {string} */ network, /** @type {number} */ perturbation, /** @type {string} */ part) => {
    const step = grid.findIndex((/** @type {number} */ value) => Math.abs(value - perturbation) < 1e-6);
    const row = targets.includes(network) ? targets.indexOf(network) * grid.length + step : targets.length * grid.length + Object.keys(rules).indexOf(network);
    return row * parts.length + parts.indexOf(part);
  };
  const outcomes = (/** @type {number} */ k) =>
    ({ top: 255, pixels: counts.subarray(2 * k * half, (2 * k + 1) * half), correct: counts.subarray((2 * k + 1) * half, (2 * k + 2) * half) });
  return {
    ...records,
    /** What is known of a test set's images, in grey levels; the true posterior is unknown in real data. */
    known: (/** @type {string} */ part) => ({
      images: four(images, parts.indexOf(part)), labels: four(labels, parts.indexOf(part)), posterior: four(posterior, parts.indexOf(part)),
    }),
    /** Predictions of a network at a test set; the maps are grey levels. */
    trained: (/** @type {string} */ network, /** @type {number} */ perturbation, /** @type {string} */ part) => {
      const k = index(network, perturbation, part);
      return { table: outcomes(k), sure: sure.subarray(2 * k, 2 * k + 2), maps: four(greys, k) };
    },
    /** Predictions of BCE at a temperature; the maps are probabilities. */
    scaled: cached((temperature, part) => {
      const k = parts.indexOf(part), cells = logits.length / parts.length;
      const maps = four(mapLogits, k).map((map) => map.map((/** @type {number} */ z) => sigmoid(z / temperature)));
      return { ...atTemperature(logits.subarray(k * cells, (k + 1) * cells), temperature), maps };
    }),
    /** ECE at each perturbation. */
    curve: cached((network, part) => grid.map((/** @type {number} */ value) => [value, ece(reliability(outcomes(index(network, value, part))))])),
  };
}

/** Build the figures of a data set; returns their element and what draws them. */
function build(/** @type {any} */ data, /** @type {(values: object) => void} */ set) {
  const { size, rules, targets } = data, unit = /** @type {Ticks} */ ([0, 0.25, 0.5, 0.75, 1]);
  const strip = (/** @type {string} */ title) => maps({ title, count: 4, size });
  const strips = {
    images: strip("images with their labels outlined"), posterior: strip("true posterior P(y = 1)"), target: strip("expected target at this alpha*beta"),
    trained: strip("network trained with label perturbation"), scaled: strip("BCE, logits divided by T"),
  };
  const shown = Object.entries(strips).filter(([name]) => name !== "posterior" || data.posterior).map(([, one]) => one);
  for (const one of shown) one.onPick((image, row, column) => set({ image: image + 1, row, column }));
  const loss = plot({ title: "expected loss at the pixel", x: unit, y: [0, 1, 2, 3], xLabel: "f, predicted P(y=1)", yLabel: "nats",
    legend: [["ink", "expected loss"], ["orange", "minimum"], ["blue", "network"], ["grey dashed", "BCE / T"]] });
  const errors = plot({ title: "ECE of the test set", x: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], y: [0, 0.1, 0.2, 0.3, 0.4], xLabel: "expected perturbation alpha*beta", yLabel: "ECE",
    legend: [["blue", "network"], ["grey dashed", "BCE / T"], ["pink dotted", "where a rule ended"]] });
  const diagrams = [diagram("trained with label perturbation"), diagram("BCE, logits divided by T")];
  const cells = [0, 1].map(() => COLUMNS.map(() => html("td"))), names = cells.map(() => html("th", { scope: "row" }));
  const head = html("thead", {}, html("tr", {}, ...["in %", ...COLUMNS].map((words) => html("th", { scope: "col", textContent: words }))));
  const table = html("table", {}, head, html("tbody", {}, ...cells.map((row, i) => html("tr", {}, names[i], ...row))));
  const stack = (/** @type {Node[]} */ ...nodes) => html("div", { className: "stack" }, ...nodes);
  const node = html("div", { className: "figures" }, html("div", { className: "table", tabIndex: 0, role: "region", ariaLabel: "scores" }, table),
    stack(...shown.map((one) => one.node)), stack(errors.node, loss.node), stack(...diagrams.map((one) => one.node)));

  const draw = (/** @type {any} */ { perturbation, network, temperature, part, image, row, column, highlighted }) => {
    const adapted = rules[network], product = adapted ?? perturbation, { images, labels, posterior } = data.known(part);
    const outcomes = [data.trained(network, perturbation, part), data.scaled(temperature, part)];
    const bins = outcomes.map((outcome) => reliability(outcome.table)), errorOf = bins.map((one) => percent(ece(one)));
    const label = new Map(NETWORKS).get(network);
    const name = adapted === undefined ? `alpha*beta ${product.toFixed(2)}, ${network} targets` : `${label}, alpha*beta ${product.toFixed(2)}`;
    const pixel = row * size + column, f = [outcomes[0].maps[image - 1][pixel] / 255, outcomes[1].maps[image - 1][pixel]];
    const y = labels[image - 1][pixel] / 255, pi = posterior[image - 1][pixel] / 255, best = target(pi, product), floor = crossEntropy(best, best);

    const marked = (/** @type {number} */ map, /** @type {number} */ k) =>
      map === image - 1 && Math.max(Math.abs(Math.floor(k / size) - row), Math.abs((k % size) - column)) === 2 ? PINK : undefined;
    const outlined = (/** @type {number} */ map, /** @type {number} */ k) => marked(map, k) ??
      (labels[map][k] && !(labels[map][k - 1] && labels[map][k + 1] && labels[map][k - size] && labels[map][k + size]) ? ORANGE : undefined);
    const bright = (/** @type {ArrayLike<number>[]} */ all, /** @type {number} */ white) => (/** @type {number} */ map, /** @type {number} */ k) => {
      const confidence = (100 * Math.max(all[map][k], white - all[map][k])) / white;
      return marked(map, k) ?? (highlighted && (confidence > highlighted || highlighted === 50) && confidence <= highlighted + 10 ? ORANGE : undefined);
    };
    strips.images.draw(`Four images of ${part}.`, images, outlined, 255);
    strips.posterior.draw(`${percent(pi, 0)} at the pixel.`, posterior, marked, 255);
    strips.target.draw(`Background ${target(0, product).toFixed(2)}, foreground ${target(1, product).toFixed(2)}.`,
      labels.map((/** @type {Uint8Array} */ map) => map.map((grey) => 255 * target(grey / 255, product))), marked, 255);
    strips.trained.draw(`${name}: ${percent(f[0], 0)} at the pixel.`, outcomes[0].maps, bright(outcomes[0].maps, 255), 255);
    strips.scaled.draw(`T = ${temperature.toFixed(1)}: ${percent(f[1], 0)} at the pixel.`, outcomes[1].maps, bright(outcomes[1].maps, 1));

    loss.begin(`Lowest at f = ${best.toFixed(2)}; the network predicts ${f[0].toFixed(2)}, BCE / T ${f[1].toFixed(2)}.`);
    loss.line(Array.from({ length: 199 }, (_, i) => [(i + 1) / 200, crossEntropy(best, (i + 1) / 200)]), "ink");
    for (const [i, look] of [[1, "grey dashed"], [0, "blue"]]) loss.line([[f[Number(i)], 0], [f[Number(i)], 3]], String(look));
    loss.dot(best, floor, "orange");

    errors.begin(`Network ${errorOf[0]}, BCE / T ${errorOf[1]}.`);
    for (const [rule, ended] of Object.entries(rules)) {
      errors.line([[ended, 0], [ended, 0.36]], "pink dotted");
      errors.text(ended, 0.37, rule === "calibration" ? "MC" : "gap");
    }
    errors.line([[0, ece(bins[1])], [0.6, ece(bins[1])]], "grey dashed");
    errors.line(data.curve(targets.includes(network) ? network : targets[0], part), "blue");
    errors.dot(product, ece(bins[0]), "blue");

    bins.forEach((one, i) => diagrams[i].draw(one, highlighted ? highlighted / 10 : -1));
    names[0].textContent = adapted === undefined ? `alpha*beta ${product.toFixed(2)}` : label;
    names[1].textContent = `BCE, T = ${temperature.toFixed(1)}`;
    const totals = outcomes.map((outcome) => means(outcome.table));
    outcomes.forEach((outcome, i) => {
      const { accuracy, confidence } = totals[i];
      [ece(bins[i]), oe(bins[i]), brier(outcome.table), accuracy, confidence, ...outcome.sure].forEach((value, k) => {
        cells[i][k].textContent = Number.isNaN(value) ? "none" : (100 * value).toFixed(1);
      });
    });
    const shares = bins.map((one) => percent(one[highlighted / 10]?.share ?? 0));
    const inBin = highlighted ? ` ${shares[0]} and ${shares[1]} of the pixels have a confidence of ${new Map(BINS).get(highlighted)}.` : "";
    const truth = data.posterior ? `its true posterior is ${percent(pi, 0)} and its label ${y}` : `its label is ${y}`;
    return `ECE ${errorOf[0]} (${name}) and ${errorOf[1]} (BCE, T = ${temperature.toFixed(1)}); mean confidence ${percent(totals[0].confidence)} and ${percent(totals[1].confidence)}.${inBin} ` +
      `Pixel (${row}, ${column}) of the ${new Map(IMAGES).get(image)} image of ${part}: P(y = 1) is ${percent(f[0], 0)} and ${percent(f[1], 0)}, ${truth}.`;
  };
  return { node, draw };
}

/** @param {Context} context */
function render(context) {
  const all = context.model.get("records"), { grid } = all.shapes;
  const offered = (/** @type {any} */ { targets, rules, parts }) => ({ network: [...targets, ...Object.keys(rules)], part: parts });
  const parts = [...new Set(Object.values(all).flatMap((data) => data.parts))];
  return explorer(context, {
    lines: 3,
    controls: {
      data: { label: "data", options: [["shapes", "shapes (synthetic)"], ["nuclei", "nuclei (real)"]] },
      perturbation: { label: "expected perturbation alpha*beta", min: grid[0], max: grid[grid.length - 1], step: grid[1] },
      network: { label: "network", options: NETWORKS },
      temperature: { label: "temperature T", min: 1, max: 9, step: 0.1 },
      part: { label: "test set", options: parts.map((part) => [part, part]) },
      image: { label: "image of the pixel", options: IMAGES },
      row: { label: "pixel row", min: 0, max: ({ data }) => all[data].size - 1, step: 1 },
      column: { label: "pixel column", min: 0, max: ({ data }) => all[data].size - 1, step: 1 },
      highlighted: { label: "highlight pixels with a confidence of", options: BINS },
    },
    // The slider does not set alphas that a rule adapted; each data set has its own networks.
    idle: ({ data, network }) => [
      ...(all[data].targets.includes(network) ? [] : ["perturbation"]),
      ...NETWORKS.filter(([name]) => !offered(all[data]).network.includes(name)).map(([name]) => `network:${name}`),
      ...parts.filter((part) => !all[data].parts.includes(part)).map((part) => `part:${part}`),
    ],
    link: (moved, { data, network, row, column }) => (moved !== "data" ? {} : {
      network: offered(all[data]).network.includes(network) ? network : "expected", part: "test",
      row: Math.min(row, all[data].size - 1), column: Math.min(column, all[data].size - 1),
    }),
    figure: async (area, records, set) => {
      const names = Object.keys(records), datas = await Promise.all(names.map((name) => unpackData(records[name])));
      const built = new Map(names.map((name, i) => [name, build(datas[i], set)]));
      return (values) => {
        const { node, draw } = /** @type {any} */ (built.get(values.data));
        if (area.firstChild !== node) area.replaceChildren(node);
        return draw(values);
      };
    },
  });
}

export default { render };
