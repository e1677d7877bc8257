
// Tables: readers sort them, and choose methods and metrics. A label and its lines are one tbody and stay together.
const columnsOf = cell => cell.dataset.columns.split(" ");
const textIn = (line, column) =>
  [...line.cells].find(cell => cell.dataset.columns && columnsOf(cell).includes(column))?.textContent.trim() ?? "";
const numberIn = text => parseFloat(text.replace("−", "-"));

// of a label with a line for the paper's number and one for ours: ours, if the table has any of ours
function valuesOf(bodies, column) {
  const ours = bodies.some(body => body.rows.length > 1 && !isNaN(numberIn(textIn([...body.rows].at(-1), column))));
  const texts = bodies.map(body => textIn([...body.rows].at(ours ? -1 : 0), column));
  const numbers = texts.map(numberIn);
  return numbers.every(isNaN) ? texts : numbers;
}
function sort(table, heading, direction) {
  const bodies = [...table.tBodies].filter(body => body.dataset.method);
  bodies.forEach((body, place) => { body.dataset.place ??= place; });
  bodies.sort((a, b) => a.dataset.place - b.dataset.place);
  const values = new Map();
  valuesOf(bodies, heading.dataset.columns).forEach((value, i) => values.set(bodies[i], value));
  const sign = direction === "descending" ? -1 : 1;
  const compare = (a, b) => typeof a === "string" ? sign * a.localeCompare(b)
    : isNaN(a) || isNaN(b) ? isNaN(a) - isNaN(b) : sign * (a - b);
  if (direction) bodies.sort((a, b) => compare(values.get(a), values.get(b)));
  const fixed = [...table.tBodies].filter(body => !body.dataset.method);
  table.append(...bodies, ...fixed);
  table.classList.toggle("sorted", Boolean(direction));
  for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  if (direction) heading.setAttribute("aria-sort", direction);
}
for (const table of document.querySelectorAll(".sortable")) {
  for (const heading of table.tHead.querySelectorAll("[data-columns]:not(.group)")) {
    const best = heading.textContent.trim().endsWith("↑") ? ["descending", "ascending"] : ["ascending", "descending"];
    const button = element("button", heading.textContent.trim(), { type: "button", class: "sort" });
    button.addEventListener("click", () => { // the best first, the worst first, the table's own order
      const next = best.indexOf(heading.getAttribute("aria-sort")) + 1;
      sort(table, heading, best[next]);
    });
    heading.replaceChildren(button);
  }
}

function choose(section, hiddenMethods, hiddenMetrics) {
  for (const part of section.querySelectorAll("[data-method]")) part.hidden = hiddenMethods.has(part.dataset.method);
  for (const table of section.querySelectorAll("table")) {
    const headings = [...table.querySelectorAll("[data-metric]")];
    const hidden = new Set(headings.filter(one => hiddenMetrics.has(one.dataset.metric)).map(one => one.dataset.columns));
    for (const cell of headings.length ? table.querySelectorAll("[data-columns]") : []) {
      const shown = columnsOf(cell).filter(column => !hidden.has(column)).length;
      cell.hidden = !shown;
      cell.colSpan = shown || 1;
    }
  }
}
function choices(legend, names, hidden, changed) {
  const set = element("fieldset"), boxes = [];
  set.append(element("legend", legend));
  for (const name of names) {
    const box = element("input", "", { type: "checkbox" }), label = element("label", box);
    box.checked = true;
    label.append(` ${name}`);
    box.addEventListener("change", () => { hidden[box.checked ? "delete" : "add"](name); changed(); });
    boxes.push(box);
    set.append(label, " ");
  }
  const both = element("span", "", { class: "both" });
  for (const [word, checked] of [["all", true], ["none", false]]) {
    const button = element("button", word, { type: "button" });
    button.append(element("span", ` ${legend.toLowerCase()}`, { class: "sr" }));
    button.addEventListener("click", () => {
      boxes.forEach((box, i) => { box.checked = checked; hidden[checked ? "delete" : "add"](names[i]); });
      changed();
    });
    both.append(button, " ");
  }
  set.append(both);
  return set;
}
for (const place of document.querySelectorAll(".choose")) {
  const section = place.closest("section"), named = (key, of) =>
    [...new Set([...section.querySelectorAll(of)].map(one => one.dataset[key]))];
  const methods = named("method", "tbody[data-method]"), metrics = named("metric", "[data-metric]");
  if (methods.length + metrics.length < 3) continue;
  const hiddenMethods = new Set(), hiddenMetrics = new Set();
  const details = element("details"), count = element("span", "", { role: "status" });
  const changed = () => {
    choose(section, hiddenMethods, hiddenMetrics);
    const chosen = [[methods, hiddenMethods, "methods"], [metrics, hiddenMetrics, "metrics"]]
      .map(([all, hidden, word]) => `${all.length - hidden.size} of ${all.length} ${word}`);
    count.textContent = hiddenMethods.size + hiddenMetrics.size ? ` (${chosen.join(", ")})` : "";
  };
  const summary = element("summary", "Choose methods and metrics");
  summary.append(element("span", ` of ${place.dataset.name}`, { class: "sr" }), count);
  details.append(summary, choices("Methods", methods, hiddenMethods, changed), choices("Metrics", metrics, hiddenMetrics, changed));
  details.addEventListener("toggle", () => place.toggleAttribute("data-open", details.open));
  place.append(details);
}

// the list of runs is long: it can be searched
for (const table of document.querySelectorAll(".filtered")) {
  const input = element("input", "", { type: "search" }), label = element("label", "Only runs with ");
  label.append(input);
  input.addEventListener("input", () => {
    for (const body of table.tBodies) body.hidden = !body.textContent.includes(input.value.trim());
  });
  table.closest(".scroll").before(label);
}
