// Zones, lines and masks while a user changes them: which one is chosen, and what they were before, for undo.

import { KINDS, WORDS, cornersOf, directionsOf, leastCorners } from "./places.js";

const NEW = {
  zones: (name) => ({ name, polygon: [[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]] }),
  lines: (name) => ({ name, points: [[0.2, 0.5], [0.8, 0.5]] }),
  masks: () => ({ kind: "ignore", polygon: [[0.4, 0.1], [0.6, 0.1], [0.6, 0.3], [0.4, 0.3]] }),
};

export const everyOne = (tables) => KINDS.flatMap((kind) => tables[kind].map((_, index) => ({ kind, index })));

export class Draft {
  // `version`: of the tables, as in `readPlaces`.
  constructor(tables, version) {
    this.begin(tables, version);
    this.tables = structuredClone(tables);
    this.history = [];
    this.lastKey = null; // of the last change
    this.chosen = this.all()[0] ?? null; // { kind, index }
  }

  // What the user changes: the tables of the run when they were read, or saved from here.
  begin(tables, version) {
    this.before = structuredClone(tables);
    this.version = version;
  }

  get hasChanges() {
    return JSON.stringify(this.tables) !== JSON.stringify(this.before);
  }

  all() {
    return everyOne(this.tables);
  }

  // The one that is chosen.
  get place() {
    return this.chosen && this.tables[this.chosen.kind][this.chosen.index];
  }

  get corners() {
    return cornersOf(this.chosen.kind, this.place);
  }

  isChosen({ kind, index }) {
    return this.chosen?.kind === kind && this.chosen.index === index;
  }

  // Before a change. Changes with one key, one after the other, are undone together.
  note(key) {
    if (key === null || key !== this.lastKey) this.history.push(structuredClone(this.tables));
    this.lastKey = key;
  }

  undo() {
    if (this.history.length) this.tables = this.history.pop();
    this.lastKey = null;
    if (!this.place) this.chosen = this.all()[0] ?? null;
  }

  add(kind) {
    this.note(null);
    this.tables[kind].push(NEW[kind](this.freeName(kind)));
    this.chosen = { kind, index: this.tables[kind].length - 1 };
  }

  remove() {
    this.note(null);
    this.tables[this.chosen.kind].splice(this.chosen.index, 1);
    this.chosen = this.all()[0] ?? null;
  }

  freeName(kind) {
    const taken = new Set([...this.tables.zones, ...this.tables.lines].map(({ name }) => name));
    for (let number = 1; ; number++) {
      const name = `${WORDS[kind]} ${number}`;
      if (!taken.has(name)) return name;
    }
  }

  // An undefined value is left out: the default counts.
  set(name, value) {
    this.note(`${name} of ${this.chosen.kind} ${this.chosen.index}`);
    if (value === undefined) delete this.place[name];
    else this.place[name] = value;
  }

  setDirection(index, word) {
    const before = directionsOf(this.place);
    this.set("directions", before.map((each, at) => (at === index ? word : each)));
    if (this.place.only === before[index]) this.place.only = word;
  }

  // The line's other end becomes its first, so that the words for its directions change places.
  swap() {
    this.note(null);
    this.corners.reverse();
  }

  moveCorner(index, point, key) {
    this.note(key);
    this.corners[index] = point;
  }

  moveAll(points, key) {
    this.note(key);
    this.corners.splice(0, points.length, ...points);
  }

  insertCorner(index, point) {
    this.note(null);
    this.corners.splice(index, 0, point);
  }

  removeCorner(index) {
    this.note(null);
    this.corners.splice(index, 1);
  }

  get canLoseCorner() {
    return this.corners.length > leastCorners(this.chosen.kind);
  }
}
