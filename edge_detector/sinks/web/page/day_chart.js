// How many visits began in each hour of a day: bars with a colour for each class, and the same as a table.

import { element } from "./visit_list.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const HOURS = 24;
const SLOT = 10; // units of the drawing for an hour
const HEIGHT = 72;
const GAP = 1.5;
const OTHER = "other"; // classes beyond the most frequent ones
const MOST_CLASSES = 6;
const COLORS = ["#0f766e", "#b45309", "#7c3aed", "#be185d", "#1d4ed8", "#4d7c0f", "#64748b"]; // of what the model does not know

const byId = (id) => document.getElementById(id);
const hourName = (hour) => `${String(hour).padStart(2, "0")}:00`;

// `counts`: an answer of /api/visit-counts; `chosen`: an hour as text, or ""; `choose(hour)` is called with one of them.
// Returns the number of all visits.
export function showDay({ counts }, colors, { chosen, choose }) {
  const classes = classesOf(counts);
  const table = byHour(counts, classes);
  const totals = table.map((row) => row.reduce((sum, number) => sum + number, 0));
  const colorOf = classes.map((name, index) => colors.get(name) ?? COLORS[index]);
  draw(table, totals, colorOf, { classes, chosen, choose });
  showClasses(classes, table, colorOf);
  showTable(classes, table, totals);
  return totals.reduce((sum, number) => sum + number, 0);
}

// The most frequent first.
function classesOf(counts) {
  const totals = new Map();
  for (const each of counts) totals.set(each.class, (totals.get(each.class) ?? 0) + each.visits);
  const names = [...totals.keys()].sort((one, other) => totals.get(other) - totals.get(one) || one.localeCompare(other));
  return names.length > MOST_CLASSES ? [...names.slice(0, MOST_CLASSES - 1), OTHER] : names;
}

// A row for each hour, with a number for each class.
function byHour(counts, classes) {
  const table = Array.from({ length: HOURS }, () => classes.map(() => 0));
  for (const each of counts) {
    const index = classes.indexOf(each.class);
    table[each.hour][index < 0 ? classes.length - 1 : index] += each.visits;
  }
  return table;
}

function draw(table, totals, colorOf, { classes, chosen, choose }) {
  const most = Math.max(1, ...totals);
  const bars = table.map((row, hour) => bar(row, hour, { most, colorOf, classes, chosen, choose, total: totals[hour] }));
  byId("hours").replaceChildren(...bars);
  byId("hours-most").textContent = Math.max(...totals) ? most.toLocaleString("en") : "";
  const busiest = totals.indexOf(most);
  byId("hours").setAttribute("aria-label", busiest < 0 ? "No visits" : `Bars by the hour; most, ${most}, from ${hourName(busiest)}`);
}

function bar(row, hour, { most, colorOf, classes, chosen, choose, total }) {
  const group = shape("g", { class: chosen === "" || chosen === String(hour) ? "bar" : "bar other-hour" });
  group.append(shape("rect", { class: "slot", x: hour * SLOT, y: 0, width: SLOT, height: HEIGHT }));
  let y = HEIGHT;
  row.forEach((number, index) => {
    const height = (HEIGHT * number) / most;
    y -= height;
    if (number) group.append(shape("rect", { x: hour * SLOT + GAP, y, width: SLOT - 2 * GAP, height, fill: colorOf[index] }));
  });
  const named = row.map((number, index) => (number ? `${number} ${classes[index]}` : "")).filter(Boolean).join(", ");
  group.append(Object.assign(shape("title", {}), { textContent: `${hourName(hour)}: ${named || "none"}` }));
  if (total) group.addEventListener("click", () => choose(chosen === String(hour) ? "" : String(hour)));
  return group;
}

function showClasses(classes, table, colorOf) {
  byId("hours-classes").replaceChildren(
    ...classes.map((name, index) => {
      const item = element("li", "", name);
      item.style.setProperty("--swatch", colorOf[index]);
      item.append(element("span", "", table.reduce((sum, row) => sum + row[index], 0).toLocaleString("en")));
      return item;
    }),
  );
}

// Only hours with visits: 24 rows of zeros help nobody.
function showTable(classes, table, totals) {
  const head = row("th", "col", ["Hour", ...classes, "All"]);
  const hours = table.flatMap((numbers, hour) => (totals[hour] ? [row("td", "row", [hourName(hour), ...numbers, totals[hour]])] : []));
  const body = document.createElement("tbody");
  body.append(...hours);
  const top = document.createElement("thead");
  top.append(head);
  byId("hours-table").replaceChildren(top, body);
}

function row(kind, scope, texts) {
  const line = document.createElement("tr");
  texts.forEach((text, index) => {
    const isHead = kind === "th" || index === 0;
    const cell = element(isHead ? "th" : "td", "", String(text));
    if (isHead) cell.scope = scope;
    line.append(cell);
  });
  return line;
}

function shape(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
