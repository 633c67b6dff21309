// Classes with a lowest score of their own: a row for each, and a list to add one from.

const byId = (id) => document.getElementById(id);

export class ClassScores {
  // `changed()` is called when the user has changed something.
  constructor(changed) {
    this.values = {}; // class name -> lowest score, 0 to 1
    this.changed = changed;
    this.list = byId("class-scores");
    this.list.addEventListener("input", ({ target }) => this.set(target));
    this.list.addEventListener("click", ({ target }) => target.matches("button") && this.remove(target.dataset.name));
    byId("add-class-score").addEventListener("change", ({ target }) => this.add(target.value));
  }

  fill(labels) {
    this.names = labels.map(({ name }) => name);
    this.forget();
  }

  // `confidence`: of the classes that have none of their own.
  show(values, confidence) {
    this.confidence = confidence;
    const isSame = JSON.stringify(values) === JSON.stringify(this.values);
    if (isSame && this.isDrawn) return; // keeps the focus
    this.values = { ...values };
    this.draw();
  }

  // What the user has done in vain is drawn anew.
  forget() {
    this.isDrawn = false;
  }

  draw() {
    this.isDrawn = true;
    const names = Object.keys(this.values);
    this.list.hidden = names.length === 0;
    this.list.replaceChildren(...names.map((name) => row(name, this.values[name])));
    const others = this.names.filter((name) => !(name in this.values));
    byId("add-class-score").replaceChildren(new Option("Add a class …", ""), ...others.map((name) => new Option(name, name)));
  }

  // What is no number is said by the browser, and not taken.
  set(input) {
    if (!input.validity.valid || input.value === "") return;
    this.values[input.dataset.name] = Number(input.value) / 100;
    this.changed();
  }

  add(name) {
    if (!name) return;
    this.values[name] = this.confidence;
    this.draw();
    this.list.querySelector("li:last-child input").focus();
    this.changed();
  }

  remove(name) {
    delete this.values[name];
    this.draw();
    byId("add-class-score").focus();
    this.changed();
  }
}

function row(name, score) {
  const item = document.createElement("li");
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "number", min: 0, max: 100, step: 1, required: true });
  input.value = Math.round(100 * score);
  input.dataset.name = name;
  label.append(Object.assign(document.createElement("span"), { textContent: name }), input, "%");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "secondary", textContent: "Remove" });
  button.dataset.name = name;
  button.setAttribute("aria-label", `Remove ${name}`);
  item.append(label, button);
  return item;
}
