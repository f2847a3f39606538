// @ts-check
// Shared by the widgets of the course. Python puts this file before a widget's own script, because
// a module loaded from a blob, or on a page opened as a file, cannot import another.

/**
 * What anywidget's model offers; `page` is true on a page without a kernel.
 * @typedef {{get: (key: string) => any, set: (key: string, value: any) => void,
 *   save_changes: () => void, on: (event: string, f: () => void) => void,
 *   off: (event: string, f: () => void) => void, page?: boolean}} Model
 * @typedef {{model: Model, el: HTMLElement}} Context
 * @typedef {{node: HTMLElement, show: (value: any, values: any) => void, disable: (useless: string[], name: string) => void}} Control
 * @typedef {(number | [number, string])[]} Ticks
 */

/** Create an HTML element. @returns {any} */
function html(/** @type {string} */ name, properties = {}, /** @type {(Node | string)[]} */ ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

/** Create an SVG element. @returns {any} */
function svg(/** @type {string} */ name, attributes = {}, /** @type {(Node | string)[]} */ ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
}

/** Prepare the element of a widget: its style, and its keys, which JupyterLab would take. */
function begin(/** @type {HTMLElement} */ el) {
  el.classList.add("live");
  el.dataset.lmSuppressShortcuts = "true";
  el.addEventListener("keydown", (event) => event.stopPropagation());
}

/** Create a live region, which a screen reader reads aloud when its text changes. */
function status(lines = 1) {
  const region = html("p", { className: "words", role: "status", ariaLive: "polite" });
  region.style.setProperty("--lines", String(lines));
  return region;
}

/** Number of decimals of a slider's step. */
const decimals = (/** @type {number} */ step) => (String(step).split(".")[1] ?? "").length;

/**
 * Create a slider from `min` to `max`, which shows its value.
 * @param {{label: string, min: number, max: number | ((values: any) => number), step: number}} options
 * @param {(value: number) => void} change
 * @returns {Control}
 */
function slider({ label, min, max, step }, change) {
  const input = html("input", { type: "range", min, step });
  const value = html("span", { className: "value", ariaHidden: "true" }); // the slider speaks it
  const write = () => { value.textContent = Number(input.value).toFixed(decimals(step)); };
  input.addEventListener("input", () => { write(); change(Number(input.value)); });
  return {
    node: html("label", { className: "slider" }, html("span", { textContent: label }), value, input),
    show: (current, values) => {
      input.max = typeof max === "function" ? max(values) : max;
      input.value = current;
      write();
    },
    disable: (useless, name) => { input.disabled = useless.includes(name); },
  };
}

let groups = 0;

/**
 * Create radio buttons, one for each pair of value and text.
 * @param {{label: string, options: [any, string][]}} options
 * @param {(value: any) => void} change
 * @returns {Control}
 */
function choice({ label, options }, change) {
  const name = `live-${Date.now()}-${groups++}`;
  const inputs = options.map(() => html("input", { type: "radio", name }));
  inputs.forEach((input, i) => input.addEventListener("change", () => change(options[i][0])));
  const buttons = inputs.map((input, i) => html("label", {}, input, html("span", { textContent: options[i][1] })));
  const node = html("fieldset", { className: "choice" }, html("legend", { textContent: label }), ...buttons);
  return {
    node,
    show: (current) => inputs.forEach((input, i) => { input.checked = options[i][0] === current; }),
    disable: (useless, group) => {
      node.disabled = useless.includes(group);
      buttons.forEach((button, i) => { button.hidden = useless.includes(`${group}:${options[i][0]}`); });
    },
  };
}

/** First and last value of an axis' ticks. @returns {[number, number]} */
const ends = (/** @type {Ticks} */ ticks) =>
  /** @type {any} */ ([ticks[0], ticks[ticks.length - 1]].map((tick) => [tick].flat()[0]));

/**
 * Create a plot with fixed axes. Of the ticks of an axis, the first and the last are its limits.
 * Positions are in the axes' units; a `look` is a list of classes of live.css.
 * @param {{title: string, x: Ticks, y: Ticks, xLabel: string, yLabel: string, width?: number,
 *   height?: number, legend?: [string, string][]}} options
 */
function plot({ title, x, y, xLabel, yLabel, width = 330, height = 270, legend = [] }) {
  const [left, right, top, bottom] = [56, width - 12, 26, height - 40];
  const [[x0, x1], [y0, y1]] = [ends(x), ends(y)];
  const X = (/** @type {number} */ v) => left + ((v - x0) / (x1 - x0)) * (right - left);
  const Y = (/** @type {number} */ v) => bottom - ((v - y0) / (y1 - y0)) * (bottom - top);
  const write = (/** @type {number} */ px, /** @type {number} */ py, /** @type {any} */ words, look = "middle", rest = {}) =>
    svg("text", { x: px, y: py, class: look, ...rest }, String(words));
  const figure = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  const heading = write((left + right) / 2, 15, title, "middle title");
  figure.append(
    svg("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }),
    heading,
    write((left + right) / 2, height - 6, xLabel),
    write(0, 0, yLabel, "middle", { transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)` }),
  );
  for (const [v, words] of /** @type {[number, any][]} */ (x.map((tick) => [tick, tick].flat())))
    figure.append(svg("path", { class: "axis", d: `M${X(v)} ${bottom}v4` }), write(X(v), bottom + 16, words));
  for (const [v, words] of /** @type {[number, any][]} */ (y.map((tick) => [tick, tick].flat())))
    figure.append(svg("path", { class: "axis", d: `M${left} ${Y(v)}h-4` }), write(left - 7, Y(v) + 4, words, "end"));
  const marks = figure.appendChild(svg("g"));
  const keys = legend.map(([look, words]) => html("li", {}, html("i", { className: look }), words));
  const node = html("div", { className: "plot" }, figure, ...(keys.length ? [html("ul", {}, ...keys)] : []));
  /** Path through the points; those outside of the axes, or NaN, are gaps. */
  const path = (/** @type {number[][]} */ points) => {
    let text = "", drawing = false;
    for (const [a, b] of points) {
      const px = X(a), py = Y(b);
      const inside = px > left - 1 && px < right + 1 && py > top - 1 && py < bottom + 1;
      if (inside) text += `${drawing ? "L" : "M"}${Math.round(10 * px) / 10} ${Math.round(10 * py) / 10}`;
      drawing = inside;
    }
    return text;
  };
  const draw = (/** @type {string} */ name, /** @type {object} */ attributes) => { marks.append(svg(name, attributes)); };
  return {
    node,
    /** Remove all marks, and describe those that follow. */
    begin: (/** @type {string} */ words, newTitle = title) => {
      marks.replaceChildren();
      heading.textContent = newTitle;
      figure.setAttribute("aria-label", `${newTitle}. ${words}`);
    },
    line: (/** @type {number[][]} */ points, look = "") => draw("path", { class: `line ${look}`, d: path(points) }),
    area: (/** @type {number[][]} */ points, look = "") => draw("path", { class: `area ${look}`, d: path(points) }),
    dots: (/** @type {number[][]} */ points, look = "") =>
      draw("path", { class: `line dots ${look}`, d: points.map(([a, b]) => `M${X(a).toFixed(1)} ${Y(b).toFixed(1)}h0`).join("") }),
    dot: (/** @type {number} */ a, /** @type {number} */ b, look = "", r = 6) =>
      draw("circle", { class: `area ${look}`, cx: X(a), cy: Y(b), r }),
    bar: (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ b, look = "") =>
      draw("rect", { class: `area ${look}`, x: X(from), width: Math.max(X(to) - X(from), 0), y: Y(b), height: bottom - Y(b) }),
    text: (/** @type {number} */ a, /** @type {number} */ b, /** @type {string} */ words, look = "") => marks.append(write(X(a), Y(b), words, look)),
  };
}

/** Colour of a pixel of a map, in the order of a canvas' bytes. */
const colour = (/** @type {number} */ red, /** @type {number} */ green, /** @type {number} */ blue) =>
  0xff000000 | (blue << 16) | (green << 8) | red;

/**
 * Create maps side by side on a canvas.
 * @param {{title: string, count: number, size: number}} options `size`: side of a map in pixels
 */
function maps({ title, count, size }) {
  const gap = 2, step = size + gap;
  const canvas = html("canvas", { width: count * step - gap, height: size, role: "img", ariaLabel: title });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const picture = context.createImageData(canvas.width, size), pixels = new Uint32Array(picture.data.buffer);
  return {
    node: html("figure", {}, html("figcaption", { textContent: title }), canvas),
    /**
     * Draw values from 0 (black) to `white`; `over` returns the colour of what covers a pixel.
     * @param {string} words description of the maps
     * @param {ArrayLike<number>[]} values
     * @param {(map: number, pixel: number) => number | undefined} over
     */
    draw: (words, values, over = () => undefined, white = 1) => {
      canvas.ariaLabel = `${title}. ${words}`;
      values.forEach((map, i) => {
        for (let k = 0; k < size * size; k++) {
          const grey = Math.round((255 / white) * map[k]);
          pixels[Math.floor(k / size) * canvas.width + i * step + (k % size)] = over(i, k) ?? colour(grey, grey, grey);
        }
      });
      context.putImageData(picture, 0, 0);
    },
    /** Call `pick(map, row, column)` when a reader points at a pixel. */
    onPick: (/** @type {(map: number, row: number, column: number) => void} */ pick) =>
      canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => {
        const x = Math.floor((event.offsetX / canvas.clientWidth) * canvas.width);
        const row = Math.floor((event.offsetY / canvas.clientHeight) * size);
        if (x >= 0 && x % step < size) pick(Math.floor(x / step), Math.min(Math.max(row, 0), size - 1), x % step);
      }),
  };
}

/** Keep the results of a function of numbers and texts. @template T @returns {(...key: any[]) => T} */
function cached(/** @type {(...key: any[]) => T} */ compute) {
  /** @type {Map<string, T>} */
  const results = new Map();
  return (...key) => {
    const name = key.join();
    if (!results.has(name)) results.set(name, compute(...key));
    return /** @type {T} */ (results.get(name));
  };
}

/** Read an array that Python packed (`packed` of live/__init__.py). @returns {Promise<any>} */
async function unpack(/** @type {string} */ text, /** @type {any} */ Type = Uint8Array) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Type(await new Response(stream).arrayBuffer());
}

/** The `share` quantile of ascending numbers, interpolated as by NumPy. */
function quantile(/** @type {ArrayLike<number>} */ sorted, /** @type {number} */ share) {
  const place = share * (sorted.length - 1), low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

/**
 * Pixels by confidence: of the K highest multiples of 1 / top, all and those that are correct.
 * @typedef {{top: number, pixels: ArrayLike<number>, correct: ArrayLike<number>}} Outcomes
 * @typedef {{low: number, high: number, pixels: number, share: number, confidence: number,
 *   accuracy: number, gap: number}} Bin
 */

/** Read the outcomes that Python packed (`outcomes` of live/__init__.py). @returns {Promise<Outcomes>} */
async function unpackOutcomes(/** @type {{top: number, table: string}} */ { top, table }) {
  const numbers = await unpack(table, Uint32Array), half = numbers.length / 2;
  return { top, pixels: numbers.subarray(0, half), correct: numbers.subarray(half) };
}

/** Confidence times `top` of entry i, an integer. */
const level = (/** @type {Outcomes} */ { top, pixels }, /** @type {number} */ i) => top + 1 - pixels.length + i;

/** Turn the sums of bins into means. @returns {Bin[]} */
function finish(/** @type {Bin[]} */ bins) {
  const total = bins.reduce((sum, bin) => sum + bin.pixels, 0);
  return bins.map((bin) => {
    const confidence = bin.confidence / bin.pixels, accuracy = bin.accuracy / bin.pixels;
    return { ...bin, share: bin.pixels / total, confidence, accuracy, gap: bin.pixels ? confidence - accuracy : 0 };
  });
}

/** Reliability diagram with bins (low, high] of equal width, the lowest with its lower end. */
function reliability(/** @type {Outcomes} */ table, count = 10) {
  const bins = Array.from({ length: count }, (_, k) => emptyBin(k / count, (k + 1) / count));
  for (let i = 0; i < table.pixels.length; i++) {
    const bin = bins[Math.max(Math.ceil((level(table, i) * count) / table.top) - 1, 0)];
    bin.pixels += table.pixels[i];
    bin.confidence += (table.pixels[i] * level(table, i)) / table.top;
    bin.accuracy += table.correct[i];
  }
  return finish(bins);
}

/** @returns {Bin} */
const emptyBin = (/** @type {number} */ low, /** @type {number} */ high) =>
  ({ low, high, pixels: 0, share: 0, confidence: 0, accuracy: 0, gap: 0 });

const sum = (/** @type {Bin[]} */ bins, /** @type {(bin: Bin) => number} */ term) => bins.reduce((total, bin) => total + term(bin), 0);
const ece = (/** @type {Bin[]} */ bins) => sum(bins, ({ share, gap }) => share * Math.abs(gap));
const oe = (/** @type {Bin[]} */ bins) => sum(bins, ({ pixels, share, confidence, gap }) => (pixels ? share * confidence * Math.max(gap, 0) : 0));
/** Mean confidence, and accuracy, of all pixels. */
const means = (/** @type {Outcomes} */ table) => reliability(table, 1)[0];

/** Describe a difference of confidence and accuracy in words. */
function describeGap(/** @type {number} */ gap, digits = 1) {
  const points = Math.abs(Number((100 * gap).toFixed(digits)));
  if (points === 0) return "calibrated on average";
  return `${gap > 0 ? "over" : "under"}confident by ${points.toFixed(digits)} point${points === 1 ? "" : "s"}`;
}

/** Create a reliability diagram; `draw(bins, highlighted)` marks a bin by its index. */
function diagram(/** @type {string} */ title) {
  const frame = plot({
    title, x: [0.5, 0.6, 0.7, 0.8, 0.9, 1], y: [0, 0.25, 0.5, 0.75, 1], xLabel: "confidence", yLabel: "accuracy",
    legend: [["light", "accuracy"], ["grey", "share of pixels"], ["over", "overconfident"], ["under", "underconfident"]],
  });
  return {
    node: frame.node,
    draw: (/** @type {Bin[]} */ bins, highlighted = -1) => {
      frame.begin(`ECE ${percent(ece(bins))}. ${describeBins(bins)}`);
      bins.forEach(({ low, high, pixels, share, confidence, accuracy, gap }, i) => {
        if (!pixels) return;
        const middle = (low + high) / 2;
        frame.bar(low, high, accuracy, i === highlighted ? "orange" : "light");
        frame.bar(middle - 0.01, middle + 0.01, share, "grey");
        frame.line([[confidence, accuracy], [confidence, confidence]], `thick ${gap > 0 ? "over" : "under"}`);
      });
      frame.line([[0.5, 0.5], [1, 1]], "ink thin");
    },
  };
}

/** Describe the bins that have pixels, for readers who do not see them. */
const describeBins = (/** @type {Bin[]} */ bins) =>
  bins.filter((bin) => bin.pixels)
    .map(({ confidence, accuracy }) => `Confidence ${percent(confidence, 0)}: accuracy ${percent(accuracy, 0)}.`).join(" ");

const percent = (/** @type {number} */ share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

/**
 * Create a button that moves a slider step by step to its end, and from its start if it is there.
 * @param {{max: number, min: number, step: number}} options
 * @param {() => number} get
 * @param {(value: number) => void} set
 * @param {HTMLElement} words silent while the slider runs
 */
function player({ min, max, step }, get, set, words) {
  const button = html("button", { type: "button", textContent: "play" });
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "play";
    words.ariaLive = "polite";
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (get() >= max) set(min);
    button.textContent = "pause";
    words.ariaLive = "off";
    timer = setInterval(() => (button.isConnected && get() < max ? set(get() + step) : stop()), 250);
  });
  return button;
}

/**
 * Connect controls, a readout and figures.
 * @param {Context} context
 * @param {{
 *   controls: Record<string, {label: string, options?: [any, string][], min?: number, max?: number, step?: number}>,
 *   figure: (area: HTMLElement, records: any, set: (values: object) => void) => Promise<(values: any) => string>,
 *   link?: (moved: string, values: any) => object,
 *   idle?: (values: any) => string[],
 *   lines?: number,
 *   play?: string,
 * }} options `figure` builds the figures and returns what draws them at the controls' values and
 *   writes the readout; `link` returns values that follow from the control that was moved; `idle`
 *   names the controls without effect, and options to hide as "control:option"; `lines` is the height of the readout; `play` names the
 *   slider that a button moves.
 */
async function explorer({ model, el }, { controls, figure, link = () => ({}), idle = () => [], lines = 3, play }) {
  begin(el);
  const words = status(lines), area = html("div", { className: "figures" });
  const set = (/** @type {object} */ values) => {
    model.set("values", { ...model.get("values"), ...values });
    model.save_changes();
  };
  const made = Object.entries(controls).map(([name, options]) => {
    const change = (/** @type {any} */ value) => set({ [name]: value, ...link(name, { ...model.get("values"), [name]: value }) });
    return [name, options.options ? choice(/** @type {any} */ (options), change) : slider(/** @type {any} */ (options), change)];
  });
  const panel = html("div", { className: "controls" }, ...made.map(([, control]) => control.node));
  if (play) panel.append(player(/** @type {any} */ (controls[play]), () => model.get("values")[play], (value) => set({ [play]: value }), words));
  el.append(panel, words, area);
  const draw = await figure(area, model.get("records"), set);
  const update = () => {
    const values = model.get("values"), useless = idle(values);
    for (const [name, control] of made) {
      control.show(values[name], values);
      control.disable(useless, name);
    }
    words.textContent = draw(values);
  };
  model.on("change:values", update);
  update();
  return () => model.off("change:values", update);
}

/** Show a widget on a page without a kernel, wherever the book has an element for its class. */
function mount(/** @type {string} */ name, /** @type {(context: Context) => void} */ render) {
  for (const place of document.querySelectorAll(`[data-live="${name}"]`)) {
    const state = JSON.parse(place.querySelector("script")?.textContent ?? "");
    /** @type {Map<string, (() => void)[]>} */
    const listeners = new Map();
    const of = (/** @type {string} */ event) => listeners.get(event) ?? [];
    const model = {
      page: true,
      get: (/** @type {string} */ key) => state[key],
      set: (/** @type {string} */ key, /** @type {any} */ value) => {
        state[key] = value;
        of(`change:${key}`).forEach((f) => f());
      },
      save_changes: () => {},
      on: (/** @type {string} */ event, /** @type {() => void} */ f) => listeners.set(event, [...of(event), f]),
      off: (/** @type {string} */ event, /** @type {() => void} */ f) => listeners.set(event, of(event).filter((g) => g !== f)),
    };
    const el = html("div");
    place.replaceChildren(el);
    render({ model, el });
  }
}
