// Detection on and off, for everybody: a switch among the settings, and a note on the picture while it is off.

import { confirmed } from "./confirm.js";
import { changeSettings } from "./setting_requests.js";

const SWITCH_OFF = {
  title: "Switch detection off?",
  text: "The picture goes on for everybody. Nothing is found, recorded or told until somebody switches it on.",
  from: "on",
  to: "off",
  kept: "until it is switched on, or the detector starts again",
};

const byId = (id) => document.getElementById(id);

export class DetectionSwitch {
  constructor() {
    this.isOn = true;
    byId("detecting").addEventListener("click", () => this.toggle());
    byId("switch-on").addEventListener("click", () => this.change(true));
  }

  show({ detecting }) {
    if (this.isOn && !detecting) byId("detecting-said").textContent = "Detection is off.";
    if (!this.isOn && detecting) byId("detecting-said").textContent = "Detection is on.";
    this.isOn = detecting;
    byId("detecting").setAttribute("aria-checked", detecting);
    byId("detecting").disabled = document.body.dataset.access === "look";
    byId("detection-off").hidden = detecting;
  }

  async toggle() {
    if (!this.isOn) await this.change(true);
    else if (await confirmed(SWITCH_OFF)) await this.change(false);
  }

  async change(detecting) {
    const answer = await changeSettings({ detecting });
    if (answer.error) byId("detecting-said").textContent = answer.error;
    else this.show(answer);
    if (detecting) this.focus(); // the button on the picture is gone
  }

  focus() {
    const isOpen = byId("detection").open;
    (isOpen ? byId("detecting") : byId("detection").querySelector("summary")).focus({ preventScroll: true });
  }
}
