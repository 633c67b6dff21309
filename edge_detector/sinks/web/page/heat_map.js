// Where objects were: how many visits led through each part of the picture, drawn over the newest picture.

import { ofCamera, readCameras } from "./camera.js";

const ACROSS = ["left", "middle", "right"];
const DOWN = ["top", "middle", "bottom"];

const byId = (id) => document.getElementById(id);

export class HeatMap {
  // `get(question)` gives an answer of /api/visit-heat. Nothing is asked for while the card is closed.
  constructor(get) {
    this.get = get;
    this.asked = null; // the question whose answer is shown
    this.wanted = null;
    this.cameras = []; // whose visits those are
    this.frame = new NewestFrame(byId("heat-frame"), byId("heat-view"));
    byId("heat-card").addEventListener("toggle", () => this.load());
  }

  // `cameras`: those of the visits that are asked for.
  ask(question, cameras) {
    const several = cameras.length > 1;
    byId("heat-view").hidden = several;
    if (several) byId("heat-hint").textContent = "Choose a camera: each has a picture of its own.";
    this.cameras = cameras;
    this.wanted = several ? null : question;
    this.asked = null;
    this.load();
  }

  async load() {
    if (!byId("heat-card").open || this.wanted === null || this.asked === this.wanted) return;
    const question = (this.asked = this.wanted);
    this.frame.load(this.cameras[0]);
    const answer = await this.get(question);
    if (question !== this.wanted) return;
    if (answer.error) byId("heat-hint").textContent = answer.error;
    else this.draw(answer);
  }

  draw({ rows, visits }) {
    const canvas = byId("heat");
    const most = Math.max(1, ...rows.flat());
    [canvas.width, canvas.height] = [rows[0].length, rows.length];
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    rows.flat().forEach((number, index) => image.data.set(color(number / most), 4 * index));
    context.putImageData(image, 0, 0);
    const count = `${visits.toLocaleString("en")} ${visits === 1 ? "visit" : "visits"}`;
    byId("heat-hint").textContent = `The ways of the newest ${count}, over the newest picture. Red: most.`;
    canvas.setAttribute("aria-label", `Where they were: most at the ${where(rows)} of the picture`);
  }
}

// The picture behind what is drawn; where there is none, a plain surface.
export class NewestFrame {
  constructor(image, view) {
    this.image = image;
    image.addEventListener("load", () => {
      view.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
      image.hidden = false;
    });
    image.addEventListener("error", () => (image.hidden = true));
  }

  // `source`: the camera of a visit, which counts where there are several.
  async load(source) {
    const { cameras } = await readCameras().catch(() => ({ cameras: [] }));
    const isGone = cameras.length > 0 && !cameras.some(({ name }) => name === source);
    if (isGone) this.image.hidden = true;
    else this.image.src = ofCamera(`/frame.jpg?${Date.now()}`, cameras.length ? source : "");
  }
}

// Red, green, blue, alpha: from nothing over yellow to red; the root shows also what few have passed.
function color(share) {
  if (share === 0) return [0, 0, 0, 0];
  const heat = Math.sqrt(share);
  return [255, Math.round(220 * (1 - heat * heat)), 0, Math.round(90 + 140 * heat)];
}

// "bottom left", of nine parts of the picture.
function where(rows) {
  const totals = new Map();
  rows.forEach((row, y) =>
    row.forEach((number, x) => {
      const part = [DOWN[Math.floor((3 * y) / rows.length)], ACROSS[Math.floor((3 * x) / row.length)]].join(" ");
      totals.set(part, (totals.get(part) ?? 0) + number);
    }),
  );
  const [[most]] = [...totals].sort((one, other) => other[1] - one[1]);
  return most === "middle middle" ? "middle" : most;
}
