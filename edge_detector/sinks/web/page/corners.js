// The corners of one zone, line or mask as buttons over the picture, and one in the middle for all of it: dragged with
// mouse or finger, moved with the keys.

const STEP = 0.01; // of the picture, for an arrow key
const SMALL_STEP = 0.001; // with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DIGITS = 4; // of a coordinate
const UNSTEADY = 0.01; // of the picture: whoever only chooses a shape moves the pointer by no more than that
const ALL = -1; // in place of the index of a corner

const percent = (fraction) => `${Number((100 * fraction).toFixed(1))} %`;
const rounded = (fraction) => Number(fraction.toFixed(DIGITS));
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
const inside = (fraction) => rounded(clamp(fraction, 0, 1));

export class Corners {
  // `layer` lies exactly over the picture. `changes` has move(index, point, key), moveAll(points, key),
  // insert(index, point) and remove(index); moves with one key belong together.
  constructor(layer, changes) {
    this.layer = layer;
    this.changes = changes;
    this.points = [];
    this.drags = 0;
    this.drag = null; // of a pointer: { pointer, index, key, from, points }
    layer.addEventListener("pointerdown", (event) => this.press(event));
    layer.addEventListener("pointermove", (event) => this.dragTo(event));
    for (const end of ["pointerup", "pointercancel"]) layer.addEventListener(end, () => (this.drag = null));
    layer.addEventListener("keydown", (event) => this.key(event));
  }

  // `title`: of what they are corners; `most`: how many it may have.
  show(points, title, { closed, most }) {
    this.points = points;
    this.closed = closed;
    this.most = most;
    const edges = points.length < most ? points.length - (closed ? 0 : 1) : 0;
    this.fill("whole", points.length ? 1 : 0, (button) => {
      button.dataset.index = ALL;
      place(button, middle(points));
      button.setAttribute("aria-label", `All of ${title}: ${this.extent(0)} from the left, ${this.extent(1)} from the top`);
    });
    this.fill("corner", points.length, (button, index) => {
      place(button, points[index]);
      const [left, top] = points[index].map(percent);
      const name = `Corner ${index + 1} of ${points.length}, ${title}: ${left} from the left, ${top} from the top`;
      button.setAttribute("aria-label", name);
    });
    this.fill("between", edges, (button, index) => {
      place(button, this.between(index));
      button.tabIndex = -1; // the Enter key on a corner does the same
      button.setAttribute("aria-hidden", "true");
    });
  }

  extent(axis) {
    const values = this.points.map((point) => point[axis]);
    return `${percent(Math.min(...values))} to ${percent(Math.max(...values))}`;
  }

  // The buttons stay, so that they keep the focus.
  fill(name, count, show) {
    const buttons = [...this.layer.getElementsByClassName(name)];
    for (const each of buttons.splice(count)) each.remove();
    while (buttons.length < count) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: name });
      button.dataset.index = buttons.length;
      buttons.push(button);
      this.layer.append(button);
    }
    buttons.forEach(show);
  }

  focus(index) {
    const name = index === ALL ? ".whole" : `.corner[data-index="${Math.min(index, this.points.length - 1)}"]`;
    this.layer.querySelector(name)?.focus();
  }

  // The index of the corner that has the focus, or -1.
  focused() {
    return this.layer.contains(document.activeElement) ? Number(document.activeElement.dataset.index) : -1;
  }

  between(index) {
    return middle([this.points[index], this.points[(index + 1) % this.points.length]]).map(inside);
  }

  press(event) {
    const button = event.target.closest("button");
    if (!button || event.button !== 0 || this.drag) return;
    event.preventDefault();
    let index = Number(button.dataset.index);
    if (button.className === "between") this.changes.insert(++index, this.between(index - 1));
    this.begin(event, index);
  }

  // A pointer was pressed on the shape itself.
  dragAll(event) {
    if (!this.drag) this.begin(event, ALL);
  }

  begin(event, index) {
    const from = this.at(event);
    this.drag = { pointer: event.pointerId, index, key: `drag ${++this.drags}`, from, points: structuredClone(this.points) };
    this.layer.setPointerCapture(event.pointerId);
    this.focus(index);
  }

  dragTo(event) {
    if (this.drag?.pointer !== event.pointerId) return;
    const { index, key, from, points } = this.drag;
    const by = this.at(event).map((value, axis) => value - from[axis]);
    if (index !== ALL) this.changes.move(index, moved(points[index], by), key);
    else if (this.drag.begun || Math.hypot(...by) > UNSTEADY) {
      this.drag.begun = true;
      this.changes.moveAll(allMoved(points, by), key);
    }
  }

  // The pointer's place in fractions of the picture.
  at({ clientX, clientY }) {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height];
  }

  key(event) {
    if (!event.target.matches("button") || event.ctrlKey || event.metaKey || event.altKey) return;
    const index = this.focused();
    if (event.key in ARROWS) this.step(index, ARROWS[event.key], event.shiftKey ? SMALL_STEP : STEP);
    else if (index === ALL) return;
    else if (event.key === "Delete" || event.key === "Backspace") this.changes.remove(index);
    else if (event.key === "Enter") this.insertAfter(index);
    else return;
    event.preventDefault();
  }

  step(index, direction, size) {
    const by = direction.map((steps) => steps * size);
    if (index === ALL) this.changes.moveAll(allMoved(this.points, by), "arrows");
    else this.changes.move(index, moved(this.points[index], by), `arrows ${index}`);
  }

  insertAfter(index) {
    if (this.points.length >= this.most) return;
    this.changes.insert(index + 1, this.between(index));
    this.focus(index + 1);
  }
}

const moved = (point, by) => point.map((value, axis) => inside(value + by[axis]));

// As far as the picture goes: the shape stays as it is.
function allMoved(points, by) {
  const possible = by.map((step, axis) => {
    const values = points.map((point) => point[axis]);
    return clamp(step, -Math.min(...values), 1 - Math.max(...values));
  });
  return points.map((point) => moved(point, possible));
}

function middle(points) {
  return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
}

function place(button, [x, y]) {
  button.style.left = `${100 * x}%`;
  button.style.top = `${100 * y}%`;
}
