// Small charts: one SVG line for each series, the newest value at the right.

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 120; // units; one for each point, such as a second
const HEIGHT = 40;
const MARGIN = 2;

export class Chart {
  // A chart in the card with this `id`. The scale shows at least the range from `floor` to `ceiling`.
  constructor(id, { lines = 1, floor = 0, ceiling = 1 } = {}) {
    this.card = document.getElementById(id);
    this.value = this.card.querySelector(".value");
    this.hint = this.card.querySelector(".hint");
    this.floor = floor;
    this.ceiling = ceiling;
    const svg = this.card.querySelector("svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    this.svg = svg;
    this.area = path(svg, "area");
    this.lines = Array.from({ length: lines }, (_, index) => path(svg, `line line-${index}`));
  }

  // Draw `series`, a list of values for each line; null is a gap.
  draw(series) {
    const known = series.flat().filter((value) => value !== null);
    const low = Math.min(this.floor, ...known);
    const high = Math.max(this.ceiling, ...known.map((value) => value * 1.1));
    const y = (value) => HEIGHT - MARGIN - ((value - low) / (high - low)) * (HEIGHT - 2 * MARGIN);
    this.lines.forEach((line, index) => line.setAttribute("d", outline(series[index], y)));
    this.area.setAttribute("d", filled(series[0], y));
  }

  // Show the newest value in large figures, and `hint` below it.
  tell(value, unit, hint) {
    this.value.replaceChildren(value, unit ? small(unit) : "");
    this.hint.textContent = hint;
    this.svg.setAttribute("aria-label", `${this.card.querySelector("h2").textContent}: ${value} ${unit}; ${hint}`);
  }
}

function path(svg, name) {
  const element = document.createElementNS(NAMESPACE, "path");
  element.setAttribute("class", name);
  return svg.appendChild(element);
}

function small(text) {
  const element = document.createElement("small");
  element.textContent = ` ${text}`;
  return element;
}

// Stretches without a gap, each a list of [x, value].
function stretches(values) {
  const found = [[]];
  values.forEach((value, index) => {
    if (value === null) found.push([]);
    else found.at(-1).push([WIDTH - values.length + index + 1, value]);
  });
  return found.filter((points) => points.length > 0);
}

function outline(values, y) {
  return stretches(values).map((points) => "M" + points.map(([x, value]) => `${x} ${y(value).toFixed(2)}`).join("L")).join("");
}

function filled(values, y) {
  return stretches(values)
    .map((points) => {
      const top = points.map(([x, value]) => `${x} ${y(value).toFixed(2)}`).join("L");
      return `M${points[0][0]} ${HEIGHT}L${top}L${points.at(-1)[0]} ${HEIGHT}Z`;
    })
    .join("");
}
