// One visit: its clip or picture, what is known of it, its way; download, keep and delete.

import { NewestFrame } from "./heat_map.js";
import { duration, element } from "./visit_list.js";
import { percent } from "./words.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const NOT_PLAYED = "This browser cannot play this clip. Download it.";
const HERE = "It goes on. Delete it when it has ended.";
const NOT_OVER = "It has not ended: what stands still is waited for, up to 10 minutes. Delete it after that.";
const BOXES = "The boxes are part of the clip.";

const byId = (id) => document.getElementById(id);
const fileAddress = (id, kind) => `/api/visits/${encodeURIComponent(id)}/${kind}`;

export class VisitView {
  // `get` and `change` send requests; `go({ visit })` shows another one, `close()` none; `neighbours(id)` are those
  // beside it in the list; `removed(id)` and `kept(id, isKept)` tell what has changed.
  constructor({ get, change, go, close, neighbours, removed, kept }) {
    Object.assign(this, { get, change, go, leave: close, neighbours, removed, kept });
    this.dialog = byId("visit");
    this.visit = null;
    this.asked = "";
    this.frame = new NewestFrame(byId("way-frame"), byId("way-view"));
    this.listen();
  }

  listen() {
    const on = (id, event, act) => byId(id).addEventListener(event, act);
    on("close-visit", "click", () => this.leave());
    on("visit", "cancel", (event) => event.target === this.dialog && (event.preventDefault(), this.leave())); // Escape
    on("visit", "click", (event) => event.target === this.dialog && this.leave()); // beside it
    on("newer", "click", () => this.go({ visit: this.neighbours(this.visit.id).newer }));
    on("older", "click", () => this.go({ visit: this.neighbours(this.visit.id).older }));
    on("speed", "change", () => this.setSpeed());
    on("film", "loadedmetadata", () => this.setSpeed());
    on("film", "error", () => (byId("film-hint").textContent = NOT_PLAYED));
    on("which-film", "change", () => this.play(byId("which-film").value));
    on("keep", "click", () => this.keep());
    on("delete", "click", () => this.confirm());
    on("confirm", "close", () => byId("confirm").returnValue === "yes" && this.remove());
  }

  // The visit with this id; "" closes the view.
  async show(id) {
    this.asked = id;
    this.stop();
    if (!id) return this.hide();
    const visit = await this.get(`/api/visits/${encodeURIComponent(id)}`);
    if (this.asked !== id) return;
    this.complain(visit.error ?? "");
    this.visit = visit.error ? null : visit;
    if (this.visit) this.fill();
    this.dialog.classList.toggle("is-gone", this.visit === null);
    if (this.visit === null) byId("visit-title").textContent = "Visit";
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
  }

  hide() {
    const id = this.visit?.id;
    this.dialog.close();
    if (id) document.querySelector(`[data-id="${CSS.escape(id)}"]`)?.focus();
  }

  fill() {
    const { visit } = this;
    const { newer, older } = this.neighbours(visit.id);
    byId("visit-title").textContent = `${visit.class} · ${visit.started.slice(11, 19)}`;
    byId("newer").disabled = newer === null;
    byId("older").disabled = older === null;
    this.showFilm();
    byId("visit-picture").hidden = !visit.picture || visit.clip;
    byId("visit-picture").alt = `The best picture of this ${visit.class}`;
    if (!byId("visit-picture").hidden) byId("visit-picture").src = fileAddress(visit.id, "picture");
    byId("facts").replaceChildren(...factsOf(visit).flatMap(([name, text]) => [element("dt", "", name), element("dd", "", text)]));
    this.showWay();
    byId("downloads").replaceChildren(...visit.files.filter(({ gone }) => !gone).map((file) => download(visit, file)));
    byId("mark").hidden = !visit.can_mark;
    byId("mark").href = `/review?visit=${encodeURIComponent(visit.id)}`;
    this.showKept();
    this.showDelete();
  }

  // Why not is text that everybody sees: a phone shows no titles.
  showDelete() {
    const { state, last_seen } = this.visit;
    byId("delete").disabled = state === "here";
    byId("delete-hint").textContent = state !== "here" ? "" : last_seen ? NOT_OVER : HERE;
  }

  // --- its clips ---

  showFilm() {
    const films = this.visit.files.filter(({ kind, gone }) => kind.startsWith("clip") && !gone);
    byId("film-part").hidden = films.length === 0;
    byId("which-film-label").hidden = films.length < 2;
    byId("which-film").replaceChildren(...films.map(({ kind }, index) => new Option(`${index + 1} of ${films.length}`, kind)));
    if (films.length) this.play(films[0].kind);
  }

  play(kind) {
    const film = byId("film");
    byId("film-hint").textContent = BOXES;
    if (this.visit.picture) film.poster = fileAddress(this.visit.id, "picture");
    else film.removeAttribute("poster");
    film.src = fileAddress(this.visit.id, kind);
  }

  setSpeed() {
    byId("film").playbackRate = Number(byId("speed").value);
  }

  // So that nothing more is loaded.
  stop() {
    const film = byId("film");
    if (!film.hasAttribute("src")) return;
    film.pause();
    film.removeAttribute("src");
    film.load();
  }

  // --- its way ---

  showWay() {
    const points = this.visit.path.map(([, x, y]) => [x, y]);
    byId("way").hidden = points.length === 0;
    if (points.length === 0) return;
    byId("way-view").style.setProperty("--ratio", this.visit.width / this.visit.height);
    this.frame.load(this.visit.source);
    const joined = points.map((point) => point.join(",")).join(" ");
    const [first, last] = [points[0], points.at(-1)];
    byId("way-path").replaceChildren(
      shape("polyline", { class: "under", points: joined }),
      shape("polyline", { class: "over", points: joined }),
      dot(first, "start under-dot"), dot(first, "start"), dot(last, "end under-dot"), dot(last, "end"),
    );
    byId("way-path").setAttribute("aria-label", `Its way: from the ${place(first)} to the ${place(last)} of the picture`);
  }

  // --- keep and delete ---

  showKept() {
    byId("keep").setAttribute("aria-pressed", String(this.visit.kept));
    byId("keep").textContent = this.visit.kept ? "Kept" : "Keep";
  }

  async keep() {
    const { visit } = this;
    const { error } = await this.change(visit.id, "PATCH", { kept: !visit.kept });
    if (this.visit !== visit) return;
    this.complain(error ?? "");
    if (error) return;
    visit.kept = !visit.kept;
    this.showKept();
    this.kept(visit.id, visit.kept);
  }

  confirm() {
    byId("confirm").returnValue = "";
    byId("confirm").showModal();
  }

  async remove() {
    const { id } = this.visit;
    this.stop();
    const { error } = await this.change(id, "DELETE");
    this.complain(error ?? "");
    if (error) return;
    this.removed(id);
  }

  complain(text) {
    byId("visit-refused").textContent = text;
  }
}

function factsOf(visit) {
  const day = new Date(`${visit.started.slice(0, 10)}T12:00:00`).toLocaleDateString("en-GB", { dateStyle: "medium" });
  const zones = Object.entries(visit.zones).map(([name, seconds]) => `${name} (${duration(seconds)})`);
  const crossings = visit.crossings.map(({ line, direction, after_s }) => `${line}: ${direction} ${after(after_s)}`);
  const here = visit.last_seen ? `Last seen at ${visit.last_seen.slice(11, 19)}` : "It is here now";
  const stayed = { here, "cut off": `${duration(visit.duration_s)}, then the program ended` }[visit.state];
  return [
    ["Came", `${day}, ${visit.started.slice(11, 19)}`],
    ["Stayed", stayed ?? duration(visit.duration_s)],
    ["Best score", percent(visit.score)],
    ["Zones", zones.join(", ")],
    ["Crossed", crossings.join(", ")],
    ["Stands still", visit.stationary ? "yes" : ""],
    ["Camera", visit.source],
  ].filter(([, text]) => text);
}

const after = (seconds) => (seconds < 1 ? "within 1 s" : `after ${duration(seconds)}`);

function download(visit, { kind, name }) {
  const time = visit.started.slice(0, 19).replace(/[:T]/g, "-");
  const suffix = name.slice(name.lastIndexOf("."));
  const link = element("a", "secondary button", `Download ${kind.replace("-", " ")}`);
  return Object.assign(link, { href: fileAddress(visit.id, kind), download: `${visit.class}-${time}-${kind}${suffix}` });
}

// "bottom left", of nine parts of the picture.
function place([x, y]) {
  const third = (value) => Math.min(2, Math.floor(3 * value));
  const words = [["top", "middle", "bottom"][third(y)], ["left", "middle", "right"][third(x)]];
  return words[0] === words[1] ? "middle" : words.join(" ");
}

// A line of no length with round ends is a dot, whatever the shape of the picture.
function dot([x, y], name) {
  return shape("path", { class: name, d: `M${x} ${y}h0` });
}

function shape(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
