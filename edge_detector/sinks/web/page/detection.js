// What is detected, for everybody: shown, changed by the user, and applied after a confirmation.

import { ClassPicker } from "./class_picker.js";

const ANSWER_MS = 10_000; // the longest time to wait for an answer

const byId = (id) => document.getElementById(id);
const percent = (fraction) => `${Math.round(fraction * 100)}%`;

export class DetectionSettings {
  // `ask(address, options)` sends a request.
  constructor(ask) {
    this.ask = ask;
    this.slider = byId("confidence");
    this.picker = new ClassPicker(byId("classes"), byId("classes-search"), () => this.edit());
    this.current = { confidence: 0.5, classes: [] }; // of the detector
    this.edited = false; // the user has changed something that is not applied yet
    this.slider.addEventListener("input", () => this.edit());
    byId("apply").addEventListener("click", () => this.confirm());
    byId("discard").addEventListener("click", () => this.discard());
    byId("confirm").addEventListener("close", () => byId("confirm").returnValue === "yes" && this.apply());
  }

  fill({ labels, kept }) {
    this.picker.fill(labels);
    this.kept = kept;
    byId("detection-controls").disabled = document.body.dataset.access === "look";
  }

  // Show the detector's settings, unless the user is about to change them.
  show(settings) {
    this.current = settings;
    byId("detection-now").textContent = inWords(settings);
    if (this.edited) return;
    this.slider.value = Math.round(settings.confidence * 100);
    this.picker.show(settings.classes);
    this.showEdited();
  }

  edit() {
    this.edited = true;
    byId("saved").textContent = "";
    this.showEdited();
  }

  discard() {
    this.edited = false;
    this.show(this.current);
    this.slider.focus();
  }

  showEdited() {
    byId("confidence-value").textContent = `${this.slider.value}%`;
    byId("apply").disabled = byId("discard").disabled = !this.edited;
  }

  wanted() {
    return { confidence: this.slider.value / 100, classes: [...this.picker.chosen] };
  }

  confirm() {
    byId("confirm-from").textContent = inWords(this.current);
    byId("confirm-to").textContent = inWords(this.wanted());
    byId("confirm-kept").textContent = `The change ${this.kept.startsWith("until") ? "lasts" : "is"} ${this.kept}.`;
    byId("confirm").returnValue = "";
    byId("confirm").showModal();
  }

  async apply() {
    try {
      const response = await this.ask("/api/settings", {
        method: "PATCH",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(this.wanted()),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const answer = await response.json();
      if (response.ok) this.applied(answer);
      else byId("saved").textContent = answer.error ?? "Not changed.";
    } catch (error) {
      const late = error.name === "TimeoutError";
      byId("saved").textContent = late ? "No answer yet: the change may still come." : "Not changed: the detector cannot be reached.";
    }
  }

  applied(answer) {
    this.edited = false;
    this.show(answer);
    byId("saved").textContent = `Changed; ${answer.kept}.`;
  }
}

function inWords({ confidence, classes }) {
  return `${percent(confidence)} or more, ${classes.length ? [...classes].sort().join(", ") : "all classes"}`;
}
