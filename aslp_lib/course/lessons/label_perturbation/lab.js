// @ts-check
// Networks trained at a constant dose, as trained and undone.

const NETWORKS = [["expected", "label smoothing"], ["sampled", "constant alpha (HI)"]];
const STATES = [["trained", "as trained"], ["undone", "undone"]];
const textOf = (options, value) => options.find(([one]) => one === value)[1];
/** Colour of a network's lines, and line of a state. */
const LOOKS = { expected: "yellow", sampled: "green", trained: "", undone: "dotted" };

/** Undo a dose on a map of 8-bit grey levels. */
const undone = (map, dose) => map.map((f) => Math.min(Math.max((f - 127.5 * dose) / (1 - dose), 0), 255));

/** ECE over the dose, of all networks. */
function errorPlot(targets) {
  const x = [[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "dose αβ"];
  const both = targets.flatMap((network) => STATES.map(([state, words]) => [network, state, words]));
  const short = (network) => textOf(NETWORKS, network).replace(" (HI)", "");
  const legend = both.map(([network, state, words]) =>
    [`${LOOKS[network]} ${LOOKS[state]}`, `${short(network)}, ${words}`]);
  const frame = plot("ECE of the test set", x, [[0, 5, 10, 15, 20, 25], "ECE, %"],
    [...legend, ["grey dashed", "BCE, temperature-scaled"]]);
  const draw = (curves, scaled, dose, network, error) => {
    frame.begin(`The network ${percent(error)}, temperature-scaled BCE ${percent(scaled)}.`);
    frame.line([[0, 100 * scaled], [0.6, 100 * scaled]], "grey dashed");
    for (const [name, state] of both) frame.line(curves[`${name} ${state}`], `${LOOKS[name]} ${LOOKS[state]}`);
    frame.dot(dose, 100 * error, LOOKS[network]);
  };
  return { node: frame.node, draw };
}

/** Build the figures of a data set; returns their elements and what draws them. */
function build({ size, grid, targets, images, truth, isPosterior, networks, scaled }) {
  const titles = ["test images", isPosterior ? "true P(y=1)" : "labels", "P(y=1) of the network"];
  const [pictures, known, predicted] = titles.map((title) => maps({ title, count: 4, size }));
  const errors = errorPlot(targets), frame = diagram("reliability of the network");
  const errorOf = (name, dose, state) => ece(reliability(networks[`${name} ${dose}`][state]));
  const curves = Object.fromEntries(targets.flatMap((name) => STATES.map(([state]) =>
    [`${name} ${state}`, grid.map((dose) => [dose, 100 * errorOf(name, dose, state)])])));
  const draw = ({ network, dose, state }) => {
    const one = networks[`${network} ${dose}`], bins = reliability(one[state]);
    const words = `${textOf(NETWORKS, network)}, dose ${dose.toFixed(2)}, ${textOf(STATES, state)}`;
    const gap = describeGap(reliability(one[state], 1)[0].gap);
    pictures.draw("Four of the test set.", images);
    known.draw("Of the same images.", truth);
    const shown = state === "undone" ? one.maps.map((map) => undone(Array.from(map), dose)) : one.maps;
    predicted.draw(`${words}.`, shown);
    errors.draw(curves, ece(reliability(scaled)), dose, network, ece(bins));
    frame.draw(bins);
    return `ECE ${percent(ece(bins))}, ${gap}: ${words}.`;
  };
  return { nodes: [stack(pictures, known, predicted), stack(errors, frame)], draw };
}

function figure(area, records) {
  const built = Object.fromEntries(Object.entries(records).map(([name, data]) => [name, build(data)]));
  return (values) => {
    const { nodes, draw } = built[values.data];
    if (area.firstChild !== nodes[0]) area.replaceChildren(...nodes);
    return draw(values);
  };
}

function render(/** @type {Context} */ context) {
  const all = context.model.get("records"), { grid } = all.shapes;
  const controls = {
    data: { label: "data", options: [["shapes", "shapes (synthetic)"], ["nuclei", "nuclei (real)"]] },
    network: { label: "network", options: NETWORKS },
    dose: { label: "dose alpha*beta", min: 0, max: grid[grid.length - 1], step: grid[1] },
    state: { label: "predictions", options: STATES },
  };
  // Each data set has its own networks.
  const idle = ({ data }) => NETWORKS.filter(([name]) => !all[data].targets.includes(name))
    .map(([name]) => `network:${name}`);
  const link = (moved, { data, network }) => moved === "data" && {
    network: all[data].targets.includes(network) ? network : "expected",
  };
  return explorer(context, { controls, figure, idle, link, lines: 2 });
}

export default { render };
