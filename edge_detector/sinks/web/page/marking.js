// Marking on the live picture: it stands still, the detector holds the same picture, and the user says what is wrong.

import { MarkEditor } from "./mark_editor.js";
import { forgetPicture, freezePicture } from "./mark_requests.js";
import { mayGiveUp } from "./question.js";

const TITLE = "What is wrong here?";
const ABOUT = "It stands still while you mark it. Choose a box, or draw one round what was missed.";

const LEAVE = {
  title: "Leave without keeping it?",
  text: "What you have marked in this picture is not kept.",
  answers: { leave: "Discard my marks", stay: "Go on marking" },
};

const byId = (id) => document.getElementById(id);
const pictures = (count) => (count === 1 ? "1 picture" : `${count} pictures`);

export class LiveMarking {
  // `seen()` gives what the picture shows that the user looks at, or null: { sequence }.
  constructor(seen) {
    this.seen = seen;
    this.isOn = false; // the picture stands still
    this.canMark = true; // false: it is that of several cameras
    this.editor = new MarkEditor({ kept: (answer) => this.kept(answer), left: () => this.leave() });
    this.button = byId("start-marking");
    this.button.addEventListener("click", () => this.start());
  }

  fill(labels) {
    this.editor.fill(labels);
  }

  // What is kept on the device; null: this detector keeps nothing.
  show(usage) {
    byId("mistakes-card").hidden = usage === null;
    this.button.hidden = usage === null || !this.canMark;
    if (usage === null) return;
    const known = usage.kept !== null;
    byId("mistakes-kept").textContent = known ? keptInWords(usage) : "Their folder cannot be read; the log says why.";
    byId("review").hidden = !usage.offered;
    byId("review").textContent = `Review ${pictures(usage.offered)}`;
  }

  async start() {
    const seen = this.seen();
    if (this.isOn) return;
    if (seen === null) {
      this.say("There is no picture to mark.");
      return;
    }
    this.isOn = true; // at once: this very picture
    this.say("");
    const answer = await freezePicture(seen.sequence);
    if (!this.isOn) return; // another camera is shown; what the detector holds is forgotten with the next ones
    if (answer.error) this.end(answer.error);
    else await this.open(answer);
  }

  async open(picture) {
    if (document.fullscreenElement) await document.exitFullscreen(); // the buttons are below the picture
    this.editor.open(picture, TITLE, ABOUT);
    byId(picture.detections.length ? "which-mark" : "add-mark").focus({ preventScroll: true });
  }

  get hasChanges() {
    return this.editor.hasChanges;
  }

  mayLeave() {
    return mayGiveUp(LEAVE, { draft: () => this.editor.draft, giveUp: () => this.leave() });
  }

  leave() {
    forgetPicture(this.editor.picture.id); // if that fails, it is forgotten with the next ones
    this.end("");
  }

  // Another camera is to be shown.
  abandon() {
    if (!this.isOn) return;
    if (this.editor.draft) forgetPicture(this.editor.picture.id);
    this.isOn = false;
    this.editor.close();
    this.say("");
  }

  kept(usage) {
    this.show(usage);
    this.end(`Kept. ${keptInWords(usage)}`);
  }

  end(text) {
    this.isOn = false;
    this.editor.close();
    this.say(text);
    this.button.focus({ preventScroll: true });
  }

  say(text) {
    byId("marks-said").textContent = text;
  }
}

// "12 pictures are marked, 3.4 MB."
export function keptInWords({ kept, bytes }) {
  if (kept === 0) return "No picture is marked yet.";
  return `${pictures(kept)} ${kept === 1 ? "is" : "are"} marked, ${(bytes / 1e6).toFixed(1)} MB.`;
}
