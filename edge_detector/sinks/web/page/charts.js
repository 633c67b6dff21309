// A chart of the run: lines over time with a scale, of which pointer, finger and keys read a value.

import { SPANS, roundScale, roundTimes } from "./chart_scale.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 1000; // units of the drawing
const HEIGHT = 100;
const FINE = 100; // from here on nobody reads a decimal
const GAP = 3; // distances of two points: without one for so long, the line is broken
const EDGE = 0.07; // of the width: a time nearer to the edge would be cut off
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };

export class Chart {
  // A chart in the card with this `id`. `lines`: a list of { name, digits }, of which the first has no name. The scale
  // shows at least the range from `floor` to `ceiling`. `read(at)` is called with the time that the user points to, or
  // null.
  constructor(id, { unit, lines, floor = 0, ceiling = 1, read }) {
    this.card = document.getElementById(id);
    this.value = this.card.querySelector(".value");
    this.hint = this.card.querySelector(".hint");
    this.title = this.card.querySelector("h2").textContent;
    this.unit = unit;
    this.about = lines;
    this.floor = floor;
    this.ceiling = ceiling;
    this.read = read;
    this.times = [];
    this.at = null; // that is read; null: none
    this.nothing = "Nothing known yet"; // instead of a line
    this.build(this.card.querySelector(".plot"));
    this.listen();
  }

  build(plot) {
    this.scale = part("scale");
    this.area = part("area");
    this.axis = part("axis");
    for (const each of [this.scale, this.axis]) each.setAttribute("aria-hidden", "true");
    const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.grid = svg.appendChild(shape("path", { class: "grid" }));
    this.fill = svg.appendChild(shape("path", { class: "fill" }));
    this.lines = this.about.map((_, index) => svg.appendChild(shape("path", { class: `line line-${index}` })));
    this.cursor = part("cursor");
    this.dots = this.about.map(() => part("dot"));
    this.bubble = part("bubble");
    for (const each of [this.cursor, this.bubble]) each.setAttribute("aria-hidden", "true");
    this.cursor.append(...this.dots);
    this.empty = part("empty");
    this.area.append(svg, this.empty, this.cursor, this.bubble);
    plot.replaceChildren(this.scale, this.area, this.axis);
    Object.assign(this.area, { tabIndex: 0, role: "slider" });
  }

  listen() {
    this.area.addEventListener("pointerdown", (event) => this.point(event));
    this.area.addEventListener("pointermove", (event) => this.point(event));
    this.area.addEventListener("pointerleave", (event) => this.leave(event));
    this.area.addEventListener("focus", () => this.at === null && this.read(this.times.at(-1) ?? null));
    this.area.addEventListener("blur", (event) => event.relatedTarget?.closest(".plot") || this.read(null));
    this.area.addEventListener("keydown", (event) => this.key(event));
  }

  // Draw `series`, a list of values for each line, of `times` in seconds since 1970; null is a gap.
  draw(times, series, span) {
    Object.assign(this, { times, series, span });
    const { seconds, every, axis, name } = SPANS[span];
    this.until = times.at(-1) ?? Date.now() / 1000;
    this.from = this.until - seconds;
    const known = series.flat().filter((value) => value !== null);
    this.range = roundScale(Math.min(this.floor, ...known), Math.max(this.ceiling, ...known));
    this.apart = GAP * (times.length > 1 ? median(times) : seconds);
    this.lines.forEach((line, index) => line.setAttribute("d", this.outline(series[index])));
    this.fill.setAttribute("d", this.filled(series[0]));
    this.grid.setAttribute("d", this.range.ticks.map((tick) => `M0 ${this.y(tick)}H${WIDTH}`).join(""));
    this.scale.replaceChildren(...this.range.ticks.map((tick) => this.tick(tick)));
    this.axis.replaceChildren(...roundTimes(this.from, this.until, every).flatMap((at) => this.timeBelow(at, axis)));
    this.empty.textContent = known.length ? "" : this.nothing;
    this.area.setAttribute("aria-label", `${this.title}, over the last ${name}`);
    this.show(this.at);
  }

  // Show the newest value in large figures, and `hint` below it.
  tell(value, unit, hint) {
    this.value.replaceChildren(value, unit ? small(unit) : "");
    this.hint.textContent = hint;
  }

  x(at) {
    return (WIDTH * (at - this.from)) / (this.until - this.from);
  }

  y(value) {
    return Number((HEIGHT * (1 - (value - this.range.low) / (this.range.high - this.range.low))).toFixed(2));
  }

  tick(value) {
    const isHighest = value === this.range.high;
    const label = part("", value.toLocaleString("en") + (isHighest ? ` ${this.unit}` : ""));
    label.style.top = `${this.y(value)}%`;
    return label;
  }

  timeBelow(at, axis) {
    const share = this.x(at) / WIDTH;
    if (share < EDGE || share > 1 - EDGE) return [];
    const label = part("", axis(at));
    label.style.left = `${100 * share}%`;
    return [label];
  }

  // Stretches without a gap, each a list of "x y".
  stretches(values) {
    const found = [[]];
    let before = -Infinity;
    values.forEach((value, index) => {
      const at = this.times[index];
      if (at < this.from) return;
      if (value === null || at - before > this.apart) found.push([]);
      if (value !== null) found.at(-1).push(`${this.x(at).toFixed(1)} ${this.y(value)}`);
      before = at;
    });
    return found.filter((points) => points.length > 0);
  }

  outline(values) {
    return this.stretches(values).map((points) => `M${points.join("L")}`).join("");
  }

  filled(values) {
    const end = (point, name) => `${name}${point.split(" ")[0]} ${HEIGHT}`;
    const shapeOf = (points) => `${end(points[0], "M")}L${points.join("L")}${end(points.at(-1), "L")}Z`;
    return this.stretches(values).map(shapeOf).join("");
  }

  // --- reading a value ---

  point({ clientX }) {
    const { left, width } = this.area.getBoundingClientRect();
    this.read(this.from + ((clientX - left) / width) * (this.until - this.from));
  }

  // What a finger has pointed to stays, until it points elsewhere.
  leave({ pointerType }) {
    if (pointerType === "mouse" && document.activeElement !== this.area) this.read(null);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && this.at !== null) this.read(null);
    else if (event.key in STEPS) this.read(this.times[this.moved(STEPS[event.key])] ?? null);
    else return;
    event.preventDefault();
  }

  moved(steps) {
    const last = this.times.length - 1;
    const index = this.at === null ? last : this.nearest(this.at);
    return Math.min(last, Math.max(this.first(), index + steps));
  }

  // The oldest point that is drawn.
  first() {
    return Math.max(0, this.times.findIndex((at) => at >= this.from));
  }

  nearest(wanted) {
    const apart = (index) => Math.abs(this.times[index] - wanted);
    let best = this.first();
    for (let index = best + 1; index < this.times.length; index++) if (apart(index) <= apart(best)) best = index;
    return best;
  }

  // Show what was at that time; null: nothing.
  show(at) {
    this.at = this.times.length ? at : null;
    this.cursor.hidden = this.bubble.hidden = this.at === null;
    const index = this.at === null ? this.times.length - 1 : this.nearest(this.at);
    this.area.setAttribute("aria-valuemin", 0);
    this.area.setAttribute("aria-valuemax", Math.max(0, this.times.length - 1));
    this.area.setAttribute("aria-valuenow", Math.max(0, index));
    this.area.setAttribute("aria-valuetext", this.inWords(index));
    if (this.at !== null) this.mark(index);
  }

  mark(index) {
    const share = Math.min(1, Math.max(0, this.x(this.times[index]) / WIDTH));
    for (const each of [this.cursor, this.bubble]) each.style.setProperty("--share", share);
    this.bubble.textContent = this.inWords(index);
    this.dots.forEach((dot, line) => {
      const value = this.series[line][index];
      dot.hidden = value === null;
      if (value !== null) dot.style.top = `${this.y(value)}%`;
    });
  }

  // "14:32:05, 31.2 fps"
  inWords(index) {
    if (index < 0) return "nothing known yet";
    const values = this.about.map(({ name, digits }, line) => {
      const value = this.series[line][index];
      return value === null ? null : `${name}${value.toFixed(value < FINE ? digits : 0)} ${this.unit}`;
    });
    const known = values.filter((text) => text !== null);
    return [SPANS[this.span].time(this.times[index]), ...(known.length ? known : ["not known"])].join(", ");
  }
}

function part(className, text = "") {
  return Object.assign(document.createElement("span"), { className, textContent: text });
}

function small(text) {
  const element = document.createElement("small");
  element.textContent = ` ${text}`;
  return element;
}

function shape(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The usual distance of two times.
function median(times) {
  const apart = times.slice(1).map((at, index) => at - times[index]).sort((one, other) => one - other);
  return apart[Math.floor(apart.length / 2)];
}
