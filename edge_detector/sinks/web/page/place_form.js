// The fields of one zone, line or mask. What the detector refuses is said beside its field.

import { ClassPicker } from "./class_picker.js";
import { directionsOf } from "./places.js";

const FIELDS = {
  zones: ["name", "classes", "dwell", "hours", "min_size"],
  lines: ["name", "directions", "only", "classes", "hours", "min_size"],
  masks: ["kind"],
};
// The text fields that may be empty, and what each shows for a value.
const TEXTS = {
  dwell: (value) => (typeof value === "number" ? `${value}s` : value),
  hours: (value) => value,
  min_size: (value) => value,
};

const byId = (id) => document.getElementById(id);
const fieldOf = (name) => byId(`${name}-field`);
const inputsOf = (name) => [...fieldOf(name).querySelectorAll("input, select")];

export class PlaceForm {
  // `changes` has set(name, value), where an undefined value is the default, and setDirection(index, word).
  constructor(changes) {
    this.changes = changes;
    const classes = () => changes.set("classes", this.picker.chosen.size ? [...this.picker.chosen] : undefined);
    this.picker = new ClassPicker(byId("place-classes"), byId("place-classes-search"), classes);
    this.listen("name", "input", (value) => value);
    this.listen("kind", "change", (value) => value);
    this.listen("only", "change", (value) => value || undefined);
    for (const name of Object.keys(TEXTS)) this.listen(name, "input", (value) => value.trim() || undefined);
    inputsOf("directions").forEach((input, index) => {
      input.addEventListener("input", () => changes.setDirection(index, input.value.trim()));
    });
  }

  listen(name, event, read) {
    const [input] = inputsOf(name);
    input.addEventListener(event, () => this.changes.set(name, read(input.value)));
  }

  // The classes of the model.
  fill(labels) {
    this.picker.fill(labels);
  }

  // `complaint`: { field, error } of this place, or null.
  show(kind, place, complaint) {
    for (const name of new Set(Object.values(FIELDS).flat())) {
      fieldOf(name).hidden = !FIELDS[kind].includes(name);
      this.complain(name, complaint?.field === name ? complaint.error : "");
    }
    for (const [name, asText] of Object.entries(TEXTS)) showText(inputsOf(name)[0], asText(place[name]) ?? "");
    showText(inputsOf("name")[0], place.name ?? "");
    inputsOf("kind")[0].value = place.kind ?? "ignore";
    if (kind === "lines") this.showDirections(place);
    byId("place-classes-now").textContent = place.classes?.join(", ") || "all";
    this.picker.show(place.classes ?? []);
  }

  showDirections(line) {
    const words = directionsOf(line);
    const [only] = inputsOf("only");
    inputsOf("directions").forEach((input, index) => showText(input, words[index]));
    only.replaceChildren(new Option("both directions", ""), ...words.map((word) => new Option(`only “${word}”`, word)));
    only.value = line.only ?? "";
  }

  complain(name, error) {
    fieldOf(name).querySelector(".complaint").textContent = error;
    for (const input of inputsOf(name)) input.setAttribute("aria-invalid", Boolean(error));
  }

  // Whether there is a field of that name, which has the focus now.
  focus(kind, name) {
    if (!FIELDS[kind].includes(name)) return false;
    if (name === "classes") fieldOf(name).open = true;
    inputsOf(name)[0].focus();
    return true;
  }
}

// The cursor stays where the user types; spaces around the text are not in the value.
function showText(input, text) {
  if (input.value.trim() !== String(text).trim()) input.value = text;
}
