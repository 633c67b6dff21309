// Boxes and labels over the picture. The letters have the size of the page's text, however small the picture is.

const GOLDEN_ANGLE = 137.508; // degrees from the hue of one track to that of the next, so that both differ well

// Draws the detections on `layer`, an element that lies exactly over the picture.
export function drawBoxes(layer, { width, height, detections }, colors) {
  const surestLast = [...detections].reverse(); // so that it is on top of the others
  const boxes = surestLast.map((each) => boxElement(each, width, height, colors.get(each.label)));
  const labels = surestLast.map((each) => labelElement(each, colors.get(each.label)));
  layer.replaceChildren(...boxes, ...labels); // labels after all boxes: no line crosses a label
  placeLabels(layer, labels, surestLast.map(({ box }) => [box[0] / width, box[1] / height]));
}

// Of a tracked object, in the colour of its track; where it is held, dashed.
function boxElement({ box: [left, top, right, bottom], track_id, held }, width, height, color) {
  const element = document.createElement("div");
  element.className = held ? "box held" : "box";
  element.style.left = `${(100 * left) / width}%`;
  element.style.top = `${(100 * top) / height}%`;
  element.style.width = `${(100 * (right - left)) / width}%`;
  element.style.height = `${(100 * (bottom - top)) / height}%`;
  element.style.borderColor = track_id === undefined ? color.fill : trackColor(track_id);
  return element;
}

const trackColor = (id) => `hsl(${(id * GOLDEN_ANGLE) % 360} 95% 60%)`;

function labelElement({ label, score, held }, color) {
  const element = document.createElement("span");
  element.className = held ? "label held" : "label";
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
