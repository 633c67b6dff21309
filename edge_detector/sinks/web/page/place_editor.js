// Zones, lines and masks: shown over the picture, and changed by the user for everybody.

import { camera } from "./camera.js";
import { Corners } from "./corners.js";
import { changesInWords } from "./place_changes.js";
import { Draft, everyOne } from "./place_draft.js";
import { PlaceForm } from "./place_form.js";
import { readPlaces, writePlaces } from "./place_requests.js";
import { KINDS, WORDS, directionsOf, drawPlaces, leastCorners, mostCorners, title } from "./places.js";
import { asked, isAsking, mayGiveUp } from "./question.js";

const SHOWN_KEY = "edge-detector: whether this browser draws zones";

const LEAVE = {
  title: "Leave without saving?",
  text: "Your changes of zones, lines and masks are not saved.",
  answers: { leave: "Discard my changes", stay: "Go on editing" },
};

const byId = (id) => document.getElementById(id);
const none = () => ({ zones: [], lines: [], masks: [] });

export class PlaceEditor {
  // `ask(address, options)` sends a request.
  constructor(ask) {
    this.ask = ask;
    this.current = none(); // of the run
    this.version = null; // of the same
    this.draft = null; // with the user's changes, while editing
    this.complaint = null; // of the detector, of one value: { kind, index, field, error }
    this.shown = remembered();
    this.form = new PlaceForm({
      set: (name, value) => this.change((draft) => draft.set(name, value)),
      setDirection: (index, word) => this.change((draft) => draft.setDirection(index, word)),
    });
    this.corners = new Corners(byId("corners"), {
      move: (index, point, key) => this.change((draft) => draft.moveCorner(index, point, key)),
      moveAll: (points, key) => this.change((draft) => draft.moveAll(points, key)),
      insert: (index, point) => this.change((draft) => draft.insertCorner(index, point)),
      remove: (index) => this.removeCorner(index),
    });
    this.listen();
  }

  listen() {
    const on = (id, event, act) => byId(id).addEventListener(event, act);
    on("show-places", "click", () => this.toggle());
    on("edit-places", "click", () => this.open());
    for (const kind of KINDS) on(`add-${kind}`, "click", () => this.add(kind));
    on("place", "change", () => this.choose(this.draft.all()[byId("place").value]));
    on("swap-directions", "click", () => this.change((draft) => draft.swap()));
    on("delete-place", "click", () => this.removePlace());
    on("remove-corner", "pointerdown", (event) => event.preventDefault()); // the corner keeps the focus
    on("remove-corner", "click", () => this.removeCorner(this.lastCorner));
    on("corners", "focusin", () => (this.lastCorner = this.corners.focused()));
    on("undo-places", "click", () => this.undo());
    on("cancel-places", "click", () => this.cancel());
    on("save-places", "click", () => this.save());
    on("places", "pointerdown", (event) => this.pressShape(event));
    document.addEventListener("keydown", (event) => this.draft && this.press(event));
    addEventListener("beforeunload", (event) => this.hasChanges && event.preventDefault()); // the browser asks
    new ResizeObserver(() => this.draw()).observe(byId("places")); // an arrow's shape depends on the picture's
  }

  // What the server says, as from `readPlaces`, and the classes of the model.
  fill({ editable, tables, version }, labels) {
    this.know(tables, version);
    this.form.fill(labels);
    byId("edit-places").hidden = !editable && !this.draft;
    this.draw();
  }

  know(tables, version) {
    this.current = tables;
    this.version = version;
  }

  // --- the beginning and the end ---

  async open() {
    const own = camera();
    try {
      const { tables, version } = await readPlaces(this.ask); // another viewer may have changed them
      if (own !== camera()) return;
      this.know(tables, version);
    } catch {
      // those that were known
    }
    if (document.fullscreenElement) await document.exitFullscreen(); // the fields are below the picture
    this.begin();
  }

  // With what is known of the run.
  begin() {
    this.draft = new Draft(this.current, this.version);
    this.say("");
    this.showEditing(true);
    this.choose(this.draft.chosen);
    byId(this.draft.chosen ? "place" : "add-zones").focus({ preventScroll: true });
  }

  cancel() {
    this.draft = null;
    this.showEditing(false);
    byId("edit-places").focus({ preventScroll: true });
  }

  get hasChanges() {
    return this.draft?.hasChanges ?? false;
  }

  mayLeave() {
    return mayGiveUp(LEAVE, { draft: () => this.draft, giveUp: () => this.cancel() });
  }

  // Another camera is to be shown: what is drawn on this one is over.
  leave() {
    this.draft = null;
    this.know(none(), null);
    this.say("");
    byId("edit-places").hidden = true;
    this.showEditing(false);
  }

  showEditing(editing) {
    byId("view").classList.toggle("editing", editing);
    byId("editor").hidden = byId("corners").hidden = !editing;
    byId("edit-places").setAttribute("aria-expanded", editing);
    this.draw();
  }

  // `version`: of what the draft replaces.
  async save(version = this.draft.version) {
    const [own, sent] = [camera(), JSON.stringify(this.draft.tables)];
    byId("save-places").disabled = true;
    const answer = await writePlaces(this.ask, this.draft.tables, version);
    byId("save-places").disabled = false;
    if (own !== camera()) return;
    if (answer.tables) this.saved(answer, sent);
    else if (answer.isOutdated && this.draft) await this.outdated();
    else this.refused(answer);
  }

  // Others have saved since the draft began. The user says whose changes are lost.
  async outdated() {
    const { draft } = this;
    const own = camera();
    const now = await readPlaces(this.ask).catch(() => null);
    if (own !== camera() || this.draft !== draft) return;
    if (now === null || isAsking()) return this.say("Not saved: changed elsewhere since you began.");
    const theirs = changesInWords(draft.before, now.tables);
    // An own change whose answer was lost is no change of others.
    if (!theirs || !changesInWords(now.tables, draft.tables)) return this.save(now.version);
    this.say(`Not saved. Changed elsewhere since you began: ${theirs}.`);
    const answer = await asked(whoseIsLost(theirs));
    if (this.draft !== draft) return;
    if (answer === "load") this.load(now);
    else if (answer === "save") await this.save(now.version);
  }

  load({ tables, version }) {
    this.know(tables, version);
    this.begin();
  }

  // What the user has changed since it was `sent` stays in the editor.
  saved({ tables, version, kept }, sent) {
    this.know(tables, version);
    const isNewer = this.draft !== null && JSON.stringify(this.draft.tables) !== sent;
    if (isNewer) this.draft.begin(tables, version);
    else this.cancel();
    this.say("");
    const rest = isNewer ? " Your later changes are not saved yet." : "";
    byId("places-said").textContent = `Changed; ${kept}.${rest}`;
  }

  // The value that is to blame gets the focus, and the detector's words stand beside it.
  refused({ error, kind, index, field }) {
    this.say("");
    const isThere = this.draft?.tables[kind]?.[index]; // the user may have gone on meanwhile
    if (isThere) {
      this.complaint = { kind, index, field, error };
      this.choose({ kind, index });
      if (this.form.focus(kind, field)) return;
      this.corners.focus(0);
    }
    this.say(error);
  }

  // --- changes of the draft ---

  change(edit) {
    if (!this.draft?.place) return;
    edit(this.draft);
    this.say("");
    this.draw();
  }

  undo() {
    this.draft.undo();
    this.say("");
    this.draw();
  }

  add(kind) {
    this.draft.add(kind);
    this.say("");
    this.choose(this.draft.chosen);
    this.corners.focus(0);
  }

  removeCorner(index) {
    const { kind } = this.draft.chosen;
    if (!this.draft.canLoseCorner) {
      this.say(`A ${WORDS[kind]} needs ${leastCorners(kind)} corners. “Delete” removes it as a whole.`);
      return;
    }
    if (!(index >= 0)) return;
    this.change((draft) => draft.removeCorner(index));
    this.corners.focus(index);
  }

  removePlace() {
    this.change((draft) => draft.remove());
    this.choose(this.draft.chosen);
    byId(this.draft.chosen ? "place" : "add-zones").focus();
  }

  // --- what is shown ---

  choose(chosen) {
    this.draft.chosen = chosen;
    this.lastCorner = 0;
    this.draw();
  }

  pressShape(event) {
    const group = event.target.closest("g");
    if (!this.draft || !group || event.button !== 0) return;
    event.preventDefault();
    const pressed = { kind: group.dataset.kind, index: Number(group.dataset.index) };
    if (!this.draft.isChosen(pressed)) this.choose(pressed);
    this.corners.dragAll(event);
  }

  draw() {
    const tables = this.draft?.tables ?? this.current;
    byId("show-places").hidden = this.draft !== null || everyOne(tables).length === 0;
    byId("show-places").setAttribute("aria-pressed", this.shown);
    drawPlaces(byId("places"), byId("place-names"), this.shown || this.draft ? tables : none(), this.draft?.chosen);
    if (this.draft) this.showDraft(this.draft);
  }

  showDraft(draft) {
    const names = draft.all().map(({ kind, index }) => title(kind, draft.tables[kind][index], index));
    byId("place").replaceChildren(...names.map((name, number) => new Option(name, number)));
    byId("place").value = draft.all().findIndex((each) => draft.isChosen(each));
    byId("place").disabled = names.length === 0;
    byId("undo-places").disabled = draft.history.length === 0;
    byId("place-controls").hidden = byId("delete-place").hidden = byId("remove-corner").hidden = !draft.chosen;
    if (draft.chosen) this.showChosen(draft);
    else this.showNone();
  }

  showNone() {
    byId("swap-directions").hidden = byId("classes-field").hidden = true;
    this.corners.show([], "", { closed: false, most: 0 });
  }

  showChosen({ chosen: { kind, index }, place, corners, canLoseCorner }) {
    const closed = kind !== "lines";
    byId("swap-directions").hidden = closed;
    byId("remove-corner").hidden = !closed;
    byId("remove-corner").disabled = !canLoseCorner;
    if (!closed) byId("swap-directions").textContent = `Swap “${directionsOf(place).join("” and “")}”`;
    this.form.show(kind, place, this.complaintOf(kind, index));
    this.corners.show(corners, title(kind, place, index), { closed, most: mostCorners(kind) });
  }

  complaintOf(kind, index) {
    return this.complaint?.kind === kind && this.complaint.index === index ? this.complaint : null;
  }

  toggle() {
    this.shown = !this.shown;
    remember(this.shown);
    this.draw();
  }

  // What was said before, and what the detector had to complain of, is over.
  say(text) {
    this.complaint = null;
    byId(this.draft ? "places-refused" : "places-said").textContent = text;
    byId(this.draft ? "places-said" : "places-refused").textContent = "";
  }

  press(event) {
    if (isAsking()) return; // the key is for the question
    const types = event.target.matches("input, select"); // they have keys of their own
    const nothingIsLost = event.target.matches("select") && this.draft.history.length === 0; // the editor begins there
    if (event.key === "Escape" && (!types || nothingIsLost)) this.cancel();
    else if (event.key === "z" && (event.ctrlKey || event.metaKey) && !types) this.undo();
    else return;
    event.preventDefault();
  }
}

// `theirs`: in words, what others have changed since the user began.
function whoseIsLost(theirs) {
  return {
    title: "Changed elsewhere meanwhile",
    text: `Since you began: ${theirs}. If you save all the same, that change of others is lost. If you load what is there now, your own changes are lost.`,
    answers: { load: "Load what is there now", save: "Save mine all the same", stay: "Go on editing" },
  };
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
