// Zones, lines and masks: shown over the picture, and changed by the user for everybody.

import { ClassPicker } from "./class_picker.js";
import { Corners } from "./corners.js";
import { KINDS, cornersKey, cornersOf, directionsOf, drawPlaces, leastCorners, mostCorners, title } from "./places.js";

const ANSWER_MS = 10_000; // the longest time to wait for an answer
const SHOWN_KEY = "edge-detector: whether this browser draws zones";
const NEW = {
  zones: (name) => ({ name, polygon: [[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]] }),
  lines: (name) => ({ name, points: [[0.2, 0.5], [0.8, 0.5]] }),
  masks: () => ({ kind: "ignore", polygon: [[0.4, 0.1], [0.6, 0.1], [0.6, 0.3], [0.4, 0.3]] }),
};

const byId = (id) => document.getElementById(id);
const none = () => ({ zones: [], lines: [], masks: [] });

export class PlaceEditor {
  // `ask(address, options)` sends a request.
  constructor(ask) {
    this.ask = ask;
    this.current = none(); // of the run
    this.draft = null; // the same with the user's changes, while editing
    this.history = []; // drafts of before, for undo
    this.lastKey = null; // of the last change
    this.chosen = null; // { kind, index }
    this.shown = remembered();
    this.picker = new ClassPicker(byId("place-classes"), byId("place-classes-search"), () => this.setClasses());
    this.corners = new Corners(byId("corners"), {
      move: (index, point, key) => this.change(key, (corners) => (corners[index] = point)),
      insert: (index, point) => this.change(null, (corners) => corners.splice(index, 0, point)),
      remove: (index) => this.removeCorner(index),
    });
    this.listen();
  }

  listen() {
    byId("show-places").addEventListener("click", () => this.toggle());
    byId("edit-places").addEventListener("click", () => (this.draft ? this.cancel() : this.open()));
    for (const kind of KINDS) byId(`add-${kind}`).addEventListener("click", () => this.add(kind));
    byId("place").addEventListener("change", () => this.choose(this.all()[byId("place").value]));
    byId("place-name").addEventListener("input", () => this.set("name", byId("place-name").value));
    byId("mask-kind").addEventListener("change", () => this.set("kind", byId("mask-kind").value));
    byId("swap-directions").addEventListener("click", () => this.swap());
    byId("delete-place").addEventListener("click", () => this.removePlace());
    byId("remove-corner").addEventListener("pointerdown", (event) => event.preventDefault()); // the corner keeps the focus
    byId("remove-corner").addEventListener("click", () => this.removeCorner(this.lastCorner));
    byId("corners").addEventListener("focusin", () => (this.lastCorner = this.corners.focused()));
    byId("undo-places").addEventListener("click", () => this.undo());
    byId("cancel-places").addEventListener("click", () => this.cancel());
    byId("save-places").addEventListener("click", () => this.save());
    byId("places").addEventListener("click", (event) => this.chooseShape(event.target.closest("g")));
    document.addEventListener("keydown", (event) => this.draft && this.press(event));
    new ResizeObserver(() => this.draw()).observe(byId("places")); // an arrow's shape depends on the picture's
  }

  // What the server says, and the classes of the model.
  fill({ editable, kept, ...tables }, labels) {
    this.current = tables;
    this.kept = kept;
    this.picker.fill(labels);
    byId("edit-places").hidden = !editable && !this.draft;
    this.draw();
  }

  async load() {
    const response = await this.ask("/api/places", { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) throw new Error(`/api/places: ${response.status}`);
    const { editable, kept, ...tables } = await response.json();
    this.current = tables;
  }

  // --- the beginning and the end ---

  async open() {
    try {
      await this.load(); // another viewer may have changed them
    } catch {
      // those that were known
    }
    if (document.fullscreenElement) await document.exitFullscreen(); // the fields are below the picture
    this.draft = structuredClone(this.current);
    [this.history, this.lastKey] = [[], null];
    this.say("");
    this.showEditing(true);
    this.choose(this.all()[0] ?? null);
    byId(this.all().length ? "place" : "add-zones").focus({ preventScroll: true });
  }

  cancel() {
    this.draft = this.chosen = null;
    this.showEditing(false);
    byId("edit-places").focus({ preventScroll: true });
  }

  showEditing(editing) {
    byId("view").classList.toggle("editing", editing);
    byId("editor").hidden = byId("corners").hidden = !editing;
    byId("edit-places").setAttribute("aria-expanded", editing);
    this.draw();
  }

  async save() {
    byId("save-places").disabled = true;
    try {
      const response = await this.ask("/api/places", {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(this.draft),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const answer = await response.json();
      if (response.ok) this.saved(answer);
      else this.say(answer.error ?? "Not saved.");
    } catch (error) {
      const late = error.name === "TimeoutError";
      this.say(late ? "No answer yet: the change may still come." : "Not saved: the detector cannot be reached.");
    }
    byId("save-places").disabled = false;
  }

  saved({ editable, kept, ...tables }) {
    this.current = tables;
    this.cancel();
    this.say(`Changed; ${kept}.`);
  }

  // --- changes of the draft ---

  // `edit(corners, place)` changes the chosen one. Changes with one key, one after the other, are undone together.
  change(key, edit) {
    if (!this.chosen) return;
    this.note(key);
    const { kind, index } = this.chosen;
    edit(cornersOf(kind, this.draft[kind][index]), this.draft[kind][index]);
    this.draw();
  }

  note(key) {
    if (key === null || key !== this.lastKey) this.history.push(structuredClone(this.draft));
    this.lastKey = key;
    this.say("");
  }

  undo() {
    const at = this.corners.focused();
    if (this.history.length) this.draft = this.history.pop();
    this.lastKey = null;
    const { kind, index } = this.chosen ?? this.all()[0] ?? {};
    this.choose(this.draft[kind]?.[index] ? { kind, index } : (this.all()[0] ?? null));
    if (at >= 0) this.corners.focus(at);
  }

  add(kind) {
    this.note(null);
    this.draft[kind].push(NEW[kind](this.freeName(kind)));
    this.choose({ kind, index: this.draft[kind].length - 1 });
    this.corners.focus(0);
  }

  freeName(kind) {
    const taken = new Set([...this.draft.zones, ...this.draft.lines].map(({ name }) => name));
    for (let number = 1; ; number++) {
      const name = `${kind.slice(0, -1)} ${number}`;
      if (!taken.has(name)) return name;
    }
  }

  set(key, value) {
    const { kind, index } = this.chosen;
    this.change(`${key} of ${kind} ${index}`, (_, place) => (place[key] = value));
  }

  setClasses() {
    if (!this.draft || !this.chosen) return;
    const names = [...this.picker.chosen];
    this.change(null, (_, place) => (names.length ? (place.classes = names) : delete place.classes));
  }

  // The line's other end becomes its first, so that the words for its directions change places.
  swap() {
    this.change(null, (points) => points.reverse());
  }

  removeCorner(index) {
    const { kind } = this.chosen;
    if (this.corners.points.length <= leastCorners(kind)) {
      this.say(`A ${kind.slice(0, -1)} needs ${leastCorners(kind)} corners. “Delete” removes it as a whole.`);
      return;
    }
    if (!(index >= 0)) return;
    this.change(null, (corners) => corners.splice(index, 1));
    this.corners.focus(index);
  }

  removePlace() {
    if (!this.chosen) return;
    this.note(null);
    this.draft[this.chosen.kind].splice(this.chosen.index, 1);
    this.choose(this.all()[0] ?? null);
    byId(this.chosen ? "place" : "add-zones").focus();
  }

  // --- what is shown ---

  all() {
    return KINDS.flatMap((kind) => (this.draft ?? this.current)[kind].map((_, index) => ({ kind, index })));
  }

  choose(chosen) {
    this.chosen = chosen;
    this.lastCorner = 0;
    this.draw();
  }

  chooseShape(group) {
    if (!this.draft || !group) return;
    this.choose({ kind: group.dataset.kind, index: Number(group.dataset.index) });
    this.corners.focus(0);
  }

  draw() {
    const tables = this.draft ?? this.current;
    const anything = this.all().length > 0;
    byId("show-places").hidden = !anything || this.draft !== null;
    byId("show-places").setAttribute("aria-pressed", this.shown);
    drawPlaces(byId("places"), byId("place-names"), this.shown || this.draft ? tables : none(), this.draft && this.chosen);
    if (this.draft) this.showFields();
  }

  showFields() {
    const options = this.all().map(({ kind, index }, number) => new Option(title(kind, this.draft[kind][index], index), number));
    byId("place").replaceChildren(...options);
    byId("place").disabled = options.length === 0;
    byId("undo-places").disabled = this.history.length === 0;
    byId("place-controls").hidden = byId("delete-place").hidden = byId("remove-corner").hidden = !this.chosen;
    if (this.chosen) this.showChosen(this.chosen);
    else this.corners.show([], "", { closed: false, most: 0 });
  }

  showChosen({ kind, index }) {
    const place = this.draft[kind][index];
    byId("place").value = this.all().findIndex((each) => each.kind === kind && each.index === index);
    byId("name-field").hidden = byId("classes-field").hidden = kind === "masks";
    byId("kind-field").hidden = kind !== "masks";
    byId("swap-directions").hidden = kind !== "lines";
    byId("remove-corner").hidden = kind === "lines";
    byId("remove-corner").disabled = place[cornersKey(kind)].length <= leastCorners(kind);
    if (kind === "lines") byId("swap-directions").textContent = `Swap “${directionsOf(place).join("” and “")}”`;
    if (byId("place-name").value !== place.name) byId("place-name").value = place.name ?? "";
    byId("mask-kind").value = place.kind ?? "ignore";
    byId("place-classes-now").textContent = place.classes?.join(", ") || "all";
    this.picker.show(place.classes ?? []);
    this.corners.show(place[cornersKey(kind)], title(kind, place, index), { closed: kind !== "lines", most: mostCorners(kind) });
  }

  toggle() {
    this.shown = !this.shown;
    remember(this.shown);
    this.draw();
  }

  say(text) {
    byId(this.draft ? "places-refused" : "places-said").textContent = text;
    byId(this.draft ? "places-said" : "places-refused").textContent = "";
  }

  press(event) {
    const types = event.target.matches("input, select"); // they have keys of their own
    if (event.key === "Escape" && !types) this.cancel();
    else if (event.key === "z" && (event.ctrlKey || event.metaKey) && !types) this.undo();
    else return;
    event.preventDefault();
  }
}

// Without storage (a private window) they are drawn.
function remembered() {
  try {
    return localStorage.getItem(SHOWN_KEY) !== "no";
  } catch {
    return true;
  }
}

function remember(shown) {
  try {
    localStorage.setItem(SHOWN_KEY, shown ? "yes" : "no");
  } catch {
    return;
  }
}
