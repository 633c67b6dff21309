// Zones, lines and masks drawn over the picture. Coordinates are fractions of the picture, as in the configuration file.

export const KINDS = ["zones", "lines", "masks"];
export const WORDS = { zones: "zone", lines: "line", masks: "mask" };
const DIRECTIONS = ["in", "out"]; // of a line that names none: from its left side to its right side, and back
const ARROW = 0.07; // its length, of the picture's height
const BEHIND_ARROW = 1.6; // arrow's lengths from the line to the middle of the word for its direction
const BESIDE_CORNER = "0.875rem"; // from a corner to the name: the corner's button lies between them
const EDGE = 0.04; // of the picture: the middle of that word is not nearer to the picture's edge
const SVG = "http://www.w3.org/2000/svg";

export const cornersKey = (kind) => (kind === "lines" ? "points" : "polygon");
export const cornersOf = (kind, place) => place[cornersKey(kind)];
export const leastCorners = (kind) => (kind === "lines" ? 2 : 3);
export const mostCorners = (kind) => (kind === "lines" ? 2 : Infinity);
export const directionsOf = (line) => line.directions ?? DIRECTIONS;

// "zone door", "privacy mask 2"; a name such as "zone 1" says the word itself.
export function title(kind, place, index) {
  if (kind === "masks") return `${place.kind} mask ${index + 1}`;
  const saysKind = place.name.toLowerCase().startsWith(`${WORDS[kind]} `);
  return saysKind ? place.name : `${WORDS[kind]} ${place.name}`;
}

// Draws `tables` on the SVG element, which lies exactly over the picture, and their names on the element `names`.
export function drawPlaces(svg, names, tables, chosen = null) {
  const each = KINDS.flatMap((kind) => tables[kind].map((place, index) => ({ kind, place, index })));
  const ratio = svg.clientWidth / svg.clientHeight || 1;
  svg.replaceChildren(...each.map((one) => shape(one, ratio, isChosen(one, chosen))));
  names.replaceChildren(...each.flatMap((one) => texts(one, ratio, isChosen(one, chosen))));
}

const isChosen = ({ kind, index }, chosen) => chosen !== null && chosen.kind === kind && chosen.index === index;

// Each outline twice: dark and wide below, bright and thin above, so that it is seen on every picture.
function shape({ kind, place, index }, ratio, isChosen) {
  const group = element("g", { class: `place ${kind} ${place.kind ?? ""} ${isChosen ? "chosen" : ""}` });
  Object.assign(group.dataset, { kind, index });
  const points = cornersOf(kind, place).map((point) => point.join(",")).join(" ");
  const name = kind === "lines" ? "polyline" : "polygon";
  group.append(element(name, { class: "under", points }), element(name, { class: "over", points }));
  if (kind === "lines") {
    const d = arrow(place.points, ratio);
    group.append(element("path", { class: "under", d }), element("path", { class: "over", d }));
  }
  return group;
}

function texts({ kind, place, index }, ratio, isChosen) {
  const corners = cornersOf(kind, place);
  const highest = corners.reduce((best, point) => (point[1] < best[1] ? point : best));
  const name = text(kind === "masks" ? title(kind, place, index) : place.name, highest, kind, isChosen ? BESIDE_CORNER : "0rem");
  if (kind !== "lines") return [name];
  const direction = text(directionsOf(place)[0], behindArrow(place.points, ratio), kind);
  direction.style.transform = "translate(-50%, -50%)";
  return [name, direction];
}

function text(words, [x, y], kind, aside = "0rem") {
  const span = document.createElement("span");
  span.className = `place-name ${kind}`;
  span.textContent = words;
  span.style.left = `${100 * x}%`;
  span.style.top = `${100 * y}%`;
  const across = x > 0.5 ? `calc(-100% - ${aside})` : aside; // inside the picture
  span.style.transform = `translate(${across}, ${y > 0.5 ? "-100%" : "0"})`;
  return span;
}

// To the right of somebody who looks along the line, in the picture's own proportions.
function normal([[x1, y1], [x2, y2]], ratio) {
  const [dx, dy] = [(x2 - x1) * ratio, y2 - y1];
  const length = Math.hypot(dx, dy) || 1;
  return [-dy / length / ratio, dx / length];
}

const middle = ([[x1, y1], [x2, y2]]) => [(x1 + x2) / 2, (y1 + y2) / 2];

function behindArrow(points, ratio) {
  const [across, start] = [normal(points, ratio), middle(points)];
  const place = start.map((value, axis) => value + BEHIND_ARROW * ARROW * across[axis]);
  return place.map((value) => Math.min(1 - EDGE, Math.max(EDGE, value)));
}

function arrow(points, ratio) {
  const [x, y] = middle(points);
  const [nx, ny] = normal(points, ratio);
  const at = (along, across) => {
    const [right, down] = [x + ARROW * along * nx, y + ARROW * along * ny];
    return `${right + (ARROW * across * ny) / ratio},${down - ARROW * across * nx * ratio}`;
  };
  return `M${at(0, 0)}L${at(1, 0)}M${at(0.6, 0.3)}L${at(1, 0)}L${at(0.6, -0.3)}`;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
