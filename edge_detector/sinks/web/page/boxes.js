// Boxes and labels over the picture. The letters have the size of the page's text, however small the picture is.

import { placesOf } from "./label_places.js";
import { percent } from "./words.js";

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
  element.append(name, ` ${percent(score)}`);
  element.style.background = color.fill;
  element.style.color = color.text;
  return element;
}

// The surest first.
function placeLabels(layer, labels, corners) {
  const room = { width: layer.clientWidth, height: layer.clientHeight };
  const wanted = labels.map((label, index) => ({
    width: label.offsetWidth, // all at once: each layout costs time
    height: label.offsetHeight,
    left: corners[index][0] * room.width,
    top: corners[index][1] * room.height,
  }));
  const places = placesOf(wanted.reverse(), room).reverse();
  labels.forEach((label, index) => {
    label.style.left = `${places[index].left}px`;
    label.style.top = `${places[index].top}px`;
  });
}
