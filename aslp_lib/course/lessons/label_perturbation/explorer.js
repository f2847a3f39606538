// @ts-check
// Label perturbation on a map, and the plane of alpha and beta.

const OTHER = "other beta";
/** Beta of each technique. */
const BETAS = { HI: 2, SI: 1.5, M: 1 };
const NAMES = [["HI", "HI, hard inversion"], ["SI", "SI, soft inversion"], ["M", "M, moderation"],
  [OTHER, OTHER]];

/** Value that a moved control gives to another: a technique has a beta, and a beta a technique. */
function follow(moved, { technique, beta }) {
  if (moved === "technique" && technique !== OTHER) return { beta: BETAS[technique] };
  if (moved !== "beta" || BETAS[technique] === beta) return {};
  return { technique: Object.keys(BETAS).find((name) => BETAS[name] === beta) ?? OTHER };
}

/** Points of the curve of equal dose, alpha*beta = product. */
const curve = (product) => Array.from({ length: 200 }, (_, i) => [(i + 1) / 200, (200 * product) / (i + 1)]);

function figure(area, { size, labels }) {
  const titles = ["switch off: label", "switch on", "expected target"];
  const [original, switched, expected] = titles.map((title) => maps({ title, count: 1, size }));
  const x = [SHARES, "perturbation level α"], y = [[0, 0.5, 1, 1.5, 2], "perturbation strength β"];
  const plane = plot("plane of α and β", x, y,
    [["ink", "dose 1"], ["grey dashed", "chosen dose"], ["yellow thick", "label smoothing"]]);
  area.append(html("div", { className: "strip" }, original.node, switched.node, expected.node), plane.node);
  return ({ technique, alpha, beta }) => {
    const name = BETAS[technique] === beta ? technique : OTHER;
    const product = Number((alpha * beta).toFixed(6));
    // A label with perturbation beta is the expected target of a dose of beta.
    const [off, on] = [0, 1].map((y) => minimiser(y, beta).toFixed(2));
    const [low, high] = [0, 1].map((y) => minimiser(y, product).toFixed(2));
    const perturbed = Float32Array.from(labels, (y) => 255 * minimiser(y, beta));
    original.draw(`Probability ${percent(1 - alpha, 0)}.`, [labels.map((y) => 255 * y)]);
    switched.draw(`${name}, probability ${percent(alpha, 0)}: background ${off}, foreground ${on}.`, [perturbed]);
    expected.draw(`Background ${low}, foreground ${high}.`, [labels.map((y) => 255 * minimiser(y, product))]);
    const position = product > 1 ? "beyond" : product === 1 ? "on" : "under";
    plane.begin(`The point (${alpha.toFixed(2)}, ${beta.toFixed(2)}) is ${position} the line of dose 1.`);
    plane.area([...curve(1), [1, 2], [0.5, 2]], "grey faint");
    plane.line(curve(1), "ink");
    if (product > 0) plane.line(curve(product), "grey dashed");
    plane.line([[1, 0], [1, 1]], "yellow thick");
    for (const [words, height] of [["HI", 2], ["SI", 1.5], ["M", 1]]) {
      plane.line([[0, height], [1, height]], "grey dotted thin");
      plane.text(0.02, height, words, "above");
    }
    plane.text(0.86, 1.75, "inverted", "middle");
    plane.text(0.86, 1.6, "on average", "middle");
    plane.dot(alpha, beta, "ink");
    const decision = product < 1 ? "keeps its side of 1/2" : product === 1 ? "is 1/2" : "is inverted";
    const equal = product > 0 && product <= 1 ? " Label smoothing of this dose has the same expected target." : "";
    return `${name}, beta = ${beta.toFixed(1)}: with probability ${alpha.toFixed(2)}, all targets of the map are ` +
      `${off} on background and ${on} on foreground. The expected targets are ${low} and ${high}. ` +
      `Dose ${product.toFixed(2)}: the expected target ${decision}.${equal}`;
  };
}

function render(/** @type {Context} */ context) {
  const controls = {
    technique: { label: "technique", options: NAMES },
    alpha: { label: "alpha", min: 0, max: 1, step: 0.05 },
    beta: { label: "beta", min: 0, max: 2, step: 0.1 },
  };
  return explorer(context, { controls, figure, link: follow, lines: 4 });
}

export default { render };
