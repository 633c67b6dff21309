// The model that runs, the way to another one, and the button that asks for it.

import { reloadModel } from "./setting_requests.js";
import { percent, sentence } from "./words.js";

const byId = (id) => document.getElementById(id);
const inMs = (value) => (value === null ? "" : `${value.toFixed(1)} ms`);

// In what the detector says of a change.
const SUCCESS = / stays; /;
const FAILURES = / is refused: | fails: |^reload: /;

const PHASES = {
  loading: ({ model }, running) => `${model} is loaded and tried on a grey picture. ${running} goes on meanwhile.`,
  shadow: ({ model }, running) => `${model} sees every few pictures beside ${running}, whose results count.`,
  trial: ({ model }) => `${model} works now. The model before it stays in memory, in case this one fails.`,
};

export class ModelChange {
  constructor() {
    this.change = null; // of the last status
    this.asked = null; // how often the configuration had been read when the user pressed the button; null: it was read
    this.error = ""; // of the last request
    byId("take-model").addEventListener("click", () => this.ask());
  }

  // The detector may have started anew: an answer may never come.
  restart() {
    this.asked = null;
    this.error = "";
  }

  // `model`: the name of the one that runs; `change`: what the status says of another one; undefined: it cannot change.
  show(model, change) {
    byId("model-card").hidden = change === undefined;
    if (change === undefined) return;
    this.change = change;
    if (this.asked !== change.reloads) this.asked = null;
    if (byId("model-running").textContent !== model) byId("model-running").replaceChildren(...breakable(model));
    const moves = change.phase !== "none";
    byId("model-moves").hidden = !moves;
    byId("take-model").disabled = moves || this.asked !== null;
    if (moves) this.showPhase(model, change);
    this.say(moves ? { text: "", isGood: true } : this.outcome(change));
  }

  showPhase(model, change) {
    byId("model-phase").replaceChildren(...breakable(PHASES[change.phase](change, model)));
    const progress = byId("model-progress");
    if (change.phase === "loading") progress.removeAttribute("value");
    else Object.assign(progress, { max: Math.max(1, change.wanted_frames), value: change.frames });
    byId("model-frames").textContent = change.phase === "loading" ? "" : `${change.frames} of ${change.wanted_frames} pictures`;
    byId("model-agreement").textContent = comparison(change);
  }

  async ask() {
    this.asked = this.change.reloads;
    byId("take-model").disabled = true;
    this.say(this.outcome(this.change));
    const { error } = await reloadModel();
    this.error = error ?? "";
    if (this.error) this.asked = null;
  }

  // How the last request, or the last change, has ended.
  outcome({ said, reloaded }) {
    if (this.asked !== null) return { text: "Asked for. It comes with the next picture.", isGood: true };
    if (this.error) return { text: sentence(this.error), isGood: false };
    if (reloaded) return { text: `There is no other model: ${reloaded}.`, isGood: true };
    const compared = SUCCESS.test(said) ? comparison(this.change, PAST) : "";
    return { text: said ? `${sentence(said)} ${compared}`.trim() : "", isGood: !FAILURES.test(said) };
  }

  say({ text, isGood }) {
    if (byId("model-said").textContent !== text) byId("model-said").replaceChildren(...breakable(text));
    byId("model-said").classList.toggle("complaint", !isGood);
  }
}

// A text with long names of models, which may go on in the next line behind each underscore.
const breakable = (text) => text.split(/(?<=_)/).flatMap((part) => [part, document.createElement("wbr")]);

const PRESENT = { agree: "agree", takes: "takes" };
const PAST = { agree: "agreed", takes: "took" };

// "They agree in 94% of the boxes. One picture takes 31.2 ms instead of 30.8 ms."
function comparison({ phase, agreement, new_ms, running_ms, warned }, { agree, takes } = PRESENT) {
  if (phase === "loading") return "";
  const alike = agreement === null ? "" : `They ${agree} in ${percent(agreement)} of the boxes.`;
  const speed = new_ms === null ? "" : `One picture ${takes} ${inMs(new_ms)} instead of ${inMs(running_ms)}.`;
  return [alike, speed, warned ? `Look at what it misses: ${warned}.` : ""].filter(Boolean).join(" ");
}
