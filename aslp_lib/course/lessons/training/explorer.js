// @ts-check
// Recorded training runs, epoch by epoch.

const RULES = [["bce", "BCE"], ["aslp_mc", "MC"], ["aslp_me", "ME"], ["aslp_gap", "measured gap"]];
const PARTS = ["training images", "validation images"];
/** Place of the framed image among the displayed training images, and the colour of its frame. */
const FRAMED = 1, FRAME = colour(138, 69, 168);
const NO_ALPHAS = "BCE has no alphas.";

function figure(area, { epochs, size, levels, step, scores, bins, maps: predicted, greys, known, picks }) {
  const images = levels[0][0].length, time = [[0, 20, 40, 60, 80, 100, 120, 140], "epoch"];
  const curves = plot("confidence and accuracy", time, [[50, 60, 70, 80, 90, 100], "%"],
    [["purple", "validation confidence"], ["ink thin", "validation accuracy"],
      ["ink", "training accuracy"], ["over", "overconfident"], ["under", "underconfident"]]);
  const ofConfidence = /** @type {HTMLElement} */ (curves.node.querySelector("li i"));
  const alpha = [[0, 0.1, 0.2, 0.3, 0.4], "alpha"];
  const framed = ["purple", "the framed image"];
  const paths = plot("alphas of training images", time, alpha, [["grey thin", "an image"], framed]);
  const ordered = plot("alphas, sorted", [[1, images / 2, images], "training images"], alpha,
    [["grey", "an image"], framed]);
  const reliable = diagram("reliability, validation images");
  const strips = PARTS.map((part) => ["first", "second"].map((place) =>
    maps({ title: `${part}, ${place}: image, label, posterior, network`, count: 4, size })));
  area.append(stack(...strips.flat()), stack(curves, reliable), stack(paths, ordered));

  const drawAlphas = (past, alphas) => {
    const now = alphas[alphas.length - 1], rank = Array.from(now, (_, i) => i).sort((i, j) => now[i] - now[j]);
    const path = (i) => past.map((epoch, e) => [epoch, alphas[e][i]]);
    paths.line(rank.flatMap((i) => [...path(i), [NaN, NaN]]), "hair");
    ordered.dots(rank.map((i, place) => [place + 1, now[i]]), "grey");
    paths.line(path(picks[FRAMED]), "purple");
    ordered.dot(rank.indexOf(picks[FRAMED]) + 1, now[picks[FRAMED]], "purple");
  };
  const drawMaps = (words, run, now) => strips.forEach((pair, part) => pair.forEach((strip, i) => {
    const network = predicted[run][now][part][i].map((grey) => (255 * grey) / (greys - 1));
    const shown = [...known[part].map((pictures) => pictures[i]), network];
    const rim = (k) => k % size < 2 || k % size >= size - 2 || k < 2 * size || k >= size * (size - 2);
    const over = (map, k) => (part === 0 && i === FRAMED && map === 0 && rim(k) ? FRAME : undefined);
    strip.draw(words, shown, over);
  }));

  return ({ rule, epoch }) => {
    const run = RULES.findIndex(([name]) => name === rule), name = RULES[run][1];
    const now = epochs.indexOf(epoch), past = epochs.slice(0, now + 1);
    const over = (part, k) => past.map((e, i) => [e, 100 * scores[run][i][part][k]]); // accuracy, confidence
    const [accuracy, confidence, error] = scores[run][now][1];
    const alphas = past.map((_, e) => Float64Array.from(levels[run][e], (v) => v * step));
    const text = `confidence ${percent(confidence)}, accuracy ${percent(accuracy)} on validation images, ` +
      `${describeGap(confidence - accuracy)}; ECE ${percent(error)}; ` +
      `accuracy on training images ${percent(scores[run][now][0][0])}`;
    curves.begin(`After epoch ${epoch}: ${text}.`);
    for (const [look, bound] of [["over", Math.max], ["under", Math.min]]) {
      const edge = past.map((e, i) => [e, 100 * bound(...scores[run][i][1].slice(0, 2))]);
      curves.area([...edge, ...over(1, 0).reverse()], `${look} faint`);
    }
    const ofMethod = rule === "bce" ? "grey" : "purple";
    ofConfidence.className = ofMethod;
    curves.line(over(0, 0), "ink");
    curves.line(over(1, 0), "ink thin");
    curves.line(over(1, 1), ofMethod);
    curves.line([[epoch, 50], [epoch, 100]], "grey thin dashed");
    const [pixels, confidences, accuracies] = bins[run][now][1];
    const sums = (n, k) => ({ pixels: n, confidence: n * confidences[k], accuracy: n * accuracies[k] });
    reliable.draw(averaged(Array.from(pixels, (n, k) => ({ ...emptyBin(k / 10, (k + 1) / 10), ...sums(n, k) }))));
    const sorted = alphas[now].slice().sort();
    const [low, high] = [0.1, 0.9].map((share) => quantile(sorted, share).toFixed(3));
    const spread = `Mean alpha ${mean(sorted).toFixed(3)}; 10 % and 90 % quantiles ${low} and ${high}`;
    for (const one of [paths, ordered]) one.begin(rule === "bce" ? NO_ALPHAS : `${spread}.`);
    if (rule === "bce") ordered.text(images / 2, 0.2, NO_ALPHAS);
    else drawAlphas(past, alphas);
    paths.line([[epoch, 0], [epoch, 0.4]], "grey thin dashed");
    drawMaps(`${name}, epoch ${epoch}.`, run, now);
    const last = `${spread}; alpha of the framed image ${alphas[now][picks[FRAMED]].toFixed(3)}.`;
    return `${name}, epoch ${epoch}: ${text}. ${rule === "bce" ? NO_ALPHAS : last}`;
  };
}

function render(/** @type {Context} */ context) {
  const { epochs } = context.model.get("records");
  const controls = {
    rule: { label: "rule", options: RULES },
    epoch: { label: "epoch", min: epochs[0], max: epochs[epochs.length - 1], step: epochs[1] - epochs[0] },
  };
  return explorer(context, { controls, figure, play: "epoch" });
}

export default { render };
