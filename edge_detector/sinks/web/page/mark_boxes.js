// The objects of a picture as buttons over it, and what the user has said of each.

import { placesOf } from "./label_places.js";
import { edges, inWords, isMissed } from "./mark_draft.js";
import { percent } from "./words.js";

// Shows `draft` on `layer`, which lies exactly over the picture. The buttons stay, so that they keep the focus.
export function drawMarks(layer, draft) {
  const buttons = [...layer.getElementsByClassName("mark")];
  for (const each of buttons.splice(draft.objects.length)) each.remove();
  while (buttons.length < draft.objects.length) buttons.push(layer.appendChild(newButton(buttons.length)));
  const order = bySize(draft.objects);
  buttons.forEach((button, index) => show(button, draft.objects[index], index, order.indexOf(index), draft));
  placeCaptions(layer, buttons);
}

// A caption is part of its button, and so is its place: that of the picture is counted from the button's inner edge.
function placeCaptions(layer, buttons) {
  const boxes = buttons.map((button) => ({ left: button.offsetLeft, top: button.offsetTop }));
  const captions = buttons.map(({ firstChild }) => ({ width: firstChild.offsetWidth, height: firstChild.offsetHeight }));
  const wanted = captions.map((caption, index) => ({ ...caption, ...boxes[index] }));
  const places = placesOf(wanted, { width: layer.clientWidth, height: layer.clientHeight });
  buttons.forEach((button, index) => {
    button.firstChild.style.left = `${places[index].left - boxes[index].left - button.clientLeft}px`;
    button.firstChild.style.top = `${places[index].top - boxes[index].top - button.clientTop}px`;
  });
}

function newButton(index) {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.dataset.index = index;
  button.append(document.createElement("span"));
  return button;
}

function show(button, object, index, order, draft) {
  const { left, top, right, bottom } = edges(object.points);
  button.className = `mark ${object.verdict ?? "unsaid"}`;
  button.classList.toggle("chosen", draft.chosen === index);
  button.setAttribute("aria-pressed", draft.chosen === index);
  button.setAttribute("aria-label", inWords(object, index + 1));
  Object.assign(button.style, {
    left: `${100 * left}%`,
    top: `${100 * top}%`,
    width: `${100 * (right - left)}%`,
    height: `${100 * (bottom - top)}%`,
    zIndex: order,
  });
  button.firstChild.textContent = text(object);
}

function text(object) {
  const said = object.said.trim() || "?";
  if (isMissed(object)) return `+ ${said}`;
  const { label, score } = object;
  const texts = { right: `✓ ${label}`, wrong: `✗ ${label}`, relabelled: `${label} → ${said}` };
  return texts[object.verdict] ?? `${label} ${percent(score)}`;
}

// The numbers of the objects, largest first: a small one lies above a large one, where it can be pressed.
function bySize(objects) {
  const area = ({ points }) => {
    const { left, top, right, bottom } = edges(points);
    return (right - left) * (bottom - top);
  };
  return objects.map((_, index) => index).sort((a, b) => area(objects[b]) - area(objects[a]));
}
