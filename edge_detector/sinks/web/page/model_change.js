// The model that runs, the way to another one, and the button that asks for it.

import { reloadModel } from "./setting_requests.js";

const byId = (id) => document.getElementById(id);
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
const inMs = (value) => (value === null ? "" : `${value.toFixed(1)} ms`);

const PHASES = {
  loading: ({ model }, running) => `${model} is loaded and tried on a grey picture. ${running} goes on meanwhile.`,
  shadow: ({ model }, running) => `${model} sees every few pictures beside ${running}, whose results count.`,
  trial: ({ model }) => `${model} works now. The model before it stays in memory, in case this one fails.`,
};

export class ModelChange {
  constructor() {
    this.asked = null; // what was known when the user pressed the button; null: nothing is awaited
    this.known = null;
    this.said = ""; // of the last request of this page, if it was not a change of the model
    byId("take-model").addEventListener("click", () => this.ask());
  }

  // `model`: the name of the one that runs; `change`: what the status says of another one; undefined: it cannot change.
  show(model, change) {
    byId("model-card").hidden = change === undefined;
    if (change === undefined) return;
    this.known = change;
    byId("model-running").textContent = model;
    const moves = change.phase !== "none";
    byId("model-moves").hidden = !moves;
    byId("take-model").disabled = moves || this.asked !== null;
    if (moves) this.showPhase(model, change);
    if (this.asked !== null && change.reloads !== this.asked.reloads) this.carriedOut(change);
    else if (this.asked === null && !moves) this.say(outcome(change, this.said), wasGood(change));
    else if (moves) this.say("", true);
  }

  // The detector may have started anew: an answer may never come.
  restart() {
    this.asked = null;
    this.said = "";
  }

  showPhase(model, change) {
    byId("model-phase").textContent = PHASES[change.phase](change, model);
    const progress = byId("model-progress");
    if (change.phase === "loading") progress.removeAttribute("value");
    else Object.assign(progress, { max: Math.max(1, change.wanted_frames), value: change.frames });
    byId("model-frames").textContent = change.phase === "loading" ? "" : `${change.frames} of ${change.wanted_frames} pictures`;
    byId("model-agreement").textContent = comparison(change);
  }

  async ask() {
    this.asked = this.known;
    byId("take-model").disabled = true;
    this.say("Asked for. It comes with the next picture.", true);
    const { error } = await reloadModel();
    if (!error) return;
    this.asked = null;
    byId("take-model").disabled = false;
    this.said = sentence(error);
    this.say(this.said, false);
  }

  // The configuration was read: another model comes, or it was refused, or there is none.
  carriedOut(change) {
    this.said = change.reloaded ? `There is no other model: ${change.reloaded}.` : "";
    this.asked = null;
    if (change.phase !== "none") return this.say("", true);
    byId("take-model").disabled = false;
    this.say(outcome(change, this.said), wasGood(change));
  }

  say(text, isGood) {
    if (byId("model-said").textContent !== text) byId("model-said").textContent = text;
    byId("model-said").classList.toggle("complaint", !isGood);
  }
}

// What the last request came to, if that was no other model; else how the last change has ended.
function outcome({ said, reloads, reloaded }, own) {
  if (reloads && reloaded) return own || `There was no other model: ${reloaded}.`;
  return said ? sentence(said) : "";
}

const wasGood = ({ said, reloaded }) => Boolean(reloaded) || !/ is refused: | fails: |^reload: /.test(said);

// "They agree in 94% of the boxes. One picture takes 31.2 ms instead of 30.8 ms."
function comparison({ phase, agreement, new_ms, running_ms }) {
  if (phase === "loading") return "";
  const alike = agreement === null ? "" : `They agree in ${Math.round(100 * agreement)}% of the boxes.`;
  const speed = new_ms === null ? "" : `One picture takes ${inMs(new_ms)} instead of ${inMs(running_ms)}.`;
  return `${alike} ${speed}`.trim();
}
