// The corners of one zone, line or mask as buttons over the picture: dragged with mouse or finger, moved with the keys.

const STEP = 0.01; // of the picture, for an arrow key
const SMALL_STEP = 0.001; // with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DIGITS = 4; // of a coordinate

const percent = (fraction) => `${Number((100 * fraction).toFixed(1))} %`;
const inside = (fraction) => Number(Math.min(1, Math.max(0, fraction)).toFixed(DIGITS));

export class Corners {
  // `layer` lies exactly over the picture. `changes` has move(index, point, key), insert(index, point) and
  // remove(index); moves with one key belong together.
  constructor(layer, changes) {
    this.layer = layer;
    this.changes = changes;
    this.points = [];
    this.drags = 0;
    this.drag = null; // of a pointer: { pointer, index, key, offset }
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
    this.layer.querySelector(`.corner[data-index="${Math.min(index, this.points.length - 1)}"]`)?.focus();
  }

  // The index of the corner that has the focus, or -1.
  focused() {
    return this.layer.contains(document.activeElement) ? Number(document.activeElement.dataset.index) : -1;
  }

  between(index) {
    const next = this.points[(index + 1) % this.points.length];
    return this.points[index].map((value, axis) => inside((value + next[axis]) / 2));
  }

  press(event) {
    const button = event.target.closest("button");
    if (!button || event.button !== 0 || this.drag) return;
    event.preventDefault();
    let index = Number(button.dataset.index);
    if (button.className === "between") this.changes.insert(++index, this.between(index - 1));
    const [x, y] = this.at(event);
    const offset = [this.points[index][0] - x, this.points[index][1] - y];
    this.drag = { pointer: event.pointerId, index, key: `drag ${++this.drags}`, offset };
    this.layer.setPointerCapture(event.pointerId);
    this.focus(index);
  }

  dragTo(event) {
    if (this.drag?.pointer !== event.pointerId) return;
    const { index, key, offset } = this.drag;
    this.changes.move(index, this.at(event).map((value, axis) => inside(value + offset[axis])), key);
  }

  // The pointer's place in fractions of the picture.
  at({ clientX, clientY }) {
    const { left, top, width, height } = this.layer.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height];
  }

  key(event) {
    const index = this.focused();
    if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) this.step(index, ARROWS[event.key], event.shiftKey ? SMALL_STEP : STEP);
    else if (event.key === "Delete" || event.key === "Backspace") this.changes.remove(index);
    else if (event.key === "Enter") this.insertAfter(index);
    else return;
    event.preventDefault();
  }

  step(index, [right, down], size) {
    const [x, y] = this.points[index];
    this.changes.move(index, [inside(x + right * size), inside(y + down * size)], `arrows ${index}`);
  }

  insertAfter(index) {
    if (this.points.length >= this.most) return;
    this.changes.insert(index + 1, this.between(index));
    this.focus(index + 1);
  }
}

function place(button, [x, y]) {
  button.style.left = `${100 * x}%`;
  button.style.top = `${100 * y}%`;
}
