// @ts-check
// Shared by the widgets of the course. Python puts this file before a widget's own script, because
// a module loaded from a blob, or on a page opened as a file, cannot import another.

/**
 * What anywidget's model offers; `page` is true on a page without a kernel.
 * @typedef {{get: (key: string) => any, set: (key: string, value: any) => void,
 *   save_changes: () => void, on: (event: string, f: () => void) => void,
 *   off: (event: string, f: () => void) => void, page?: boolean}} Model
 * @typedef {{model: Model, el: HTMLElement}} Context
 */

/** Create an HTML element with properties and children. @returns {any} */
function html(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

/** Create an SVG element with attributes and children. @returns {any} */
function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
}

/** Prepare the element of a widget: its style, and its keys, which JupyterLab would take. */
function begin(el) {
  el.classList.add("live");
  el.dataset.lmSuppressShortcuts = "true";
  el.addEventListener("keydown", (event) => event.stopPropagation());
}

/** Create a live region, which a screen reader reads aloud when its text changes. */
const status = (lines = 1) =>
  html("p", { className: "words", role: "status", ariaLive: "polite", style: `--lines: ${lines}` });

const decimals = (v) => (String(v).split(".")[1] ?? "").length;

/** Create a slider from `min` to `max`, which may depend on the values of all controls. */
function slider({ label, min, max, step }, change) {
  const digits = decimals(step);
  const input = html("input", { type: "range", min, step });
  const written = html("span", { className: "value", ariaHidden: "true" }); // the slider speaks it
  input.addEventListener("input", () => change(Number(input.value)));
  return {
    node: html("label", { className: "slider" }, html("span", {}, label), written, input),
    show: (value, values) => {
      input.max = typeof max === "function" ? max(values) : max;
      input.value = value;
      written.textContent = value.toFixed(digits);
    },
    disable: (useless, name) => { input.disabled = useless.includes(name); },
  };
}

let groups = 0;

/** Create radio buttons from pairs of value and text. */
function choice({ label, options }, change) {
  const name = `live-${Date.now()}-${groups++}`;
  const inputs = options.map(() => html("input", { type: "radio", name }));
  const buttons = options.map(([value, text], i) => {
    inputs[i].addEventListener("change", () => change(value));
    return html("label", {}, inputs[i], html("span", {}, text));
  });
  const node = html("fieldset", { className: "choice" }, html("legend", {}, label), ...buttons);
  return {
    node,
    show: (current) => inputs.forEach((input, i) => { input.checked = options[i][0] === current; }),
    disable: (useless, group) => {
      node.disabled = useless.includes(group);
      buttons.forEach((button, i) => { button.hidden = useless.includes(`${group}:${options[i][0]}`); });
    },
  };
}

const SHARES = [0, 0.25, 0.5, 0.75, 1], CONFIDENCES = [0.5, 0.6, 0.7, 0.8, 0.9, 1];

/**
 * Create a plot with fixed axes. The first and last of an axis' ticks are its limits. Positions are
 * in the axes' units; a look is a list of classes of live.css, and the legend has pairs of look and
 * text. `begin` removes all marks and describes those that follow.
 * @param {string} title
 * @param {any[]} x ticks and label
 * @param {any[]} y ticks and label
 * @param {string[][]} legend
 */
function plot(title, [x, xLabel], [y, yLabel], legend = []) {
  const [width, height, left, right, top, bottom] = [330, 270, 56, 318, 26, 230];
  const X = (v) => left + ((v - x[0]) / (x[x.length - 1] - x[0])) * (right - left);
  const Y = (v) => bottom - ((v - y[0]) / (y[y.length - 1] - y[0])) * (bottom - top);
  const write = (px, py, words, look = "middle", rest = {}) =>
    svg("text", { x: px, y: py, class: look, ...rest }, String(words));
  const marks = svg("g"), heading = write((left + right) / 2, 15, title, "middle title");
  const ticks = [...x.map((v) => `M${X(v)} ${bottom}v4`), ...y.map((v) => `M${left} ${Y(v)}h-4`)];
  const figure = svg(
    "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, heading,
    svg("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}${ticks.join("")}` }),
    write((left + right) / 2, height - 6, xLabel), write(0, 0, yLabel, "middle upward"),
    ...x.map((v) => write(X(v), bottom + 16, v)),
    ...y.map((v) => write(left - 7, Y(v) + 4, v.toFixed(Math.max(...y.map(decimals))), "end")), marks,
  );
  const keys = legend.map(([look, words]) => html("li", {}, html("i", { className: look }), words));
  const tenth = (v) => Math.round(10 * v) / 10;
  /** Path through the points; those outside of the axes, or NaN, are gaps. */
  const path = (points) => {
    let text = "", drawing = false;
    for (const [a, b] of points) {
      const px = X(a), py = Y(b);
      const inside = px > left - 1 && px < right + 1 && py > top - 1 && py < bottom + 1;
      if (inside) text += `${drawing ? "L" : "M"}${tenth(px)} ${tenth(py)}`;
      drawing = inside;
    }
    return text;
  };
  const draw = (name, kind, look, attributes) =>
    marks.append(svg(name, { class: `${kind} ${look}`, ...attributes }));
  return {
    node: html("div", { className: "plot" }, figure, html("ul", {}, ...keys)),
    begin: (words, newTitle = title) => {
      marks.replaceChildren();
      heading.textContent = newTitle;
      figure.setAttribute("aria-label", `${newTitle}. ${words}`);
    },
    line: (points, look) => draw("path", "line", look, { d: path(points) }),
    area: (points, look) => draw("path", "area", look, { d: path(points) }),
    dots: (points, look) =>
      draw("path", "dots", look, { d: points.map(([a, b]) => `M${tenth(X(a))} ${tenth(Y(b))}h0`).join("") }),
    dot: (a, b, look, r = 6) => draw("circle", "area", look, { cx: X(a), cy: Y(b), r }),
    bar: (from, to, b, look) => draw("rect", "area", look,
      { x: X(from), width: Math.max(X(to) - X(from), 0), y: Y(b), height: bottom - Y(b) }),
    text: (a, b, words, look) => marks.append(write(X(a), Y(b), words, look)),
  };
}

/** Put figures below one another. */
const stack = (...figures) => html("div", { className: "stack" }, ...figures.map(({ node }) => node));

/** Colour of a pixel of a map, in the order of a canvas' bytes. */
const colour = (red, green, blue) => 0xff000000 | (blue << 16) | (green << 8) | red;

/**
 * Create `count` square maps side by side on a canvas. `draw` shows grey levels from 0 to 255; its
 * argument `over` returns the colour of what covers a pixel of a map, or undefined.
 */
function maps({ title, count, size }) {
  const step = size + 2, width = count * step - 2;
  const canvas = html("canvas", { width, height: size, role: "img", ariaLabel: title });
  const context = canvas.getContext("2d"), picture = context.createImageData(width, size);
  const pixels = new Uint32Array(picture.data.buffer);
  return {
    node: html("figure", {}, html("figcaption", {}, title), canvas),
    draw: (words, values, over = (_map, _pixel) => undefined) => {
      canvas.ariaLabel = `${title}. ${words}`;
      values.forEach((map, i) => {
        for (let k = 0, at = i * step; k < size * size; k++, at += k % size ? 1 : width - size + 1) {
          const grey = Math.round(map[k]);
          pixels[at] = over(i, k) ?? colour(grey, grey, grey);
        }
      });
      context.putImageData(picture, 0, 0);
    },
  };
}

/** Nested arrays of a shape, the innermost of which are parts of `values`. @returns {any} */
function nested(values, shape) {
  const [length, ...inner] = shape, size = values.length / length;
  const part = (i) => nested(values.subarray(i * size, (i + 1) * size), inner);
  return inner.length ? Array.from({ length }, (_, i) => part(i)) : values;
}

/** Replace the arrays that Python packed (`packed` of live/__init__.py). @returns {Promise<any>} */
async function unpack(value) {
  if (Array.isArray(value)) return Promise.all(value.map(unpack));
  if (Object(value) !== value) return value;
  if (!value.packed) {
    const entries = Object.entries(value).map(async ([key, part]) => [key, await unpack(part)]);
    return Object.fromEntries(await Promise.all(entries));
  }
  const text = atob(value.packed), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i); // Uint8Array.from is slow
  const stream = new Response(bytes).body?.pipeThrough(new DecompressionStream("deflate"));
  return nested(new globalThis[value.type](await new Response(stream).arrayBuffer()), value.shape);
}

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
/** Expected target of a pixel, which is the minimiser of its expected loss. */
const minimiser = (posterior, perturbation) => (1 - perturbation) * posterior + perturbation / 2;
const surprise = (target, f) => (target === 0 ? 0 : -target * Math.log(f));
/** Cross-entropy between a target and a probability, in nats. */
const crossEntropy = (target, f) => surprise(target, f) + surprise(1 - target, 1 - f);

/** The quantile `share` of ascending numbers, interpolated as by NumPy. */
function quantile(sorted, share) {
  const place = share * (sorted.length - 1), low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}
const sum = (values) => values.reduce((total, v) => total + v, 0), mean = (values) => sum(values) / values.length;

/**
 * Pixels by confidence, all and correct ones; confidences are the highest multiples of 1 / top.
 * @typedef {{top: number, pixels: ArrayLike<number>, correct: ArrayLike<number>}} Outcomes
 */

/** Confidence times `top` of entry i, an integer. */
const level = ({ top, pixels }, i) => top + 1 - pixels.length + i;

const emptyBin = (low, high) => ({ low, high, pixels: 0, confidence: 0, accuracy: 0, gap: 0, share: 0 });

/** Turn the sums over the pixels of bins into means. */
function averaged(bins) {
  const total = sum(bins.map(({ pixels }) => pixels));
  return bins.map((bin) => {
    const confidence = bin.confidence / bin.pixels, accuracy = bin.accuracy / bin.pixels;
    return { ...bin, share: bin.pixels / total, confidence, accuracy, gap: bin.pixels && confidence - accuracy };
  });
}

/** Reliability diagram of bins (low, high] of equal width, the lowest with its lower end. */
function reliability(/** @type {Outcomes} */ table, count = 10) {
  const bins = Array.from({ length: count }, (_, k) => emptyBin(k / count, (k + 1) / count));
  for (let i = 0; i < table.pixels.length; i++) {
    const bin = bins[Math.max(Math.ceil((level(table, i) * count) / table.top) - 1, 0)];
    bin.pixels += table.pixels[i];
    bin.confidence += (table.pixels[i] * level(table, i)) / table.top;
    bin.accuracy += table.correct[i];
  }
  return averaged(bins);
}

/** Mean of a term over the pixels of all bins. */
const overPixels = (bins, term) => sum(bins.map((bin) => (bin.pixels ? bin.share * term(bin) : 0)));
const ece = (bins) => overPixels(bins, ({ gap }) => Math.abs(gap));
const oe = (bins) => overPixels(bins, ({ confidence, gap }) => confidence * Math.max(gap, 0));

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

/** Describe a difference of confidence and accuracy in words. */
function describeGap(gap, digits = 1) {
  const points = Math.abs(100 * gap).toFixed(digits);
  if (Number(points) === 0) return "calibrated on average";
  return `${gap > 0 ? "over" : "under"}confident by ${points} ${Number(points) === 1 ? "point" : "points"}`;
}

/** Describe the bins that have pixels, for readers who do not see them. */
const describeBins = (bins) => bins.filter(({ pixels }) => pixels).map(({ confidence, accuracy }) =>
  `Confidence ${percent(confidence, 0)}: accuracy ${percent(accuracy, 0)}.`).join(" ");

/** Create a reliability diagram. `draw` marks bins for which `counts` is false by a thin gap. */
function diagram(title, legend = [["grey", "share of the pixels"]]) {
  const looks = [["light", "accuracy"], ["over", "overconfident"], ["under", "underconfident"]];
  const frame = plot(title, [CONFIDENCES, "confidence"], [SHARES, "accuracy"], [...looks, ...legend]);
  const draw = (bins, { newTitle = title, bright = -1, shares = true, counts = (_bin) => true } = {}) => {
    frame.begin(`ECE ${percent(ece(bins))}. ${describeBins(bins)}`, newTitle);
    const full = bins.map((bin, i) => ({ ...bin, i })).filter(({ pixels }) => pixels);
    for (const { i, low, high, accuracy, share } of full) {
      frame.bar(Math.max(low, 0.5), high, accuracy, i === bright ? "yellow" : "light");
      if (shares) frame.bar((low + high) / 2 - 0.01, (low + high) / 2 + 0.01, share, "grey");
    }
    frame.line([[0.5, 0.5], [1, 1]], "ink thin");
    for (const bin of full) {
      const ends = [[bin.confidence, bin.accuracy], [bin.confidence, bin.confidence]];
      frame.line(ends, `${bin.gap > 0 ? "over" : "under"} ${counts(bin) ? "thick" : "thin"}`);
    }
  };
  return { node: frame.node, draw };
}

/** Create a button that moves a slider to its end, and starts anew there; `words` are silent then. */
function player({ min, max, step }, get, set, words) {
  const button = html("button", { type: "button" }, "play");
  let timer = 0;
  const turn = (on) => {
    clearInterval(timer);
    timer = on && setInterval(() => (button.isConnected && get() < max ? set(get() + step) : turn(false)), 250);
    button.textContent = on ? "pause" : "play";
    words.ariaLive = on ? "off" : "polite";
  };
  button.addEventListener("click", () => {
    if (!timer && get() >= max) set(min);
    turn(!timer);
  });
  return button;
}

/**
 * Connect controls, a readout and figures. `controls` are the arguments of `slider` and `choice` by
 * name. `figure(area, records, set)` builds the figures; it returns a function that draws them at
 * the controls' values and returns the readout, which is `lines` high. `link(moved, values)` returns
 * values that follow from a control that was moved. `idle(values)` names the controls without
 * effect, and options to hide as "control:option". `play` names a slider that a button moves.
 * @param {Context} context
 * @param {{controls: any, figure: any, link?: any, idle?: any, lines?: number, play?: string}} options
 */
async function explorer({ model, el }, { controls, figure, link, idle, lines = 3, play }) {
  begin(el);
  const words = status(lines), area = html("div", { className: "figures" });
  const set = (values) => {
    model.set("values", { ...model.get("values"), ...values });
    model.save_changes();
  };
  const panel = html("div", { className: "controls" });
  const made = Object.entries(controls).map(([name, options]) => {
    const change = (value) => set({ [name]: value, ...link?.(name, { ...model.get("values"), [name]: value }) });
    const control = (options.options ? choice : slider)(options, change);
    panel.append(control.node);
    return { name, control };
  });
  const value = () => model.get("values")[play];
  if (play) panel.append(player(controls[play], value, (next) => set({ [play]: next }), words));
  el.append(panel, words, area);
  const draw = figure(area, await unpack(model.get("records")), set);
  const update = () => {
    const values = model.get("values"), useless = idle?.(values) ?? [];
    for (const { name, control } of made) {
      control.show(values[name], values);
      control.disable(useless, name);
    }
    words.textContent = draw(values);
  };
  model.on("change:values", update);
  update();
  return () => model.off("change:values", update);
}

/** Show a widget on a page without a kernel, wherever the book has an element for its module. */
function mount(name, render) {
  for (const place of document.querySelectorAll(`[data-live="${name}"]`)) {
    const state = JSON.parse(place.querySelector("script")?.textContent ?? "");
    const events = new EventTarget();
    const model = {
      page: true, save_changes: () => {}, get: (key) => state[key],
      set: (key, value) => { state[key] = value; events.dispatchEvent(new Event(`change:${key}`)); },
      on: (event, f) => events.addEventListener(event, f),
      off: (event, f) => events.removeEventListener(event, f),
    };
    const el = html("div");
    place.replaceChildren(el);
    render({ model, el });
  }
}
