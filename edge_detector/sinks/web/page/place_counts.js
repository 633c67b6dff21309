// How often objects have entered each zone and crossed each line since the detector started, as a table.

const byId = (id) => document.getElementById(id);

export class PlaceCounts {
  constructor() {
    this.shown = ""; // the counts in the table, as JSON
  }

  // `counts`: as in /api/status.
  show(counts) {
    const text = JSON.stringify(counts);
    if (text === this.shown) return; // a reader keeps the place in the table
    this.shown = text;
    byId("counts-card").hidden = counts.length === 0;
    for (const body of [...byId("counts").tBodies]) body.remove();
    byId("counts").append(...counts.map(rowsOf));
  }
}

// A place may have rows for several classes.
function rowsOf(count) {
  const body = document.createElement("tbody");
  const numbers = count.kind === "zone" ? visits(count.entered) : crossings(count.crossed);
  const lines = numbers.length ? numbers : [["–", "none yet"]];
  lines.forEach(([label, text], index) => {
    const row = body.insertRow();
    if (index === 0) row.append(cell("th", count.name, { scope: "rowgroup", rowSpan: lines.length }));
    row.append(cell("td", label), cell("td", text));
  });
  return body;
}

function visits(entered) {
  return inOrder(entered).map((label) => [label, number(entered[label], entered[label] === 1 ? "visit" : "visits")]);
}

function crossings(crossed) {
  const labels = inOrder(Object.assign({}, ...Object.values(crossed)));
  const inWords = (label) => Object.entries(crossed).map(([word, numbers]) => number(numbers[label] ?? 0, word)).join(", ");
  return labels.map((label) => [label, inWords(label)]);
}

// A line does not end between the two.
const number = (value, word) => `${value.toLocaleString("en")}\u00a0${word}`;

const inOrder = (byLabel) => Object.keys(byLabel).sort();

function cell(name, text, properties) {
  return Object.assign(document.createElement(name), { textContent: text, ...properties });
}
