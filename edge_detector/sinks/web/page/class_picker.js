// A list of classes to choose from: one tab stop, arrow keys, and a field to search in.

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export class ClassPicker {
  // Fills the listbox `list`; `search` is its search field. `changed()` is called when the user has chosen.
  constructor(list, search, changed) {
    this.list = list;
    this.chosen = new Set(); // class names; none: all
    this.changed = changed;
    search.addEventListener("input", () => this.find(search.value.trim().toLowerCase()));
    search.addEventListener("keydown", (event) => event.key === "ArrowDown" && this.enter(event));
    list.addEventListener("keydown", (event) => this.press(event));
    list.addEventListener("click", (event) => this.click(event.target.closest("[role=option]")));
  }

  // `labels`: a list of { name, color }.
  fill(labels) {
    const names = labels.map(({ name }) => name).join("\n");
    if (names === this.names) return; // keeps the focus
    this.names = names;
    this.list.replaceChildren(option("All"), ...labels.map(({ name, color }) => option(name, name, color)));
    this.moveTo(this.list.firstElementChild, { focus: false });
    this.show(this.chosen);
  }

  show(names) {
    this.chosen = new Set(names);
    for (const each of this.list.children) each.setAttribute("aria-selected", this.isChosen(each.dataset.name));
  }

  isChosen(name) {
    return name === undefined ? this.chosen.size === 0 : this.chosen.has(name);
  }

  click(chip) {
    if (!chip) return;
    this.moveTo(chip);
    this.toggle(chip.dataset.name);
  }

  toggle(name) {
    const chosen = new Set(this.chosen);
    if (name === undefined) chosen.clear();
    else if (!chosen.delete(name)) chosen.add(name);
    this.show(chosen);
    this.changed();
  }

  press(event) {
    const visible = this.visible();
    const at = visible.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " || event.key === "Enter") this.toggle(visible[at].dataset.name);
    else if (event.key in STEPS) this.moveTo(visible[at + STEPS[event.key]]);
    else if (event.key === "Home") this.moveTo(visible[0]);
    else if (event.key === "End") this.moveTo(visible.at(-1));
    else return;
    event.preventDefault();
  }

  enter(event) {
    event.preventDefault();
    this.moveTo(this.visible()[0]);
  }

  // The one option that the tab key reaches.
  moveTo(chip, { focus = true } = {}) {
    if (!chip) return;
    for (const each of this.list.children) each.tabIndex = each === chip ? 0 : -1;
    if (focus) chip.focus();
  }

  find(text) {
    for (const each of this.list.children) each.hidden = !(each.dataset.name ?? text).toLowerCase().includes(text);
    const visible = this.visible();
    if (!visible.some((each) => each.tabIndex === 0)) this.moveTo(visible[0], { focus: false });
  }

  visible() {
    return [...this.list.children].filter((each) => !each.hidden);
  }
}

function option(text, name, color) {
  const element = document.createElement("div");
  element.setAttribute("role", "option");
  element.className = "chip";
  element.textContent = text;
  if (name !== undefined) element.dataset.name = name;
  if (color) element.style.setProperty("--swatch", color);
  return element;
}
