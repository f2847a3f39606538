// @ts-check
// Networks trained at a constant expected perturbation, beside BCE with temperature scaling.

const BINS = [[0, "none"], ...[50, 60, 70, 80, 90].map((low) => [low, `${low} to ${low + 10} %`])];
const IMAGES = [[1, "first"], [2, "second"], [3, "third"], [4, "fourth"]];
const NETWORKS = [
  ["expected", "expected targets (M)"], ["sampled", "sampled targets (HI)"],
  ["measured_gap", "ASLP, measured gap"], ["calibration", "ASLP, MC"],
];
const textOf = (options, value) => options.find(([one]) => one === value)[1];
const PINK = colour(204, 121, 167), ORANGE = colour(198, 136, 0);
const COLUMNS = ["ECE", "OE", "Brier", "accuracy", "confidence", "ambiguous", "background"];

/** Brier score: the error of an incorrect pixel is its confidence, that of a correct one the rest. */
function brier(/** @type {Outcomes} */ table) {
  let error = 0, all = 0;
  for (let i = 0; i < table.pixels.length; i++) {
    const confidence = level(table, i) / table.top, correct = table.correct[i];
    error += correct * (1 - confidence) ** 2 + (table.pixels[i] - correct) * confidence ** 2;
    all += table.pixels[i];
  }
  return error / all;
}

/**
 * Predictions of BCE for a test set, with its logits divided by a temperature: outcomes as grey
 * levels of an 8-bit map, probabilities of the images, and mean confidences of ambiguous and of
 * background pixels. `logits` counts pixels by kind (ambiguous, background, other), label, and bin
 * of 0.04 from logit -32 on.
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
  const maps = mapLogits.map((map) => map.map((z) => sigmoid(z / temperature)));
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

/** Build the figures of a data set; returns their elements and what draws them. */
function build(data, set) {
  const { size, rules, targets, grid, parts } = data, posteriors = "posterior" in Object.values(parts)[0];
  const titles = [
    "images with their labels outlined", ...(posteriors ? ["true posterior P(y = 1)"] : []), "expected target",
    "network trained with label perturbation", "BCE, logits divided by T",
  ];
  const strips = titles.map((title) => maps({ title, count: 4, size }));
  for (const strip of strips) strip.onPick((image, row, column) => set({ image: image + 1, row, column }));
  const loss = plot({
    title: "expected loss at the pixel", x: SHARES, y: [0, 1, 2, 3], xLabel: "f, predicted P(y=1)", yLabel: "nats",
    legend: [["ink", "expected loss"], ["orange", "minimum"], ["blue", "network"], ["grey dashed", "BCE / T"]],
  });
  const errors = plot({
    title: "ECE of the test set", x: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], y: [0, 0.1, 0.2, 0.3, 0.4],
    xLabel: "expected perturbation alpha*beta", yLabel: "ECE",
    legend: [["blue", "network"], ["grey dashed", "BCE / T"], ["pink dotted", "where a rule ended"]],
  });
  const diagrams = [diagram("trained with label perturbation"), diagram("BCE, logits divided by T")];
  const table = scoreTable();
  const nodes = [table.node, stack(...strips), stack(errors, loss), stack(...diagrams)];

  const draw = ({ perturbation, network, temperature, part, image, row, column, highlighted }) => {
    const { images, labels, networks, posterior = labels } = parts[part], product = rules[network] ?? perturbation;
    const trained = networks[network in rules ? network : `${network} ${perturbation}`];
    const outcomes = [trained, atTemperature(parts[part], temperature)], bins = outcomes.map((one) => reliability(one));
    const scale = `T = ${temperature.toFixed(1)}`;
    const short = network in rules ? textOf(NETWORKS, network) : `alpha*beta ${product.toFixed(2)}`;
    const name = network in rules ? `${short}, alpha*beta ${product.toFixed(2)}` : `${short}, ${network} targets`;
    const pixel = row * size + column, f = outcomes.map((outcome, i) => outcome.maps[image - 1][pixel] / [255, 1][i]);
    const label = labels[image - 1][pixel] / 255, pi = posterior[image - 1][pixel] / 255;

    const marked = (map, k) => {
      const distance = Math.max(Math.abs(Math.floor(k / size) - row), Math.abs((k % size) - column));
      return map === image - 1 && distance === 2 ? PINK : undefined;
    };
    const outlined = (map, k) => {
      const inner = [k - 1, k + 1, k - size, k + size].every((next) => labels[map][next]);
      return marked(map, k) ?? (labels[map][k] && !inner ? ORANGE : undefined);
    };
    const bright = (all, white) => (map, k) => {
      const confidence = (100 * Math.max(all[map][k], white - all[map][k])) / white;
      const inBin = (confidence > highlighted || highlighted === 50) && confidence <= highlighted + 10;
      return marked(map, k) ?? (highlighted && inBin ? ORANGE : undefined);
    };
    const [low, high] = [0, 1].map((y) => minimiser(y, product)), white = 255;
    strips[0].draw(`Four images of ${part}.`, images, { white, over: outlined });
    if (posteriors) strips[1].draw(`${percent(pi, 0)} at the pixel.`, posterior, { white, over: marked });
    strips[strips.length - 3].draw(`Background ${low.toFixed(2)}, foreground ${high.toFixed(2)}.`,
      labels.map((one) => one.map((grey) => 255 * (grey ? high : low))), { white, over: marked });
    outcomes.forEach(({ maps: all }, i) => {
      const words = `${[name, scale][i]}: ${percent(f[i], 0)} at the pixel.`, most = [white, 1][i];
      strips.slice(-2)[i].draw(words, all, { white: most, over: bright(all, most) });
    });

    const best = minimiser(pi, product);
    loss.begin(`Lowest at ${best.toFixed(2)}; the network predicts ${f[0].toFixed(2)}, BCE / T ${f[1].toFixed(2)}.`);
    loss.line(Array.from({ length: 199 }, (_, i) => [(i + 1) / 200, crossEntropy(best, (i + 1) / 200)]), "ink");
    loss.line([[f[1], 0], [f[1], 3]], "grey dashed");
    loss.line([[f[0], 0], [f[0], 3]], "blue");
    loss.dot(best, crossEntropy(best, best), "orange");

    const error = bins.map(ece);
    errors.begin(`Network ${percent(error[0])}, BCE / T ${percent(error[1])}.`);
    for (const [rule, ended] of Object.entries(rules)) {
      errors.line([[ended, 0], [ended, 0.36]], "pink dotted");
      errors.text(ended, 0.37, rule === "calibration" ? "MC" : "gap");
    }
    errors.line([[0, error[1]], [0.6, error[1]]], "grey dashed");
    const kind = network in rules ? targets[0] : network;
    errors.line(grid.map((value) => [value, ece(reliability(networks[`${kind} ${value}`]))]), "blue");
    errors.dot(product, error[0], "blue");

    const totals = outcomes.map((outcome) => reliability(outcome, 1)[0]);
    outcomes.forEach((outcome, i) => {
      const { accuracy, confidence } = totals[i];
      diagrams[i].draw(bins[i], { bright: highlighted ? highlighted / 10 : -1 });
      const values = [error[i], oe(bins[i]), brier(outcome), accuracy, confidence, ...outcome.sure];
      table.write(i, [short, `BCE, ${scale}`][i], values);
    });
    const [share, other] = bins.map((all) => percent(all[highlighted / 10].share));
    const bin = textOf(BINS, highlighted);
    const inBin = highlighted ? ` ${share} and ${other} of the pixels have a confidence of ${bin}.` : "";
    const truth = posteriors ? `true posterior is ${percent(pi, 0)} and its label ${label}` : `label is ${label}`;
    return `ECE ${percent(error[0])} (${name}) and ${percent(error[1])} (BCE, ${scale}); mean confidence ` +
      `${percent(totals[0].confidence)} and ${percent(totals[1].confidence)}.${inBin} Pixel (${row}, ${column}) of the ` +
      `${textOf(IMAGES, image)} image of ${part}: P(y = 1) is ${percent(f[0], 0)} and ${percent(f[1], 0)}, its ${truth}.`;
  };
  return { nodes, draw };
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
  const names = ({ targets, rules }) => [...targets, ...Object.keys(rules)];
  const parts = [...new Set(Object.values(all).flatMap((data) => Object.keys(data.parts)))];
  const controls = {
    data: { label: "data", options: [["shapes", "shapes (synthetic)"], ["nuclei", "nuclei (real)"]] },
    perturbation: { label: "expected perturbation alpha*beta", min: 0, max: grid[grid.length - 1], step: grid[1] },
    network: { label: "network", options: NETWORKS },
    temperature: { label: "temperature T", min: 1, max: 9, step: 0.1 },
    part: { label: "test set", options: parts.map((part) => [part, part]) },
    image: { label: "image of the pixel", options: IMAGES },
    row: { label: "pixel row", min: 0, max: largest, step: 1 },
    column: { label: "pixel column", min: 0, max: largest, step: 1 },
    highlighted: { label: "highlight pixels with a confidence of", options: BINS },
  };
  // The slider does not set alphas that a rule adapted; each data set has its own networks and sets.
  const idle = ({ data, network }) => [
    ...(network in all[data].rules ? ["perturbation"] : []),
    ...NETWORKS.filter(([name]) => !names(all[data]).includes(name)).map(([name]) => `network:${name}`),
    ...parts.filter((part) => !(part in all[data].parts)).map((part) => `part:${part}`),
  ];
  const link = (moved, { data, network, row, column }) => moved === "data" && {
    network: names(all[data]).includes(network) ? network : "expected", part: "test",
    row: Math.min(row, largest({ data })), column: Math.min(column, largest({ data })),
  };
  return explorer(context, { controls, figure, idle, link });
}

export default { render };
