// What is detected, for everybody: shown, changed by the user, and applied after a confirmation.

import { ClassPicker } from "./class_picker.js";
import { ClassScores } from "./class_scores.js";
import { confirmed } from "./confirm.js";
import { changeSettings } from "./setting_requests.js";
import { percent } from "./words.js";

const QUESTION = {
  title: "Change what is detected?",
  text: "Everybody's recordings change, and so do their pictures and messages.",
};
const OFTEN = ["confidence", "classes"]; // named in every summary
const MANY = 100; // objects in a picture: so many are no limit worth naming

const byId = (id) => document.getElementById(id);

export class DetectionSettings {
  constructor() {
    this.slider = byId("confidence");
    this.overlap = byId("iou");
    this.most = byId("max_detections");
    this.picker = new ClassPicker(byId("classes"), byId("classes-search"), () => this.edit());
    this.scores = new ClassScores(() => this.edit());
    this.current = { confidence: 0.5, classes: [], class_confidence: {}, iou: 0.6, max_detections: 100, detecting: true };
    this.before = this.current; // what the form was filled with: what differs from it, the user has changed
    this.edited = false; // the user has changed something that is not applied yet
    for (const each of [this.slider, this.overlap, this.most]) each.addEventListener("input", () => this.edit());
    byId("apply").addEventListener("click", () => this.confirm());
    byId("discard").addEventListener("click", () => this.discard());
  }

  fill({ labels, kept, kept_each }) {
    this.picker.fill(labels);
    this.scores.fill(labels);
    this.kept = kept;
    this.keptEach = kept_each;
    byId("detection-controls").disabled = document.body.dataset.access === "look";
  }

  // Show the detector's settings, unless the user is about to change them.
  show(settings) {
    this.current = settings;
    byId("detection-now").textContent = settings.detecting ? headline(settings) : "Nothing: detection is off";
    if (!this.edited) this.reset();
  }

  reset() {
    this.before = this.current;
    this.slider.value = Math.round(this.current.confidence * 100);
    this.overlap.value = Math.round(this.current.iou * 100);
    this.most.value = this.current.max_detections;
    this.picker.show(this.current.classes);
    this.scores.show(this.current.class_confidence, this.current.confidence);
    this.showEdited();
  }

  edit() {
    this.edited = true;
    byId("saved").textContent = "";
    this.showEdited();
  }

  discard() {
    this.edited = false;
    this.scores.forget();
    this.reset();
    this.slider.focus();
  }

  showEdited() {
    byId("confidence-value").textContent = `${this.slider.value}%`;
    byId("iou-value").textContent = `${this.overlap.value}%`;
    byId("apply").disabled = byId("discard").disabled = !this.edited;
  }

  // All that the form says.
  wanted() {
    return {
      confidence: this.slider.value / 100,
      classes: [...this.picker.chosen],
      class_confidence: this.scores.values,
      iou: this.overlap.value / 100,
      max_detections: Number(this.most.value),
    };
  }

  // What is to be sent: what the user has changed, so that another viewer's change of the rest stays.
  changes() {
    const wanted = this.wanted();
    const names = Object.keys(WORDS).filter((name) => WORDS[name](wanted) !== WORDS[name](this.before));
    return Object.fromEntries(names.map((name) => [name, wanted[name]]));
  }

  // Whether all numbers can be used; if not, the browser says which one cannot.
  isValid() {
    const wrong = byId("detection-controls").querySelector("input:invalid");
    if (wrong === null) return true;
    byId("detection-more").open = true;
    wrong.reportValidity();
    return false;
  }

  async confirm() {
    if (!this.isValid()) return;
    const changes = this.changes();
    if (Object.keys(changes).length === 0) return this.nothing();
    const others = Object.keys(changes).filter((name) => !OFTEN.includes(name));
    const inWords = (settings) => [summary(settings), ...others.map((name) => WORDS[name](settings))].join("; ");
    const kept = others.map((name) => this.keptEach[name]).find((text) => text.startsWith("until")) ?? this.kept;
    const [from, to] = [this.current, { ...this.current, ...changes }].map(inWords);
    if (await confirmed({ ...QUESTION, from, to, kept })) await this.apply(changes);
  }

  // All that was changed has been changed back.
  nothing() {
    this.discard();
    byId("saved").textContent = "Nothing to change: it is as before.";
  }

  async apply(changes) {
    const answer = await changeSettings(changes);
    if (answer.error) byId("saved").textContent = answer.error;
    else this.applied(answer);
  }

  applied(answer) {
    this.edited = false;
    this.show(answer);
    this.reset();
    byId("saved").textContent = `Changed; ${answer.kept}.`;
  }
}

const summary = (settings) => OFTEN.map((name) => WORDS[name](settings)).join(", ");

// The summary, and what else limits what is found.
function headline(settings) {
  const limits = [];
  if (Object.keys(settings.class_confidence).length) limits.push(WORDS.class_confidence(settings));
  if (settings.max_detections < MANY) limits.push(WORDS.max_detections(settings));
  return [summary(settings), ...limits].join("; ");
}

// Each setting in words.
const WORDS = {
  confidence: ({ confidence }) => `${percent(confidence)} or more`,
  classes: ({ classes }) => (classes.length ? [...classes].sort().join(", ") : "all classes"),
  class_confidence: ({ class_confidence }) => {
    const each = Object.entries(class_confidence).sort().map(([name, score]) => `${name} ${percent(score)}`);
    return each.length ? `${each.join(", ")} or more` : "no class with a confidence of its own";
  },
  iou: ({ iou }) => `overlap up to ${percent(iou)}`,
  max_detections: ({ max_detections }) => `at most ${max_detections} ${max_detections === 1 ? "object" : "objects"}`,
};
