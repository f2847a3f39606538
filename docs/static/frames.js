// Frames that are made when the book is built (docs/frames.py): the range picks one of them.
for (const frames of document.querySelectorAll(".frames")) {
  const range = frames.querySelector("input");
  const pictures = JSON.parse(frames.querySelector("script").textContent);
  range.addEventListener("input", () => {
    const { value, words, table, alt, src } = pictures[range.value];
    range.setAttribute("aria-valuetext", value);
    frames.querySelector(".value").textContent = value;
    frames.querySelector(".words").textContent = words;
    if (table) frames.querySelector(".numbers").innerHTML = table;
    Object.assign(frames.querySelector("img"), { alt, src });
  });
  range.disabled = false;
}
