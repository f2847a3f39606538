// @ts-check
// The calibration error of bins of equal width: a reliability diagram, and mistakes beside it.

const MOST_BINS = 50;
const MEASURES = {
  ece: { title: "ECE", value: ece, counts: (_bin) => true, remark: "" },
  oe: { title: "OE", value: oe, counts: ({ gap }) => gap > 0, remark: " It ignores underconfident bins, drawn thin." },
};

/** Write a word into a figure, in the colour of a direction. */
const write = (frame, y, words, look) =>
  frame.node.querySelector("svg").append(svg("text", { x: 64, y, style: `fill: var(--${look})` }, words));

/** Ticks of the accuracy: 50 to 100, or from below, where a bin of any number of bins has less. */
function accuracies(tables) {
  const of = (table) => Array.from({ length: MOST_BINS }, (_, k) => reliability(table, k + 1)).flat();
  const all = Object.values(tables).flatMap(of).filter(({ pixels }) => pixels);
  const lowest = 10 * Math.floor(10 * Math.min(0.5, ...all.map(({ accuracy }) => accuracy)));
  return Array.from({ length: (100 - lowest) / 10 + 1 }, (_, k) => lowest + 10 * k);
}

/** Ticks of the mistakes in 100 pixels, up to those of all pixels in one bin, below the words. */
function mistakes(tables) {
  const whole = Object.values(tables).map((table) => reliability(table, 1)[0]);
  const most = 100 * Math.max(...whole.map(({ confidence, accuracy }) => 1 - Math.min(confidence, accuracy)));
  const step = most > 12 ? 10 : 2;
  return Array.from({ length: Math.ceil(most / step) + 2 }, (_, k) => step * k);
}

function figure(area, tables) {
  const x = [[50, 60, 70, 80, 90, 100], "confidence, %"];
  const gaps = plot("reliability diagram", x, [accuracies(tables), "accuracy, %"]);
  const parts = plot("mistakes", x, [mistakes(tables), "mistakes in 100 pixels"]);
  write(gaps, 42, "overconfident", "over");
  write(gaps, 58, "underconfident", "under");
  write(parts, 42, "more than promised", "over");
  write(parts, 58, "fewer than promised", "under");
  area.append(gaps.node, parts.node);
  return ({ which, measure, bins: count }) => {
    const { title, value, counts, remark } = MEASURES[measure];
    const bins = reliability(tables[which], count), full = bins.filter(({ pixels }) => pixels);
    gaps.begin(describeBins(bins), `${which}: reliability diagram`);
    gaps.line([[50, 50], [100, 100]], "ink thin dashed");
    parts.begin(full.map(({ low, high, share, confidence, accuracy }) =>
      `Confidence ${percent(low, 0)} to ${percent(high, 0)}: ${(100 * share * (1 - confidence)).toFixed(1)} promised, ` +
      `${(100 * share * (1 - accuracy)).toFixed(1)} made.`).join(" "), `mistakes: ${title} ${percent(value(bins))}`);
    for (const bin of full) {
      const look = `${bin.gap > 0 ? "over" : "under"} ${counts(bin) ? "thick" : "thin"}`;
      const [c, a] = [100 * bin.confidence, 100 * bin.accuracy];
      gaps.line([[c, c], [c, a]], look);
      gaps.dot(c, a, "ink", 0.65 * Math.sqrt(12 + 50 * bin.share));
      const low = Math.max(100 * bin.low, 50), high = 100 * bin.high, edge = (high - low) / 4;
      const [promised, made] = [bin.share * (100 - c), bin.share * (100 - a)], middle = (low + high) / 2;
      parts.line([[middle, promised], [middle, made]], look);
      parts.line([[low + edge, promised], [high - edge, promised]], "ink thin");
      parts.dot(middle, made, "ink", count > 20 ? 2.5 : 4);
    }
    const occupied = full.length === bins.length ? "" : ` (${full.length} of them with pixels)`;
    const [{ confidence, accuracy, gap }] = reliability(tables[which], 1);
    return `${which}: ${title}, ${bins.length} ${bins.length === 1 ? "bin" : "bins"}${occupied}: ` +
      `${percent(value(bins), 2)}.${remark} Mean confidence ${percent(confidence)}, ` +
      `accuracy ${percent(accuracy)}: ${describeGap(gap)}.`;
  };
}

function render(/** @type {Context} */ context) {
  const options = Object.keys(context.model.get("records")).map((label) => [label, label]);
  const controls = {
    which: { label: "network", options },
    measure: { label: "measure", options: Object.entries(MEASURES).map(([name, { title }]) => [name, title]) },
    bins: { label: "bins", min: 1, max: MOST_BINS, step: 1 },
  };
  return explorer(context, { controls, figure });
}

export default { render };
