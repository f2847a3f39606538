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

/** Reliability diagram with bins of equal mass; a confidence at the edge of two bins is split. */
function equalMass(/** @type {Outcomes} */ table, /** @type {number} */ count, sums = runningSums(table)) {
  const size = sums[sums.length - 1][1] / count;
  let k = 1;
  const edges = Array.from({ length: count + 1 }, (_, edge) => {
    const rank = Math.min(edge * size, sums[sums.length - 1][1]);
    while (sums[k][1] < rank) k++;
    const [before, after] = [sums[k - 1], sums[k]], part = (rank - before[1]) / (after[1] - before[1]);
    return [after[0], ...[2, 3].map((column) => before[column] + part * (after[column] - before[column]))];
  });
  return finish(edges.slice(1).map(([high, confidence, correct], i) =>
    ({ low: edges[i][0], high, pixels: size, share: 0, confidence: confidence - edges[i][1], accuracy: correct - edges[i][2], gap: 0 })));
}

/** Diagram with the largest number of bins of equal mass up to which the accuracy never falls. */
function sweep(/** @type {Outcomes} */ table) {
  const sums = runningSums(table);
  let found = equalMass(table, 1, sums);
  for (let count = 2; count < sums.length; count++) {
    const bins = equalMass(table, count, sums);
    if (bins.some(({ accuracy }, i) => i > 0 && accuracy < bins[i - 1].accuracy - 1e-12)) break;
    found = bins;
  }
  return found;
}

/** Debiased squared error, which may be negative. */
const squaredErrorDebiased = (/** @type {Bin[]} */ bins) =>
  sum(bins, ({ pixels, share, accuracy, gap }) => (pixels ? share * (gap ** 2 - (pixels > 1 ? (accuracy * (1 - accuracy)) / (pixels - 1) : 0)) : 0));

const mce = (/** @type {Bin[]} */ bins) => Math.max(...bins.map(({ gap }) => Math.abs(gap)));

/** @type {Record<string, {title: string, value: (bins: Bin[]) => number, bins?: (table: Outcomes, count: number) => Bin[],
 *   counts?: (bin: Bin, bins: Bin[]) => boolean, remark?: (bins: Bin[]) => string}>} */
const ESTIMATORS = {
  ece: { title: "ECE, bins of equal width", value: ece },
  equalMass: { title: "ECE, bins of equal mass", value: ece, bins: equalMass },
  sweep: { title: "ECE sweep", value: ece, bins: sweep, remark: () => " The sweep selects the number of bins, so the slider has no effect." },
  debiased: {
    title: "debiased error (rms)", value: (bins) => Math.sqrt(Math.max(squaredErrorDebiased(bins), 0)),
    remark: (bins) => ` The unbiased estimate is its square, ${squaredErrorDebiased(bins).toFixed(5)}, which may be negative.`,
  },
  oe: {
    title: "overconfidence error OE", value: oe, counts: ({ gap }) => gap > 0,
    remark: () => " Only bins whose confidence exceeds their accuracy count.",
  },
  mce: {
    title: "maximum error MCE", value: mce, counts: ({ gap }, bins) => Math.abs(gap) === mce(bins),
    remark: () => " Only the bin with the largest gap counts, however few pixels it has.",
  },
};

/** @param {Context} context */
function render(context) {
  const labels = Object.keys(context.model.get("records"));
  return explorer(context, {
    controls: {
      ...(labels.length > 1 && { which: { label: "predictions", options: labels.map((label) => [label, label]) } }),
      estimator: { label: "estimator", options: Object.entries(ESTIMATORS).map(([name, { title }]) => [name, title]) },
      bins: { label: "bins", min: 1, max: 50, step: 1 },
    },
    idle: ({ estimator }) => (estimator === "sweep" ? ["bins"] : []),
    figure: async (area, records) => {
      /** @type {Record<string, Outcomes>} */
      const tables = Object.fromEntries(
        await Promise.all(labels.map(async (label) => [label, await unpackOutcomes(records[label])])));
      const x = /** @type {Ticks} */ ([0.5, 0.6, 0.7, 0.8, 0.9, 1]);
      const gaps = plot({
        title: "reliability diagram", x, y: [0, 0.25, 0.5, 0.75, 1], xLabel: "confidence", yLabel: "accuracy in the bin",
        legend: [["light", "accuracy"], ["over", "overconfident"], ["under", "underconfident"], ["grey thin", "thin: gap not counted"]],
      });
      const shares = plot({
        title: "where the pixels are", x, y: [0, 25, 50, 75, 100], xLabel: "confidence", yLabel: "% of the pixels",
      });
      area.append(gaps.node, shares.node);
      return ({ which, estimator, bins: count }) => {
        const { title, value, bins: binsOf = reliability, counts = () => true, remark = () => "" } = ESTIMATORS[estimator];
        const bins = binsOf(tables[which], count), full = bins.filter(({ pixels }) => pixels);
        const name = labels.length > 1 ? `${which}: ${title}` : title;
        gaps.begin(describeBins(bins), name);
        full.forEach((bin) => gaps.bar(Math.max(bin.low, 0.5), bin.high, bin.accuracy, "light"));
        gaps.line([[0.5, 0.5], [1, 1]], "ink dashed thin");
        shares.begin(full.map(({ confidence, share }) => `Confidence ${percent(confidence, 0)}: ${percent(share)} of the pixels.`).join(" "));
        for (const bin of full) {
          const { confidence, accuracy, share, gap } = bin;
          gaps.line([[confidence, accuracy], [confidence, confidence]], `${gap > 0 ? "over" : "under"} ${counts(bin, bins) ? "thick" : "thin"}`);
          gaps.dot(confidence, accuracy, "ink", 2.5);
          shares.line([[confidence, 0], [confidence, 100 * share]], "grey");
          shares.dot(confidence, 100 * share, "ink", 2.5);
        }
        const occupied = full.length === bins.length ? "" : ` (${full.length} of them with pixels)`;
        const { confidence, accuracy } = means(tables[which]);
        return `${name}, ${bins.length} ${bins.length === 1 ? "bin" : "bins"}${occupied}: ${percent(value(bins), 2)}.${remark(bins)} ` +
          `Mean confidence ${percent(confidence)}, accuracy ${percent(accuracy)}: ${describeGap(confidence - accuracy)}.`;
      };
    },
  });
}

export default { render };
