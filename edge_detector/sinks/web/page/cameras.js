// Several cameras: a list with the state of each, and tiles over the picture of all. Both lead to one of them.

import { camera, ofCamera } from "./camera.js";
import { sentence } from "./words.js";

const LEFT_ALONE = ["ctrlKey", "metaKey", "shiftKey", "altKey"]; // a click with such a key opens a tab of its own

const SILENT_MS = 5000; // without an answer: what the last one said counts no more

const byId = (id) => document.getElementById(id);
const HISTORY = document.querySelector(".to-history");

export class Cameras {
  // `changed()` is called when another one is to be shown. `edit` has hasChanges, and mayLeave(), which asks the user.
  constructor(changed, edit) {
    this.changed = changed;
    this.edit = edit;
    this.address = location.href; // of what is shown
    this.each = []; // as in /api/cameras
    this.vitals = {}; // by name, as in /api/status
    this.toldAt = Infinity; // when that came
    for (const id of ["cameras", "tiles"]) byId(id).addEventListener("click", (event) => this.click(event));
    byId("tiles").addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays where it is
    addEventListener("popstate", () => this.popped());
  }

  // Whether the page shows one, of several or alone: only that has zones and mistakes.
  get isOne() {
    return this.each.length === 0 || camera() !== "";
  }

  // What `readCameras` gives. A name that no camera has is taken out of the address, and the page says so.
  fill({ cameras: each, unknown }) {
    if (unknown) byId("camera-unknown").textContent = sentence(unknown);
    if (camera() && !each.some(({ name }) => name === camera())) history.replaceState(null, "", "/");
    const isSame = JSON.stringify(each) === JSON.stringify(this.each);
    this.each = each;
    if (!isSame) this.list(each); // the focus stays where it is
    this.draw();
  }

  list(each) {
    byId("cameras").hidden = each.length === 0;
    byId("cameras-list").replaceChildren(...["", ...each.map(({ name }) => name)].map(item));
    byId("tiles").replaceChildren(...each.map(tile));
  }

  // `vitals`: those of /api/status, where there are several; `detecting`: whether anything is looked for.
  tell(vitals = {}, detecting = true) {
    this.toldAt = performance.now();
    const lost = (all) => Object.keys(all).filter((name) => isLost(all[name]));
    const before = lost(this.vitals);
    this.vitals = vitals;
    for (const link of [...linksOf("cameras"), ...linksOf("tiles")]) this.tellOne(link, vitals[link.dataset.camera], detecting);
    const now = lost(this.vitals);
    if (now.join() !== before.join()) byId("cameras-spoken").textContent = now.map((name) => `${name} is lost`).join(", ");
  }

  tellOne(link, vitals, detecting) {
    if (!vitals) return;
    link.dataset.state = isLost(vitals) ? "lost" : "live";
    link.querySelector(".hint").textContent = inWords(vitals, detecting);
  }

  // The detector does not answer: what it has said of them counts no more.
  forget() {
    for (const link of [...linksOf("cameras"), ...linksOf("tiles")]) {
      if (!link.dataset.state) continue; // nothing was ever known
      link.dataset.state = "unknown";
      link.querySelector(".hint").textContent = "–";
    }
  }

  // What the page says of its picture; `state` is that of `Liveness`. Of a camera that is lost it says that.
  state(state) {
    if (state.name === "lost" || performance.now() - this.toldAt > SILENT_MS) this.forget();
    const vitals = this.vitals[camera()];
    if (state.name === "lost" || !vitals || !isLost(vitals)) return state;
    const notice = `Camera ${camera()} is lost: no picture for ${seconds(vitals.silent_s)}. The detector keeps looking for it.`;
    return { name: "stalled", text: "Camera lost", notice };
  }

  async click(event) {
    const link = event.target.closest("a");
    if (!link || event.button || LEFT_ALONE.some((key) => event[key])) return;
    event.preventDefault();
    if (link.dataset.camera === camera()) return;
    if (this.edit.hasChanges && !(await this.edit.mayLeave())) return;
    history.pushState(null, "", link.href);
    this.show();
  }

  // The browser went back, or forward. While the user is asked, the address stays that of the camera that is shown.
  async popped() {
    if (!this.edit.hasChanges) return this.show();
    history.pushState(null, "", this.address);
    if (await this.edit.mayLeave()) history.back();
  }

  show() {
    byId("camera-unknown").textContent = "";
    this.draw();
    this.changed();
  }

  draw() {
    this.address = location.href;
    for (const link of linksOf("cameras")) {
      if (link.dataset.camera === camera()) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    byId("tiles").hidden = this.isOne;
    byId("cameras-hint").hidden = this.isOne;
    byId("snapshot").href = ofCamera("/snapshot.jpg");
    HISTORY.href = ofCamera("/history");
  }
}

const linksOf = (id) => byId(id).querySelectorAll("a");
const isLost = ({ silent_s }) => silent_s !== null;

function inWords(vitals, detecting) {
  if (isLost(vitals)) return `lost for ${seconds(vitals.silent_s)}`;
  if (!detecting) return "detection off";
  return vitals.fps === null ? "starting" : `${vitals.fps.toFixed(1)} fps`;
}

function seconds(value) {
  const whole = Math.round(value);
  return whole < 120 ? `${whole}\u00a0s` : `${Math.floor(whole / 60)}\u00a0min`;
}

function item(name) {
  const row = document.createElement("li");
  row.append(linkTo(name));
  return row;
}

// Only for pointers: the list says the same to everybody.
function tile({ name, tile: [left, top, right, bottom] }) {
  const link = linkTo(name);
  link.tabIndex = -1;
  link.title = `Show ${name} alone`;
  const words = document.createElement("span");
  words.append(...link.childNodes);
  link.append(words);
  const percent = (value) => `${100 * value}%`;
  Object.assign(link.style, { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) });
  return link;
}

function linkTo(name) {
  const link = document.createElement("a");
  link.href = ofCamera("/", name);
  link.dataset.camera = name;
  const state = document.createElement("span");
  state.className = "hint";
  link.append(name || "All", " ", state);
  return link;
}
