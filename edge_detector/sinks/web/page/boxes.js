// Boxes and labels over the picture. The letters have the size of the page's text, however small the picture is.

// Draws the detections on `layer`, an element that lies exactly over the picture.
export function drawBoxes(layer, { width, height, detections }, colors) {
  const surestLast = [...detections].reverse(); // so that it is on top of the others
  const boxes = surestLast.map(({ box, label }) => boxElement(box, width, height, colors.get(label)));
  const labels = surestLast.map(({ label, score }) => labelElement(label, score, colors.get(label)));
  layer.replaceChildren(...boxes, ...labels); // labels after all boxes: no line crosses a label
  placeLabels(layer, labels, surestLast.map(({ box }) => [box[0] / width, box[1] / height]));
}

function boxElement([left, top, right, bottom], width, height, color) {
  const element = document.createElement("div");
  element.className = "box";
  element.style.left = `${(100 * left) / width}%`;
  element.style.top = `${(100 * top) / height}%`;
  element.style.width = `${(100 * (right - left)) / width}%`;
  element.style.height = `${(100 * (bottom - top)) / height}%`;
  element.style.borderColor = color.fill;
  return element;
}

function labelElement(label, score, color) {
  const element = document.createElement("span");
  element.className = "label";
  const name = document.createElement("span");
  name.textContent = label;
  element.append(name, ` ${Math.round(score * 100)}%`);
  element.style.background = color.fill;
  element.style.color = color.text;
  return element;
}

// Above its box, or inside the box's upper edge if there is no room above; never outside the picture. The surest come
// first; a label that would cover an earlier one is moved down.
function placeLabels(layer, labels, corners) {
  const { clientWidth, clientHeight } = layer;
  const sizes = labels.map((label) => [label.offsetWidth, label.offsetHeight]); // all at once: each layout costs time
  const placed = [];
  for (let index = labels.length - 1; index >= 0; index--) {
    const [width, height] = sizes[index];
    const left = Math.max(0, Math.min(corners[index][0] * clientWidth, clientWidth - width));
    const above = corners[index][1] * clientHeight - height;
    const top = Math.max(0, Math.min(above >= 0 ? above : above + height, clientHeight - height));
    const place = { left, top, width, height };
    moveDown(place, placed, clientHeight);
    placed.push(place);
    labels[index].style.left = `${place.left}px`;
    labels[index].style.top = `${place.top}px`;
  }
}

// To where it covers none of `others`; it stays where it is if there is no room.
function moveDown(place, others, clientHeight) {
  const free = { ...place };
  for (let other; (other = others.find((each) => overlap(each, free))); ) free.top = other.top + other.height;
  if (free.top + free.height <= clientHeight) place.top = free.top;
}

function overlap(a, b) {
  const across = a.left < b.left + b.width && b.left < a.left + a.width;
  return across && a.top < b.top + b.height && b.top < a.top + a.height;
}
