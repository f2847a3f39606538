// @ts-check
// Shared by the widgets of the course. Python puts this file before a widget's own script, because
// a module loaded from a blob, or on a page opened as a file, cannot import another.

/**
 * What anywidget's model offers; `page` is true on a page without a kernel.
 * @typedef {{get: (key: string) => any, set: (key: string, value: any) => void,
 *   save_changes: () => void, on: (event: string, f: () => void) => void,
 *   off: (event: string, f: () => void) => void, page?: boolean}} Model
 * @typedef {{model: Model, el: HTMLElement}} Context
 * @typedef {{node: HTMLElement, show: (value: any) => void, disable: (flag: boolean) => void}} Control
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
 * @param {{label: string, min: number, max: number, step: number}} options
 * @param {(value: number) => void} change
 * @returns {Control}
 */
function slider({ label, min, max, step }, change) {
  const input = html("input", { type: "range", min, max, step });
  const value = html("span", { className: "value", ariaHidden: "true" }); // the slider speaks it
  const write = () => { value.textContent = Number(input.value).toFixed(decimals(step)); };
  input.addEventListener("input", () => { write(); change(Number(input.value)); });
  return {
    node: html("label", { className: "slider" }, html("span", { textContent: label }), value, input),
    show: (current) => { input.value = current; write(); },
    disable: (flag) => { input.disabled = flag; },
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
    disable: (flag) => { node.disabled = flag; },
  };
}

/**
 * Create a plot with fixed axes. Of the ticks of an axis, the first and the last are its limits.
 * Positions are in the axes' units; a `look` is a list of classes of live.css.
 * @param {{title: string, x: Ticks, y: Ticks, xLabel: string, yLabel: string, width?: number,
 *   height?: number, legend?: [string, string][]}} options
 */
function plot({ title, x, y, xLabel, yLabel, width = 330, height = 270, legend = [] }) {
  const [left, right, top, bottom] = [48, width - 12, 26, height - 40];
  const at = (/** @type {Ticks} */ ticks, /** @type {number} */ start, /** @type {number} */ end) => {
    const [low, high] = [ticks[0], ticks[ticks.length - 1]].map((tick) => [tick].flat()[0]);
    return (/** @type {number} */ v) => start + ((v - Number(low)) / (Number(high) - Number(low))) * (end - start);
  };
  const X = at(x, left, right), Y = at(y, bottom, top);
  const figure = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  const write = (/** @type {number} */ px, /** @type {number} */ py, /** @type {any} */ words, look = "middle", rest = {}) =>
    svg("text", { x: px, y: py, class: look, ...rest }, String(words));
  figure.append(svg("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }));
  for (const tick of x) {
    const [v, words] = [tick, tick].flat();
    figure.append(svg("path", { class: "axis", d: `M${X(Number(v))} ${bottom}v4` }), write(X(Number(v)), bottom + 16, words));
  }
  for (const tick of y) {
    const [v, words] = [tick, tick].flat();
    figure.append(svg("path", { class: "axis", d: `M${left} ${Y(Number(v))}h-4` }), write(left - 7, Y(Number(v)) + 4, words, "end"));
  }
  figure.append(
    write((left + right) / 2, 15, title, "middle title"),
    write((left + right) / 2, height - 6, xLabel),
    write(0, 0, yLabel, "middle", { transform: `translate(12 ${(top + bottom) / 2}) rotate(-90)` }),
  );
  const marks = figure.appendChild(svg("g"));
  const keys = legend.map(([look, words]) => html("li", {}, html("i", { className: look }), words));
  const inside = (/** @type {number} */ px, /** @type {number} */ py) => px >= left - 0.5 && px <= right + 0.5 && py >= top - 0.5 && py <= bottom + 0.5;
  const path = (/** @type {[number, number][]} */ points) => {
    let text = "", drawing = false;
    for (const [a, b] of points) {
      const px = X(a), py = Y(b), shown = inside(px, py); // false for NaN
      if (shown) text += `${drawing ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
      drawing = shown;
    }
    return text;
  };
  const draw = (/** @type {string} */ name, /** @type {object} */ attributes) => { marks.append(svg(name, attributes)); };
  return {
    node: html("div", { className: "plot" }, figure, ...(keys.length ? [html("ul", {}, ...keys)] : [])),
    clear: () => marks.replaceChildren(),
    describe: (/** @type {string} */ words) => figure.setAttribute("aria-label", `${title}. ${words}`),
    /** Connect the points within the axes. */
    line: (/** @type {[number, number][]} */ points, look = "") => draw("path", { class: `line ${look}`, d: path(points) }),
    /** Fill the polygon of the points. */
    area: (/** @type {[number, number][]} */ points, look = "") => draw("path", { class: `area ${look}`, d: path(points) }),
    dot: (/** @type {number} */ a, /** @type {number} */ b, look = "", r = 6) => draw("circle", { class: `area ${look}`, cx: X(a), cy: Y(b), r }),
    bar: (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ b, look = "") =>
      draw("rect", { class: `area ${look}`, x: X(from), width: X(to) - X(from), y: Y(b), height: bottom - Y(b) }),
    text: (/** @type {number} */ a, /** @type {number} */ b, /** @type {string} */ words, look = "") => marks.append(write(X(a), Y(b), words, look)),
  };
}

/**
 * Create maps side by side on a canvas.
 * @param {{title: string, count: number, size: number}} options `size`: side of a map in pixels
 */
function maps({ title, count, size }) {
  const gap = 2, step = size + gap;
  const canvas = html("canvas", { width: count * step - gap, height: size, role: "img", ariaLabel: title });
  const context = canvas.getContext("2d"), picture = context.createImageData(canvas.width, size);
  return {
    node: html("figure", {}, html("figcaption", { textContent: title }), canvas),
    describe: (/** @type {string} */ words) => { canvas.ariaLabel = `${title}. ${words}`; },
    /**
     * Draw values from 0 (black) to 1 (white); `over` returns the colour of what covers a pixel.
     * @param {ArrayLike<number>[]} values
     * @param {(map: number, pixel: number) => number[] | undefined} over
     */
    draw: (values, over = () => undefined) => {
      values.forEach((map, i) => {
        for (let k = 0; k < size * size; k++) {
          const grey = 255 * map[k], [r, g, b] = over(i, k) ?? [grey, grey, grey];
          picture.data.set([r, g, b, 255], 4 * (Math.floor(k / size) * canvas.width + i * step + (k % size)));
        }
      });
      context.putImageData(picture, 0, 0);
    },
    /** Call `pick(map, row, column)` when a reader points at a pixel. */
    onPick: (/** @type {(map: number, row: number, column: number) => void} */ pick) =>
      canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => {
        const x = Math.floor((event.offsetX / canvas.clientWidth) * canvas.width);
        const row = Math.floor((event.offsetY / canvas.clientHeight) * size);
        if (x % step < size) pick(Math.floor(x / step), Math.min(row, size - 1), x % step);
      }),
  };
}

/** Read an array that Python packed. @returns {any} */
function unpack(/** @type {string} */ text, /** @type {any} */ Type = Uint8Array) {
  return new Type(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

const percent = (/** @type {number} */ share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

/**
 * Connect controls, a readout and figures.
 * @param {Context} context
 * @param {{
 *   controls: Record<string, {label: string, options?: [any, string][], min?: number, max?: number, step?: number}>,
 *   figure: (area: HTMLElement, records: any, set: (values: object) => void) => (values: any) => string,
 *   link?: (moved: string, values: any) => object,
 *   idle?: (values: any) => string[],
 *   lines?: number,
 * }} options `figure` builds the figures and returns what draws them at the controls' values and
 *   writes the readout; `link` returns values that follow from the control that was moved; `idle`
 *   names the controls without effect; `lines` is the height of the readout.
 */
function explorer({ model, el }, { controls, figure, link = () => ({}), idle = () => [], lines = 3 }) {
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
  el.append(html("div", { className: "controls" }, ...made.map(([, control]) => control.node)), words, area);
  const draw = figure(area, model.get("records"), set);
  const update = () => {
    const values = model.get("values"), useless = idle(values);
    for (const [name, control] of made) {
      control.show(values[name]);
      control.disable(useless.includes(name));
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
