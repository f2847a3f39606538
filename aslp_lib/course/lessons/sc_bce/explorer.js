// @ts-check
// The expected SC-BCE of a pixel over the predicted probability f, and its minimiser f*.

/** The class that a probability decides for. */
const decision = (f) => (Math.abs(f - 0.5) < 1e-6 ? "neither class" : f > 0.5 ? "foreground" : "background");

function figure(area) {
  const loss = plot("loss of a pixel", [SHARES, "predicted P(y=1), f"], [[0, 1, 2, 3], "expected loss, nats"]);
  const line = plot("where it is lowest", [SHARES, "true P(y=1), π"], [SHARES, "minimiser f*"],
    [["grey", "BCE"], ["green", "SC-BCE"]]);
  area.append(loss.node, line.node);
  const points = Array.from({ length: 399 }, (_, i) => (i + 1) / 400);
  return ({ alpha, beta, posterior }) => {
    const product = alpha * beta, best = minimiser(posterior, product), floor = crossEntropy(best, best);
    const [low, high] = [0, 1].map((pi) => minimiser(pi, product));
    loss.begin(`The expected loss is lowest at f = ${best.toFixed(3)}, where it is ${floor.toFixed(3)} nats.`);
    line.begin(`A line from ${low.toFixed(2)} to ${high.toFixed(2)}.`);
    for (const [dose, look] of [[0, "grey"], [product, "green"]]) {
      const target = minimiser(posterior, dose);
      loss.line(points.map((f) => [f, crossEntropy(target, f)]), `${look} thick`);
      loss.dot(target, crossEntropy(target, target), look);
      line.line([0, 1].map((pi) => [pi, minimiser(pi, dose)]), `${look} thick`);
      line.dot(posterior, target, look);
    }
    return `alpha = ${alpha.toFixed(2)}, beta = ${beta.toFixed(1)}, pi = ${posterior.toFixed(2)}: ` +
      `the expected loss is lowest at f* = ${best.toFixed(3)}, where it is ${floor.toFixed(3)} nats; ` +
      `a decision for ${decision(best)}. The minimiser of BCE is ${posterior.toFixed(3)}, ` +
      `a decision for ${decision(posterior)}. At alpha*beta = ${product.toFixed(2)}, ` +
      `the expected confidence of the target is ${(1 - product / 2).toFixed(3)}.`;
  };
}

function render(/** @type {Context} */ context) {
  const controls = {
    alpha: { label: "alpha", min: 0, max: 1, step: 0.05 },
    beta: { label: "beta", min: 0, max: 2, step: 0.1 },
    posterior: { label: "true posterior pi", min: 0, max: 1, step: 0.05 },
  };
  return explorer(context, { controls, figure });
}

export default { render };
