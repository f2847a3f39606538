// @ts-check
// Estimators of the calibration error, drawn in a reliability diagram.

/** Sums over all pixels up to each confidence: [confidence, pixels, their confidence, correct]. */
function runningSums(/** @type {Outcomes} */ table) {
  const sums = [[0, 0, 0, 0]];
  for (let i = 0; i < table.pixels.length; i++) {
    if (!table.pixels[i]) continue;
    const [, pixels, confidence, correct] = sums[sums.length - 1], value = level(table, i) / table.top;
    sums.push([value, pixels + table.pixels[i], confidence + table.pixels[i] * value, correct + table.correct[i]]);
  }
  return sums;
}

/** Reliability diagram of bins of equal mass; a confidence at the edge of two bins is split. */
function equalMass(table, count, sums = runningSums(table)) {
  const all = sums[sums.length - 1][1], pixels = all / count;
  let k = 1;
  const edges = Array.from({ length: count + 1 }, (_, edge) => {
    const rank = Math.min(edge * pixels, all);
    while (sums[k][1] < rank) k++;
    const [before, after] = [sums[k - 1], sums[k]], part = (rank - before[1]) / (after[1] - before[1]);
    return [after[0], ...[2, 3].map((column) => before[column] + part * (after[column] - before[column]))];
  });
  return averaged(edges.slice(1).map(([high, confidence, correct], i) => {
    const [low, confidenceBelow, correctBelow] = edges[i];
    const sums = { pixels, confidence: confidence - confidenceBelow, accuracy: correct - correctBelow };
    return { ...emptyBin(low, high), ...sums };
  }));
}

/** Diagram of the most bins of equal mass up to which the accuracy never falls. */
function sweep(table) {
  const sums = runningSums(table);
  let found = equalMass(table, 1, sums);
  for (let count = 2; count < sums.length; count++) {
    const bins = equalMass(table, count, sums);
    if (bins.some(({ accuracy }, i) => i > 0 && accuracy < bins[i - 1].accuracy - 1e-12)) break;
    found = bins;
  }
  return found;
}

/** Squared error minus the variance of the accuracies; may be negative. */
const squaredErrorDebiased = (bins) => overPixels(bins, ({ pixels, accuracy, gap }) =>
  gap ** 2 - (pixels > 1 ? (accuracy * (1 - accuracy)) / (pixels - 1) : 0));

const mce = (bins) => Math.max(...bins.map(({ gap }) => Math.abs(gap)));

/** Title and estimate; bins, which of them count, and a remark, unless they are those of the ECE. */
const ESTIMATORS = {
  ece: { title: "ECE, bins of equal width", value: ece },
  equalMass: { title: "ECE, bins of equal mass", value: ece, binsOf: equalMass },
  sweep: { title: "ECE sweep", value: ece, binsOf: sweep,
    remark: () => " The sweep selects the number of bins, so the slider has no effect." },
  debiased: { title: "debiased error (rms)", value: (bins) => Math.sqrt(Math.max(squaredErrorDebiased(bins), 0)),
    remark: (bins) => " The unbiased estimate is its square, " +
      `${squaredErrorDebiased(bins).toFixed(5)}, which may be negative.` },
  oe: { title: "overconfidence error OE", value: oe, counts: ({ gap }) => gap > 0,
    remark: () => " Only bins whose confidence exceeds their accuracy count." },
  mce: { title: "maximum error MCE", value: mce, counts: ({ gap }, bins) => Math.abs(gap) === mce(bins),
    remark: () => " Only the bin with the largest gap counts, however few pixels it has." },
};

function figure(area, tables) {
  const gaps = diagram("reliability diagram", [["grey thin", "thin: not counted"]]);
  const shares = plot("where the pixels are", [CONFIDENCES, "confidence"], [[0, 25, 50, 75, 100], "% of the pixels"]);
  area.append(gaps.node, shares.node);
  return ({ which, estimator, bins: count }) => {
    const { title, value, binsOf = reliability, counts = () => true, remark = () => "" } = ESTIMATORS[estimator];
    const bins = binsOf(tables[which], count), full = bins.filter(({ pixels }) => pixels);
    gaps.draw(bins, { newTitle: `${which}: ${title}`, shares: false, counts: (bin) => counts(bin, bins) });
    shares.begin(full.map((bin) => `Confidence ${percent(bin.confidence, 0)}: ${percent(bin.share)}.`).join(" "));
    for (const { confidence, share } of full) {
      shares.line([[confidence, 0], [confidence, 100 * share]], "grey");
      shares.dot(confidence, 100 * share, "ink", 2.5);
    }
    const occupied = full.length === bins.length ? "" : ` (${full.length} of them with pixels)`;
    const [{ confidence, accuracy, gap }] = reliability(tables[which], 1);
    return `${which}: ${title}, ${bins.length} ${bins.length === 1 ? "bin" : "bins"}${occupied}: ` +
      `${percent(value(bins), 2)}.${remark(bins)} Mean confidence ${percent(confidence)}, ` +
      `accuracy ${percent(accuracy)}: ${describeGap(gap)}.`;
  };
}

function render(/** @type {Context} */ context) {
  const labels = Object.keys(context.model.get("records"));
  const controls = {
    which: { label: "predictions", options: labels.map((label) => [label, label]) },
    estimator: { label: "estimator", options: Object.entries(ESTIMATORS).map(([name, { title }]) => [name, title]) },
    bins: { label: "bins", min: 1, max: 50, step: 1 },
  };
  return explorer(context, { controls, figure, idle: ({ estimator }) => (estimator === "sweep" ? ["bins"] : []) });
}

export default { render };
