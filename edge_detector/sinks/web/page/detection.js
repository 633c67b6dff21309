// What is detected, for everybody: shown, changed by the user, and applied after a confirmation.

import { ClassPicker } from "./class_picker.js";
import { ClassScores } from "./class_scores.js";
import { confirmed } from "./confirm.js";
import { percent } from "./seen_list.js";
import { changeSettings } from "./setting_requests.js";

const QUESTION = {
  title: "Change what is detected?",
  text: "Everybody's recordings change, and so do their pictures and messages.",
};
const OFTEN = ["confidence", "classes"]; // changed together, and named in every summary

const byId = (id) => document.getElementById(id);

export class DetectionSettings {
  constructor() {
    this.slider = byId("confidence");
    this.overlap = byId("iou");
    this.most = byId("max_detections");
    this.picker = new ClassPicker(byId("classes"), byId("classes-search"), () => this.edit());
    this.scores = new ClassScores(() => this.edit());
    this.current = { confidence: 0.5, classes: [], class_confidence: {}, iou: 0.6, max_detections: 100, detecting: true };
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
    byId("detection-now").textContent = settings.detecting ? summary(settings) : "Nothing: detection is off";
    if (!this.edited) this.reset();
  }

  reset() {
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

  // The names of those that are changed rarely and differ now.
  others(wanted) {
    return Object.keys(WORDS).filter((name) => WORDS[name](wanted) !== WORDS[name](this.current));
  }

  // What is to be sent: what differs, so that another viewer's change of the rest stays.
  changes() {
    const wanted = this.wanted();
    const others = this.others(wanted);
    const often = summary(wanted) !== summary(this.current) || others.length === 0 ? OFTEN : [];
    return Object.fromEntries([...often, ...others].map((name) => [name, wanted[name]]));
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
    const wanted = this.wanted();
    const others = this.others(wanted);
    const inWords = (settings) => [summary(settings), ...others.map((name) => WORDS[name](settings))].join("; ");
    const kept = others.map((name) => this.keptEach[name]).find((text) => text.startsWith("until")) ?? this.kept;
    if (await confirmed({ ...QUESTION, from: inWords(this.current), to: inWords(wanted), kept })) await this.apply();
  }

  async apply() {
    const answer = await changeSettings(this.changes());
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

function summary({ confidence, classes }) {
  return `${percent(confidence)} or more, ${classes.length ? [...classes].sort().join(", ") : "all classes"}`;
}

// The settings that are changed rarely, each in words.
const WORDS = {
  class_confidence: ({ class_confidence }) => {
    const each = Object.entries(class_confidence).sort().map(([name, score]) => `${name} ${percent(score)}`);
    return each.length ? `${each.join(", ")} or more` : "no class with a confidence of its own";
  },
  iou: ({ iou }) => `overlap up to ${percent(iou)}`,
  max_detections: ({ max_detections }) => `at most ${max_detections} objects`,
};
