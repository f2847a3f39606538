// @ts-check
// Networks trained at a constant dose, beside BCE with temperature scaling.

const BINS = [[0, "none"], ...[50, 60, 70, 80, 90].map((low) => [low, `${low} to ${low + 10} %`])];
const IMAGES = [[1, "first"], [2, "second"], [3, "third"], [4, "fourth"]];
const NETWORKS = [["expected", "label smoothing"], ["sampled", "constant alpha (HI)"]];
const textOf = (options, value) => options.find(([one]) => one === value)[1];
const PINK = colour(204, 121, 167), GREEN = colour(0, 158, 115), ORANGE = colour(198, 136, 0);
const COLUMNS = ["ECE", "OE", "Brier", "accuracy", "confidence", "ambiguous", "background"];

/** Brier score: the error of an incorrect pixel is its confidence, that of a correct one the rest. */
function brier(/** @type {Outcomes} */ table) {
  const errors = Array.from(table.pixels, (pixels, i) => {
    const confidence = level(table, i) / table.top, correct = table.correct[i];
    return correct * (1 - confidence) ** 2 + (pixels - correct) * confidence ** 2;
  });
  return sum(errors) / sum(table.pixels);
}

/**
 * Predictions of BCE for a test set, with its logits divided by a temperature: outcomes and maps in
 * 8-bit grey levels, and mean confidences of ambiguous and of background pixels. `logits` counts
 * pixels by kind (ambiguous, background, other), label, and bin of 0.04 from logit -32 on.
 */
function atTemperature({ logits, mapLogits }, temperature) {
  const top = 255, half = 128, pixels = new Float64Array(half), correct = new Float64Array(half);
  const count = [0, 0, 0], confidence = [0, 0, 0];
  for (let bin = 0; bin < logits[0][0].length; bin++) {
    const p = sigmoid((-32 + 0.04 * (bin + 0.5)) / temperature), grey = Math.round(top * p);
    const i = Math.max(grey, top - grey) - half;
    for (let kind = 0; kind < 3; kind++) {
      const background = logits[kind][0][bin], foreground = logits[kind][1][bin];
      pixels[i] += background + foreground;
      correct[i] += grey >= half ? foreground : background;
      count[kind] += background + foreground;
      confidence[kind] += (background + foreground) * Math.max(p, 1 - p);
    }
  }
  const maps = mapLogits.map((map) => map.map((z) => top * sigmoid(z / temperature)));
  return { top, pixels, correct, maps, sure: [0, 1].map((kind) => confidence[kind] / count[kind] || null) };
}

/** Create a table of scores, whose rows `write` fills with a name and seven shares. */
function scoreTable() {
  const rows = [0, 1].map(() => [html("th", { scope: "row" }), ...COLUMNS.map(() => html("td"))]);
  const head = ["in %", ...COLUMNS].map((words) => html("th", { scope: "col" }, words));
  const table = html("table", {}, ...[head, ...rows].map((cells) => html("tr", {}, ...cells)));
  const write = (i, name, values) => [name, ...values].forEach((value, k) => {
    rows[i][k].textContent = k === 0 ? value : value === null ? "none" : (100 * value).toFixed(1);
  });
  return { node: html("div", { className: "table", tabIndex: 0, role: "region", ariaLabel: "scores" }, table), write };
}

/** Maps of four images, one below another; a reader can point at a pixel. */
function strips(size, hasPosterior, set) {
  const titles = [
    "images with their labels outlined", "true P(y=1), π", "expected target",
    "f, trained with label perturbation", "f, BCE with logits divided by T",
  ];
  const [images, posterior, target, ...networks] = titles.map((title) => maps({ title, count: 4, size }));
  const shown = [images, ...(hasPosterior ? [posterior] : []), target, ...networks];
  for (const { onPick } of shown) onPick((image, row, column) => set({ image: image + 1, row, column }));
  const draw = ({ part, image, row, column, highlighted }, { known, both, targets, names, shares, pi }) => {
    const ring = (map, k) => {
      if (map !== image - 1) return undefined;
      const distance = Math.max(Math.abs(Math.floor(k / size) - row), Math.abs((k % size) - column));
      return distance === 2 ? PINK : undefined;
    };
    const outlined = (map, k) => {
      const label = known.labels[map], inner = label[k - 1] && label[k + 1] && label[k - size] && label[k + size];
      return ring(map, k) ?? (label[k] && !inner ? GREEN : undefined);
    };
    images.draw(`Four images of ${part}.`, known.images, outlined);
    posterior.draw(`${percent(pi, 0)} at the pixel.`, known.posterior ?? known.labels, ring);
    const levels = targets.map((value) => 255 * value), [low, high] = targets.map((value) => value.toFixed(2));
    const expected = known.labels.map((map) => map.map((y) => levels[y && 1]));
    target.draw(`Background ${low}, foreground ${high}.`, expected, ring);
    networks.forEach((strip, i) => strip.draw(`${names[i]}: ${shares[i]} at the pixel.`, both[i].maps, (map, k) => {
      if (!highlighted) return ring(map, k);
      const confidence = (100 * Math.max(both[i].maps[map][k], 255 - both[i].maps[map][k])) / 255;
      const inBin = (confidence > highlighted || highlighted === 50) && confidence <= highlighted + 10;
      return ring(map, k) ?? (inBin ? ORANGE : undefined);
    }));
  };
  return { node: stack(...shown), draw };
}

/** The expected loss at a pixel, with the probabilities that both networks predict there. */
function lossPlot() {
  const frame = plot("expected loss at the pixel", [SHARES, "f, predicted P(y=1)"], [[0, 1, 2, 3], "nats"],
    [["grey", "expected loss"], ["green", "minimum"], ["ink", "network"], ["grey dashed", "BCE / T"]]);
  const draw = (best, network, scaled) => {
    const words = `the network predicts ${network.toFixed(2)}, BCE / T ${scaled.toFixed(2)}.`;
    frame.begin(`Lowest at f = ${best.toFixed(2)}; ${words}`);
    frame.line(Array.from({ length: 199 }, (_, i) => [(i + 1) / 200, crossEntropy(best, (i + 1) / 200)]), "grey");
    frame.line([[scaled, 0], [scaled, 3]], "grey dashed");
    frame.line([[network, 0], [network, 3]], "ink");
    frame.dot(best, crossEntropy(best, best), "green");
  };
  return { node: frame.node, draw };
}

/** ECE over the dose, beside that of BCE. */
function errorPlot() {
  const x = [[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "dose αβ"];
  const frame = plot("ECE of the test set", x, [[0, 0.1, 0.2, 0.3, 0.4], "ECE"],
    [["ink", "network"], ["grey dashed", "BCE / T"]]);
  const draw = (curve, dose, network, scaled) => {
    frame.begin(`Network ${percent(network)}, BCE / T ${percent(scaled)}.`);
    frame.line([[0, scaled], [0.6, scaled]], "grey dashed");
    frame.line(curve, "ink");
    frame.dot(dose, network, "ink");
  };
  return { node: frame.node, draw };
}

/** Build the figures of a data set; returns their elements and what draws them. */
function build({ size, grid, parts }, set) {
  const hasPosterior = "posterior" in Object.values(parts)[0], pictures = strips(size, hasPosterior, set);
  const table = scoreTable(), loss = lossPlot(), errors = errorPlot();
  const diagrams = [diagram("trained with label perturbation"), diagram("BCE, logits divided by T")];
  const draw = (values) => {
    const { perturbation: dose, network, temperature, part, image, row, column, highlighted } = values;
    const known = parts[part], { networks, labels, posterior = labels } = known;
    const [pixel, i] = [row * size + column, image - 1];
    const both = [networks[`${network} ${dose}`], atTemperature(known, temperature)];
    const bins = both.map((one) => reliability(one)), totals = both.map((one) => reliability(one, 1)[0]);
    const strength = `dose ${dose.toFixed(2)}`, error = bins.map(ece), pi = posterior[i][pixel] / 255;
    const short = [strength, `BCE, T = ${temperature.toFixed(1)}`];
    const name = `${textOf(NETWORKS, network)}, ${strength}`;
    const f = both.map((one) => one.maps[i][pixel] / 255), shares = f.map((p) => percent(p, 0));

    const targets = [0, 1].map((y) => minimiser(y, dose));
    pictures.draw(values, { known, both, targets, names: [name, short[1]], shares, pi });
    loss.draw(minimiser(pi, dose), f[0], f[1]);
    const curve = grid.map((value) => [value, ece(reliability(networks[`${network} ${value}`]))]);
    errors.draw(curve, dose, error[0], error[1]);
    both.forEach((one, k) => {
      diagrams[k].draw(bins[k], { bright: highlighted ? highlighted / 10 : -1 });
      const { accuracy, confidence } = totals[k];
      table.write(k, short[k], [error[k], oe(bins[k]), brier(one), accuracy, confidence, ...one.sure]);
    });

    const [inBin, inOther] = bins.map((all) => percent(all[highlighted / 10].share)), label = labels[i][pixel] / 255;
    const bright = ` ${inBin} and ${inOther} of the pixels have a confidence of ${textOf(BINS, highlighted)}.`;
    const truth = hasPosterior ? `true posterior is ${percent(pi, 0)} and its label ${label}` : `label is ${label}`;
    return `ECE ${percent(error[0])} (${name}) and ${percent(error[1])} (${short[1]}); mean confidence ` +
      `${percent(totals[0].confidence)} and ${percent(totals[1].confidence)}.${highlighted ? bright : ""} ` +
      `Pixel (${row}, ${column}) of the ${textOf(IMAGES, image)} image of ${part}: ` +
      `P(y = 1) is ${shares[0]} and ${shares[1]}, its ${truth}.`;
  };
  return { nodes: [table.node, pictures.node, stack(errors, loss), stack(...diagrams)], draw };
}

function figure(area, records, set) {
  const built = Object.fromEntries(Object.entries(records).map(([name, data]) => [name, build(data, set)]));
  return (values) => {
    const { nodes, draw } = built[values.data];
    if (area.firstChild !== nodes[0]) area.replaceChildren(...nodes);
    return draw(values);
  };
}

function render(/** @type {Context} */ context) {
  const all = context.model.get("records"), { grid } = all.shapes, largest = ({ data }) => all[data].size - 1;
  const parts = [...new Set(Object.values(all).flatMap((data) => Object.keys(data.parts)))];
  const controls = {
    data: { label: "data", options: [["shapes", "shapes (synthetic)"], ["nuclei", "nuclei (real)"]] },
    perturbation: { label: "dose alpha*beta", min: 0, max: grid[grid.length - 1], step: grid[1] },
    network: { label: "network", options: NETWORKS },
    temperature: { label: "temperature T", min: 1, max: 9, step: 0.1 },
    part: { label: "test set", options: parts.map((part) => [part, part]) },
    image: { label: "image of the pixel", options: IMAGES },
    row: { label: "pixel row", min: 0, max: largest, step: 1 },
    column: { label: "pixel column", min: 0, max: largest, step: 1 },
    highlighted: { label: "highlight pixels with a confidence of", options: BINS },
  };
  // Each data set has its own networks and sets.
  const idle = ({ data }) => [
    ...NETWORKS.filter(([name]) => !all[data].targets.includes(name)).map(([name]) => `network:${name}`),
    ...parts.filter((part) => !(part in all[data].parts)).map((part) => `part:${part}`),
  ];
  const link = (moved, { data, network, row, column }) => moved === "data" && {
    network: all[data].targets.includes(network) ? network : "expected", part: "test",
    row: Math.min(row, largest({ data })), column: Math.min(column, largest({ data })),
  };
  return explorer(context, { controls, figure, idle, link });
}

export default { render };
