// @ts-check
// Label perturbation on a map, and the plane of alpha and beta.

const OTHER = "other beta";
/** Beta of each technique. @type {Record<string, number>} */
const BETAS = { HI: 2, SI: 1.5, M: 1, DM: 1 };
const NAMES = /** @type {[any, string][]} */ ([["HI", "HI, hard inversion"], ["SI", "SI, soft inversion"], ["M", "M, moderation"], ["DM", "DM, dynamic moderation"], [OTHER, OTHER]]);

/** Perturbed label, without noise; with alpha*beta instead of beta, the expected target. */
const perturbed = (/** @type {number} */ label, /** @type {number} */ beta) => (1 - beta) * label + beta / 2;

/** Value that a moved control gives to the other: a technique has a beta, and a beta a technique. */
function follow(/** @type {string} */ moved, /** @type {{technique: string, beta: number}} */ { technique, beta }) {
  if (moved === "technique" && technique !== OTHER) return { beta: BETAS[technique] };
  if (moved !== "beta" || BETAS[technique] === beta) return {};
  return { technique: Object.keys(BETAS).find((name) => BETAS[name] === beta) ?? OTHER };
}

/** @param {Context} context */
function render(context) {
  return explorer(context, {
    lines: 4,
    controls: {
      technique: { label: "technique", options: NAMES },
      alpha: { label: "alpha", min: 0, max: 1, step: 0.05 },
      beta: { label: "beta", min: 0, max: 2, step: 0.1 },
    },
    link: follow,
    figure: async (area, { size, labels, noise, halfWidth }) => {
      const map = await unpack(labels), pixelNoise = await unpack(noise, Float32Array);
      const titles = ["switch off: label map", "switch on: perturbed", "expected target"];
      const strips = titles.map((title) => maps({ title, count: 1, size }));
      const plane = plot({
        title: "plane of alpha and beta", x: [0, 0.25, 0.5, 0.75, 1], y: [0, 0.5, 1, 1.5, 2], width: 360, height: 300,
        xLabel: "perturbation level alpha", yLabel: "perturbation strength beta",
        legend: [["ink", "alpha*beta = 1"], ["blue dashed", "equal alpha*beta"], ["green", "label smoothing"], ["orange", "DisturbLabel"]],
      });
      area.append(html("div", { className: "strip" }, ...strips.map(({ node }) => node)), plane.node);
      const curve = (/** @type {number} */ product) => Array.from({ length: 200 }, (_, i) => [(i + 1) / 200, (200 * product) / (i + 1)]);
      return ({ technique, alpha, beta }) => {
        const name = BETAS[technique] === beta ? technique : OTHER, product = Number((alpha * beta).toFixed(6));
        const noisy = name === "DM", [off, on] = [0, 1].map((y) => perturbed(y, beta).toFixed(2));
        const [low, high] = [0, 1].map((y) => perturbed(y, product).toFixed(2));
        strips[0].draw(`Probability ${percent(1 - alpha, 0)}.`, [map]);
        strips[1].draw(`${name}, probability ${percent(alpha, 0)}: background ${off}, foreground ${on}.`, [Float32Array.from(map, (y, i) => perturbed(y, beta) + (noisy ? pixelNoise[i] : 0))]);
        strips[2].draw(`Background ${low}, foreground ${high}.`, [Float32Array.from(map, (y) => perturbed(y, product))]);
        const position = product > 1 ? "beyond" : product === 1 ? "on" : "under";
        plane.begin(`The point (${alpha.toFixed(2)}, ${beta.toFixed(2)}) is ${position} the bound alpha*beta = 1.`);
        plane.area([...curve(1).filter(([, b]) => b <= 2), [1, 2], [0.5, 2]], "grey faint");
        plane.line(curve(1), "ink");
        if (product > 0) plane.line(curve(product), "blue dashed");
        plane.line([[1, 0], [1, 1]], "green thick");
        plane.line([[0, 2], [0.5, 2]], "orange thick");
        for (const [words, b] of [["HI", 2], ["SI", 1.5], ["M, DM", 1]]) {
          plane.line([[0, b], [1, b]], "grey dotted thin");
          plane.text(0.02, Number(b), String(words), "above");
        }
        plane.dot(alpha, beta, "blue");
        const decision = product < 1 ? "keeps its side of 1/2" : product === 1 ? "is 1/2" : "is inverted";
        return `${name}, beta = ${beta.toFixed(1)}: with probability ${alpha.toFixed(2)}, all targets of the map are ${off} on background and ${on} on foreground` +
          `${noisy ? `, plus pixel noise within ±${halfWidth.toFixed(2)}` : ""}. The expected targets are ${low} and ${high}. ` +
          `alpha*beta = ${product.toFixed(2)}: the expected target ${decision}.` +
          (product > 0 && product <= 1 ? ` Label smoothing with epsilon = ${product.toFixed(2)} and DisturbLabel with rate ${product.toFixed(2)} have the same expected target.` : "");
      };
    },
  });
}

export default { render };
