// What is wrong in one picture: the user judges each box, says what it is, and draws boxes round what was missed.

import { Corners } from "./corners.js";
import { drawMarks } from "./mark_boxes.js";
import { MarkDraft, inWords, isMissed, isNamed } from "./mark_draft.js";
import { keepMarks } from "./mark_requests.js";
import { isAsking } from "./question.js";

const UNSTEADY = 0.015; // of the picture: whoever only presses a box moves the pointer by no more than that
const VERDICTS = { "say-right": "right", "say-wrong": "wrong", "say-other": "relabelled" };

const byId = (id) => document.getElementById(id);
const layers = () => [byId("mark-boxes"), byId("mark-corners")];

export class MarkEditor {
  // `kept(answer)` is called when the detector has kept what was said, `left()` when the user does not want to say it.
  constructor({ kept, left }) {
    this.draft = null;
    this.kept = kept;
    this.left = left;
    this.press = null; // of a pointer on the picture: { pointer, from }
    this.corners = new Corners(byId("mark-corners"), {
      move: (index, point, key) => this.change((draft) => draft.moveCorner(index, point, key)),
      moveAll: (points, key) => this.change((draft) => draft.moveAll(points, key)),
      insert: () => {},
      remove: () => this.remove(),
    });
    this.listen();
  }

  listen() {
    const on = (id, event, act) => byId(id).addEventListener(event, (happened) => this.draft && act(happened));
    on("which-mark", "change", () => this.choose(Number(byId("which-mark").value)));
    for (const [id, verdict] of Object.entries(VERDICTS)) on(id, "click", () => this.judge(verdict));
    on("mark-label", "input", () => this.change((draft) => draft.say(byId("mark-label").value)));
    on("add-mark", "click", () => this.add());
    on("delete-mark", "click", () => this.remove());
    on("undo-marks", "click", () => this.change((draft) => draft.undo()));
    on("all-right", "click", () => this.saveAllRight());
    on("cancel-marks", "click", () => this.left());
    on("save-marks", "click", () => this.save());
    on("exhaustive", "change", ({ target }) => this.change((draft) => draft.vouch(target.value, target.checked)));
    on("mark-boxes", "click", ({ target }) => this.chooseButton(target.closest("button")));
    on("mark-boxes", "pointerdown", (event) => this.begin(event));
    on("mark-boxes", "pointermove", (event) => this.draw(event));
    for (const end of ["pointerup", "pointercancel"]) on("mark-boxes", end, () => (this.press = null));
    document.addEventListener("keydown", (event) => this.draft && this.key(event));
    addEventListener("beforeunload", (event) => this.hasChanges && event.preventDefault()); // the browser asks
    new ResizeObserver(() => this.draft && drawMarks(byId("mark-boxes"), this.draft)).observe(byId("mark-boxes"));
  }

  // The names that can be chosen; others can be typed.
  fill(labels) {
    byId("mark-labels").replaceChildren(...labels.map(({ name }) => new Option(name, name)));
  }

  // `picture`: { id, width, height, detections }, which is shown already.
  open(picture, title, about) {
    this.picture = picture;
    this.draft = new MarkDraft(picture);
    byId("marks-title").textContent = title;
    byId("marks-about").textContent = about;
    this.showEditing(true);
    this.change(() => {});
  }

  close() {
    this.draft = this.press = null;
    this.showEditing(false);
  }

  get hasChanges() {
    return this.draft?.hasChanges ?? false;
  }

  showEditing(editing) {
    byId("view").classList.toggle("marking", editing);
    byId("marks").hidden = !editing;
    for (const layer of layers()) layer.hidden = !editing;
  }

  // --- what the user says ---

  change(edit) {
    edit(this.draft);
    this.complain("");
    this.show();
  }

  choose(index) {
    this.change((draft) => (draft.chosen = index));
  }

  chooseButton(button) {
    if (button) this.choose(Number(button.dataset.index));
  }

  judge(verdict) {
    this.change((draft) => draft.judge(verdict));
    if (this.draft.object.verdict === "relabelled") byId("mark-label").focus();
  }

  add() {
    this.change((draft) => draft.add());
    this.corners.focus(-1); // all of it
  }

  remove() {
    if (!this.draft.object || !isMissed(this.draft.object)) return;
    this.change((draft) => draft.remove());
    byId("add-mark").focus();
  }

  // --- a box is drawn ---

  begin(event) {
    if (event.button !== 0 || this.press) return;
    this.press = { pointer: event.pointerId, from: this.corners.at(event) };
  }

  draw(event) {
    if (this.press?.pointer !== event.pointerId) return;
    const { from } = this.press;
    const at = this.corners.at(event);
    if (Math.hypot(at[0] - from[0], at[1] - from[1]) < UNSTEADY) return;
    this.press = null;
    this.change((draft) => draft.add([from, at]));
    this.corners.begin(event, 1); // the rest of the way its other corner is dragged
  }

  // --- what is shown ---

  show() {
    const { draft } = this;
    drawMarks(byId("mark-boxes"), draft);
    const names = draft.objects.map((each, index) => inWords(each, index + 1));
    byId("which-mark").replaceChildren(...names.map((name, index) => new Option(name, index)));
    byId("which-mark").value = draft.chosen ?? "";
    byId("which-mark").disabled = names.length === 0;
    byId("undo-marks").disabled = draft.history.length === 0;
    byId("save-marks").disabled = draft.isEmpty;
    byId("all-right").disabled = names.length === 0;
    this.showChosen(draft.object);
    this.showVouched();
  }

  showChosen(object) {
    const isOwn = object !== null && isMissed(object);
    byId("verdicts").hidden = object === null || isOwn;
    byId("delete-mark").hidden = !isOwn;
    for (const [id, verdict] of Object.entries(VERDICTS)) {
      byId(id).setAttribute("aria-pressed", object?.verdict === verdict);
    }
    byId("label-field").hidden = object === null || !isNamed(object);
    if (object && byId("mark-label").value !== object.said) byId("mark-label").value = object.said;
    const points = isOwn ? object.points : [];
    this.corners.show(points, isOwn ? `box round ${object.said.trim() || "what was missed"}` : "", { closed: false, most: 2 });
  }

  // Which classes the picture is complete for.
  showVouched() {
    const { touched, open } = this.draft;
    byId("exhaustive").hidden = touched.length === 0;
    const names = [...byId("vouched").querySelectorAll("input")].map(({ value }) => value);
    if (names.join("\n") !== touched.join("\n")) byId("vouched").replaceChildren(...touched.map(checkbox));
    for (const input of byId("vouched").querySelectorAll("input")) input.checked = !open.has(input.value);
  }

  complain(text) {
    byId("marks-refused").textContent = text;
    byId("mark-label").setAttribute("aria-invalid", false);
  }

  // --- the end ---

  saveAllRight() {
    this.change((draft) => draft.allRight());
    this.save();
  }

  async save() {
    const { draft, picture } = this;
    if (draft.isEmpty) return;
    if (draft.unnamed >= 0) {
      this.askForName(draft.unnamed);
      return;
    }
    this.hold(true);
    const answer = await keepMarks(picture.id, draft.said);
    this.hold(false);
    if (answer.error) this.refused(answer.error);
    else this.kept(answer);
  }

  askForName(index) {
    this.choose(index);
    this.complain("Say what it is.");
    byId("mark-label").setAttribute("aria-invalid", true);
    byId("mark-label").focus();
  }

  refused(error) {
    this.complain(error);
    byId("save-marks").focus();
  }

  // Nothing can be changed while the detector is asked.
  hold(isHeld) {
    for (const each of [byId("marks"), ...layers()]) each.inert = isHeld;
  }

  // Out of the field for a name first: there, the key closes the browser's list of names.
  escape({ target }) {
    if (target.id === "mark-label") byId("which-mark").focus();
    else this.left();
  }

  key(event) {
    if (isAsking()) return; // the key is for the question
    const types = event.target.matches("input[type=text], select"); // they have keys of their own
    if (event.key === "Escape" && byId("marks").dataset.escape !== "no") this.escape(event);
    else if (event.key === "z" && (event.ctrlKey || event.metaKey) && !types) this.change((draft) => draft.undo());
    else return;
    event.preventDefault();
  }
}

function checkbox(name) {
  const label = document.createElement("label");
  label.className = "check";
  label.append(Object.assign(document.createElement("input"), { type: "checkbox", value: name }), name);
  return label;
}
