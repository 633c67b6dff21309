// What is in view: a row for each class, the surest first, and one line for those that have no room.

import { percent } from "./words.js";

const ROWS = matchMedia("(min-width: 60rem)").matches ? 4 : 3; // as many as style.css leaves room for
const MOST_SCORES = 3; // of one class
const CLEARLY = 0.1; // a score has to be so much higher before its row moves up: scores change with every picture

const byId = (id) => document.getElementById(id);

export class SeenList {
  constructor() {
    this.order = []; // class names, as they stood last
  }

  // `colors`: class name -> { fill }. `nothing`: what is said where nothing is in view. Returns all of it in words.
  show(detections, colors, nothing) {
    const groups = new Map();
    for (const { label, score } of detections) groups.set(label, [...(groups.get(label) ?? []), score]);
    this.order = sorted([...groups.keys()], (name) => groups.get(name)[0], this.order);
    const room = this.order.length > ROWS ? ROWS - 1 : ROWS;
    const rows = this.order.slice(0, room).map((name) => row(name, groups.get(name), colors.get(name).fill));
    byId("seen").replaceChildren(...rows, ...rest(this.order.slice(room), groups));
    this.tell(rows.length ? "" : nothing);
    return this.order.map((name) => `${groups.get(name).length} ${name}`).join(", ") || nothing.toLowerCase();
  }

  forget() {
    this.order = [];
    byId("seen").replaceChildren();
    this.tell("Not known while no picture comes");
  }

  tell(text) {
    byId("seen-none").textContent = text;
    byId("seen-none").hidden = !text;
  }
}

// The highest score first; those that were there keep their order unless one is clearly higher.
export function sorted(names, scoreOf, before) {
  const place = (name) => (before.includes(name) ? before.indexOf(name) : before.length);
  const order = [...names].sort((one, other) => place(one) - place(other) || scoreOf(other) - scoreOf(one));
  for (let end = order.length - 1; end > 0; end--) {
    for (let index = 0; index < end; index++) {
      if (scoreOf(order[index + 1]) - scoreOf(order[index]) > (before.includes(order[index + 1]) ? CLEARLY : 0)) {
        [order[index], order[index + 1]] = [order[index + 1], order[index]];
      }
    }
  }
  return order;
}

function row(name, scores, color) {
  const element = document.createElement("li");
  element.style.setProperty("--swatch", color);
  element.append(part("name", name), part("count", scores.length > 1 ? `× ${scores.length}` : ""));
  element.append(part("scores", scores.slice(0, MOST_SCORES).map(percent).join("  ") + (scores.length > MOST_SCORES ? " …" : "")));
  const bar = part("bar", "");
  bar.style.setProperty("--score", scores[0]);
  element.append(bar);
  return element;
}

function rest(names, groups) {
  if (names.length === 0) return [];
  const element = document.createElement("li");
  element.className = "rest";
  element.textContent = `+ ${names.length}: ${names.map((name) => `${name} ${percent(groups.get(name)[0])}`).join(", ")}`;
  return [element];
}

function part(name, text) {
  return Object.assign(document.createElement("span"), { className: name, textContent: text });
}
