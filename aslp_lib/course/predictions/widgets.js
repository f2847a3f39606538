// @ts-check
// Questions with a confidence, and the reliability diagram of the answers. In a notebook, Python
// records predictions and sends answers; on a page, answers are in the state and the browser's
// storage keeps the predictions.

/**
 * @typedef {{question: string, options?: string[], lowest?: number, low?: any, high?: any,
 *   step?: any, unit?: string, within?: any}} Asked
 * @typedef {{asked: Asked, said: any, confidence: number | null, answer: any}} Prediction
 * @typedef {[question: string, confidence: number, right: boolean][]} Rows
 */

const PREFIX = "aslp-prediction: ";
const NAMES = ["Least confident", "In the middle", "Most confident"];
const FEWEST = 9; // predictions from which on there are bins
const Z = 1.959963984540054; // the 97.5 % quantile of the standard normal distribution

/** Judge a prediction as `against` does in Python. */
function isRight(/** @type {Prediction} */ { asked, said, answer }) {
  return asked.options ? said === answer : Math.abs(said - answer) <= asked.within + 1e-9;
}

/** Say how a prediction compares with the answer, in the words of `against` in Python. */
function outcome(/** @type {Prediction} */ prediction) {
  const { asked, said, confidence, answer } = prediction, digits = decimals(asked.step);
  const write = (/** @type {any} */ value) =>
    asked.options ? value : (value + 0).toFixed(digits).replace(/^-(0\.?0*)$/, "$1") + (asked.unit && ` ${asked.unit}`);
  const text = `Answer: ${write(answer)}.`;
  if (said === null) return text;
  if (confidence === null) {
    const error = asked.options ? "" : `: ${Math.abs(said - answer).toFixed(digits)} too ${said > answer ? "high" : "low"}`;
    return `${text} You said ${said === answer ? "so" : write(said) + error}. Without a confidence, it does not count.`;
  }
  const [claim, wrong, right] = asked.options ? ["", "wrong", "right"] : [` of being within ±${asked.within}`, "outside", "inside"];
  return `${text} You said ${write(said)} and were ${confidence} % confident${claim}: ${isRight(prediction) ? right : wrong}.`;
}

/** Read what the browser keeps of a question; null if there is nothing, or it is damaged. */
function recall(/** @type {string} */ question) {
  try {
    const kept = JSON.parse(localStorage.getItem(PREFIX + question) ?? "null");
    const { said, confidence, right } = kept, valid = ["number", "string"].includes(typeof said);
    return valid && confidence >= 0 && confidence <= 100 && typeof right === "boolean" ? kept : null;
  } catch { return null; } // the storage is not available, or holds something else
}

/** Names of the questions that the browser keeps. @returns {string[]} */
function questions() {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
  } catch { return []; }
}

/** Find what gives the answer away on a page: all to the last fold, or to the answer without one. */
function spoilers(/** @type {HTMLElement} */ el) {
  const parts = [];
  let end = 0;
  for (let next = el.closest(".cell")?.nextElementSibling; next; next = next.nextElementSibling) {
    if (next.matches("section, .tag_prediction")) break;
    parts.push(next);
    if (next.matches(".tag_answer")) end = parts.length;
    if (end && next.matches("details")) end = parts.length;
  }
  return parts.slice(0, end).filter((part) => !part.querySelector("[data-live]")); // explorers stay
}

/** Open the folds of the explanation, which end at the next question or heading. */
function explain(/** @type {HTMLElement} */ el) {
  for (const each of document.querySelectorAll("details, .prediction, .tag_prediction, h1, h2, h3, h4")) {
    if (el.compareDocumentPosition(each) !== Node.DOCUMENT_POSITION_FOLLOWING) continue;
    if (!(each instanceof HTMLDetailsElement)) return;
    each.open = true;
  }
}

/** Create a box for a number; `change` gets null while it is empty or out of range. */
function box(/** @type {string} */ words, /** @type {object} */ limits, /** @type {(value: number | null) => void} */ change) {
  const input = html("input", { type: "number", inputMode: "decimal", ...limits });
  input.addEventListener("input", () => {
    const { badInput, rangeUnderflow, rangeOverflow } = input.validity;
    const valid = input.value !== "" && !badInput && !rangeUnderflow && !rangeOverflow;
    input.ariaInvalid = String(!valid && (input.value !== "" || badInput));
    change(valid ? Number(input.valueAsNumber.toFixed(decimals(input.step))) : null);
  });
  return {
    node: html("label", { className: "box" }, words, input),
    show: (/** @type {any} */ value) => { if (value !== null && Number(input.value) !== value) input.value = value; },
  };
}

/** Show a question. */
function ask(/** @type {Context} */ { model, el }) {
  const asked = /** @type {Asked} */ (model.get("asked")), hidden = model.page ? spoilers(el) : [];
  const set = (/** @type {string} */ name) => (/** @type {any} */ value) => { model.set(name, value); model.save_changes(); };
  const { question, options, low, high, step, unit, within, lowest = 0 } = asked;
  const legend = `Your prediction. ${question}`;
  const answer = options
    ? choice({ label: legend, options: options.map((option) => [option, option]) }, set("said"))
    : box(`Your number (${low} to ${high}${unit && ` ${unit}`})`, { min: low, max: high, step }, set("said"));
  const about = options ? "How confident are you" : `How likely is it that the answer is within ±${within} of your number`;
  const confidence = box(`${about}? (${lowest} to 100 %)`, { min: lowest, max: 100, step: 1 }, set("confidence"));
  const words = status(1), button = html("button", { type: "button" });
  const form = options ? answer.node : html("fieldset", {}, html("legend", { textContent: legend }), answer.node);
  begin(el);
  el.classList.add("prediction");
  form.append(confidence.node);
  el.append(form, ...(hidden.length ? [button] : []), words);
  let shown = !hidden.length;

  const state = () => /** @type {Prediction} */ ({ asked, said: model.get("said"), confidence: model.get("confidence"), answer: model.get("answer") });
  const update = () => {
    const now = state(), complete = now.said !== null && now.confidence !== null;
    answer.show(now.said);
    confidence.show(now.confidence);
    button.textContent = complete ? "Compare with the answer" : "Show the answer";
    const over = shown && now.answer !== null;
    /** @type {any} */ (form).disabled = over;
    button.hidden = shown;
    const wrong = form.querySelector("[aria-invalid=true]") && "A number is not in its range.";
    const hint = now.said !== null && !complete ? "Add a confidence, and your prediction counts." : "";
    words.textContent = over ? outcome(now) : wrong || hint;
    if (over) explain(el);
  };
  const reveal = () => {
    shown = true;
    hidden.forEach((part) => part.classList.remove("not-yet"));
    update();
  };
  if (hidden.length) {
    hidden.forEach((part) => part.classList.add("not-yet"));
    button.addEventListener("click", () => {
      const now = state();
      if (now.said !== null && now.confidence !== null)
        try {
          localStorage.setItem(PREFIX + question, JSON.stringify({ said: now.said, confidence: now.confidence, right: isRight(now) }));
          document.dispatchEvent(new Event(PREFIX)); // the diagram changes
        } catch {} // without storage, it is not kept
      reveal();
      words.tabIndex = -1;
      words.focus();
    });
    const kept = recall(question);
    if (kept && (options ? options.includes(kept.said) : typeof kept.said === "number")) {
      for (const name of ["said", "confidence"]) model.set(name, kept[name]);
      reveal();
    }
  }
  ["said", "confidence", "answer"].forEach((name) => model.on(`change:${name}`, update));
  update();
  return () => ["said", "confidence", "answer"].forEach((name) => model.off(`change:${name}`, update));
}

/** Compute the Wilson 95 % interval of a share, in %. */
function wilson(/** @type {number} */ right, /** @type {number} */ count) {
  const share = right / count, middle = share + (Z * Z) / (2 * count), scale = 100 / (1 + (Z * Z) / count);
  const half = Z * Math.sqrt((share * (1 - share)) / count + (Z * Z) / (4 * count * count));
  return [(middle - half) * scale, (middle + half) * scale];
}

/** Summarise predictions: mean confidence, share right and its interval are in %. */
function summary(/** @type {Rows} */ rows) {
  const count = rows.length, right = rows.filter((row) => row[2]).length, [low, high] = wilson(right, count);
  return { count, confidence: rows.reduce((sum, row) => sum + row[1], 0) / count, right: (100 * right) / count, low, high };
}

/** Sort by confidence, and summarise three bins whose sizes differ by at most one. */
function bins(/** @type {Rows} */ rows) {
  const order = (/** @type {any} */ a, /** @type {any} */ b) => (a < b ? -1 : Number(a > b));
  const ordered = [...rows].sort((a, b) => a[1] - b[1] || order(a[0], b[0]));
  const ends = [0, 1, 2, 3].map((k) => Math.ceil((rows.length * k) / 3));
  return [0, 1, 2].map((k) => summary(ordered.slice(ends[k], ends[k + 1])));
}

/** Describe the diagram and its bins. Brackets hold Wilson's 95 % interval (Wilson, 1927). */
function describe(/** @type {Rows} */ rows) {
  if (!rows.length)
    return ["No predictions yet. Answer the questions of the course with a confidence, and return here: you will see " +
      "whether your confidence matches the share of your predictions that are right."];
  const write = (/** @type {string} */ name, /** @type {ReturnType<typeof summary>} */ { count, ...shares }) => {
    const [confidence, right, low, high] = Object.values(shares).map(Math.round);
    return `${name} (${count}): mean confidence ${confidence} %, right ${right} % (${low} to ${high} %).`;
  };
  const half = (/** @type {number} */ n) => Math.round(wilson(n / 2, n)[1] - 50);
  const all = summary(rows);
  const brier = rows.reduce((sum, row) => sum + (row[1] - 100 * Number(row[2])) ** 2, 0) / 1e4 / rows.length;
  const verdict =
    all.confidence > all.high ? "below your mean confidence: you are overconfident"
    : all.confidence < all.low ? "above your mean confidence: you are underconfident"
    : "around your mean confidence: the difference may be chance";
  const lines = [
    `${write("All", all)} Brier score ${(Math.round(100 * brier) / 100).toFixed(2)}; always saying 50 % has 0.25.`,
    `In brackets, Wilson's 95 % interval of the share right. For all, it is ${verdict}.`,
  ];
  if (rows.length < FEWEST) return [...lines, `From ${FEWEST} predictions on, they are drawn in three bins.`];
  const parts = bins(rows), { count } = parts[2];
  return [
    ...lines,
    ...parts.map((part, k) => write(NAMES[k], part)),
    `With ${count} predictions in a bin, the interval reaches about ${half(count)} points to either side, for all ` +
      `${all.count} together ${half(all.count)}. So 20 to 40 predictions (20 to 15 points) can show that you are ` +
      "overconfident by 20 points on the whole, but neither at which confidence, nor an error of 10 points.",
  ];
}

/** Show the diagram of all predictions. */
function draw(/** @type {Context} */ { model, el }) {
  const kept = () => /** @type {Rows} */ (questions().map((question) => [question, recall(question)])
    .filter((pair) => pair[1]).map(([question, { confidence, right }]) => [question, confidence, right]));
  const rows = /** @type {Rows} */ (model.page ? kept() : model.get("rows")), lines = describe(rows);
  begin(el);
  el.replaceChildren(...[...lines, model.get("note")].filter(Boolean).map((line) => html("p", { textContent: line })));
  if (rows.length >= FEWEST) {
    const ticks = [0, 25, 50, 75, 100], axes = [[ticks, "mean confidence, %"], [ticks, "share right, %"]];
    const legend = [["grey dashed", "calibrated"], ["over", "overconfident"], ["under", "underconfident"]];
    const figure = plot("Your reliability diagram", axes[0], axes[1], legend);
    figure.begin(lines.slice(2, -1).join(" "));
    figure.line([[0, 0], [100, 100]], "grey dashed");
    for (const { confidence, right, low, high } of bins(rows)) {
      const look = confidence > right ? "over" : "under";
      figure.line([[confidence, low], [confidence, high]], look);
      figure.dot(confidence, right, look);
    }
    el.prepend(figure.node);
  }
  if (!model.page || !rows.length) return;
  const forget = html("button", { type: "button", textContent: "Forget all my predictions" });
  forget.addEventListener("click", () => {
    questions().forEach((question) => localStorage.removeItem(PREFIX + question));
    document.dispatchEvent(new Event(PREFIX));
  });
  el.append(forget);
}

function render(/** @type {Context} */ context) {
  const { model } = context, unfold = () => document.querySelectorAll("details").forEach((each) => { each.open = true; });
  if (model.page) window.onbeforeprint = unfold; // on paper, all can be read
  if (model.get("asked")) return ask(context);
  draw(context);
  if (model.page) document.addEventListener(PREFIX, () => draw(context));
}
export default { render };
