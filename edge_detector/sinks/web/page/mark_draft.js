// What a user says of one picture while marking it: which object is chosen, and what was said before, for undo.

import { percent } from "./words.js";

const NEW_BOX = [[0.4, 0.4], [0.6, 0.6]];

export class MarkDraft {
  // `picture`: { width, height, detections }. Corners are fractions of the picture.
  constructor({ width, height, detections }) {
    this.size = [width, height];
    this.objects = detections.map(({ label, score, box }, found) => ({
      found,
      label,
      score,
      points: [box.slice(0, 2), box.slice(2)].map((point) => point.map((edge, axis) => edge / this.size[axis])),
      verdict: null, // right, wrong or relabelled
      said: "", // what it is, of one that is relabelled or missed
    }));
    this.open = new Set(); // classes of which there are more on the picture
    this.history = [];
    this.lastKey = null; // of the last change
    this.chosen = this.objects.length ? 0 : null;
  }

  get object() {
    return this.chosen === null ? null : this.objects[this.chosen];
  }

  // Before a change. Changes with one key, one after the other, are undone together.
  note(key) {
    const { objects, open } = this;
    if (key === null || key !== this.lastKey) this.history.push(structuredClone({ objects, open }));
    this.lastKey = key;
  }

  undo() {
    if (this.history.length) Object.assign(this, this.history.pop());
    this.lastKey = null;
    if (!this.object) this.chosen = this.objects.length ? 0 : null;
  }

  judge(verdict) {
    this.note(null);
    this.object.verdict = this.object.verdict === verdict ? null : verdict;
  }

  allRight() {
    this.note(null);
    for (const each of this.objects) if (!isMissed(each)) each.verdict ??= "right";
  }

  // What the chosen one is.
  say(label) {
    this.note(`label ${this.chosen}`);
    this.object.said = label;
  }

  add(points = NEW_BOX) {
    this.note(null);
    this.objects.push({ found: null, points: structuredClone(points), verdict: "missed", said: "" });
    this.chosen = this.objects.length - 1;
  }

  remove() {
    this.note(null);
    this.objects.splice(this.chosen, 1);
    this.chosen = this.objects.length ? 0 : null;
  }

  moveCorner(index, point, key) {
    this.note(key);
    this.object.points[index] = point;
  }

  moveAll(points, key) {
    this.note(key);
    this.object.points = points;
  }

  // Whether every object of that class is marked.
  vouch(label, isComplete) {
    this.note(null);
    if (isComplete) this.open.delete(label);
    else this.open.add(label);
  }

  // The classes of what the user has judged: before, and after.
  get touched() {
    const labels = this.objects.flatMap((each) => {
      const now = isNamed(each) ? [each.said.trim()] : [];
      return each.verdict === null ? [] : [...(isMissed(each) ? [] : [each.label]), ...now];
    });
    return [...new Set(labels.filter(Boolean))].sort();
  }

  // The number of the first object of which the user has not said what it is; -1: none.
  get unnamed() {
    return this.objects.findIndex((each) => isNamed(each) && !each.said.trim());
  }

  get hasChanges() {
    return this.history.length > 0;
  }

  get isEmpty() {
    return this.objects.every(({ verdict }) => verdict === null);
  }

  // As the detector takes it.
  get said() {
    const objects = this.objects.filter(({ verdict }) => verdict !== null).map((each) => this.asJson(each));
    return { objects, exhaustive: this.touched.filter((label) => !this.open.has(label)) };
  }

  asJson(object) {
    const { found, verdict, said } = object;
    if (isMissed(object)) return { box: this.pixels(object), label: said.trim() };
    return { found, verdict, ...(verdict === "relabelled" ? { label: said.trim() } : {}) };
  }

  pixels({ points }) {
    const { left, top, right, bottom } = edges(points);
    const [width, height] = this.size;
    return [left * width, top * height, right * width, bottom * height].map((edge) => Math.round(10 * edge) / 10);
  }
}

export const isMissed = ({ found }) => found === null;
export const isNamed = ({ verdict }) => verdict === "relabelled" || verdict === "missed";

// In fractions of the picture, whichever two opposite corners they are.
export function edges([[x1, y1], [x2, y2]]) {
  return { left: Math.min(x1, x2), top: Math.min(y1, y2), right: Math.max(x1, x2), bottom: Math.max(y1, y2) };
}

// "dog 83%: it is a cat", for the list and for screen readers.
export function inWords(object, number) {
  const { label, score, verdict, said } = object;
  if (isMissed(object)) return `${number}. missed: ${said.trim() || "not named yet"}`;
  const now = { right: "right", wrong: "wrong", relabelled: `it is a ${said.trim() || "…"}` }[verdict];
  return `${number}. ${label} ${percent(score)}${now ? `: ${now}` : ""}`;
}
