// The page: the live picture, what is in view, how the run is doing, and two settings.

import { Chart } from "./charts.js";

const STATUS_MS = 1000;
const RETRY_MS = 3000;
const SAVE_DELAY_MS = 150; // a slider in motion asks for the detector's attention a few times a second, not sixty
const SAMPLES = 120; // one a second in the charts
const SPEAK_MS = 4000; // screen readers hear of changes at a pace they can follow

const byId = (id) => document.getElementById(id);
const colors = new Map(); // class name -> colour of its boxes

// --- talking to the server -------------------------------------------------------------------------------------------

async function ask(address, options) {
  const response = await fetch(address, { cache: "no-store", ...options });
  if (response.status === 401) location.reload(); // the token has changed: the form asks for it
  return response;
}

async function askJson(address) {
  const response = await ask(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.json();
}

// --- the picture -----------------------------------------------------------------------------------------------------

const picture = byId("picture");
let retry = 0;

function showPicture() {
  picture.src = `/stream.mjpg?${Date.now()}`; // a new address each time, or the browser believes it still has it
}

function hidePicture() {
  clearTimeout(retry);
  picture.src = "/icon.svg"; // ends the stream: nothing is encoded for a page that nobody sees
}

picture.addEventListener("error", () => {
  clearTimeout(retry);
  retry = setTimeout(showPicture, RETRY_MS);
});

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
  byId("stage").classList.toggle("dim", Boolean(text));
}

byId("snapshot").addEventListener("click", (event) => {
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60000);
  event.currentTarget.download = `snapshot-${now.toISOString().slice(0, 19).replace(/[:T]/g, "-")}.jpg`;
  picture.classList.remove("flash");
  void picture.offsetWidth; // lets the animation start anew
  picture.classList.add("flash");
});

byId("fullscreen").hidden = !document.fullscreenEnabled;
byId("fullscreen").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else byId("stage").requestFullscreen();
});

// --- what is in view -------------------------------------------------------------------------------------------------

let events = null;
let spokenAt = 0;

function listen() {
  events = new EventSource("/api/detections");
  events.onmessage = (message) => showSeen(JSON.parse(message.data));
  events.onerror = ({ target }) => {
    // A browser tries again by itself, but not after an answer such as "64 viewers already".
    if (target.readyState === EventSource.CLOSED) setTimeout(() => target === events && listen(), RETRY_MS);
  };
}

function showSeen({ width, height, detections }) {
  byId("stage").style.aspectRatio = `${width} / ${height}`;
  const groups = new Map();
  for (const { label, score } of detections) groups.set(label, [...(groups.get(label) ?? []), score]);
  const names = [...groups.keys()].sort();
  byId("seen").replaceChildren(...names.map((name) => seenRow(name, groups.get(name))));
  byId("seen-none").hidden = names.length > 0;
  speak(names.map((name) => `${groups.get(name).length} ${name}`).join(", ") || "nothing");
}

function seenRow(name, scores) {
  const row = document.createElement("li");
  row.style.setProperty("--swatch", colors.get(name));
  row.append(part("name", name), part("count", scores.length > 1 ? `× ${scores.length}` : ""));
  row.append(part("scores", scores.slice(0, 4).map(percent).join("  ") + (scores.length > 4 ? " …" : "")));
  const bar = part("bar", "");
  bar.style.setProperty("--score", scores[0]);
  row.append(bar);
  return row;
}

function part(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

function speak(text) {
  const spoken = byId("seen-spoken");
  if (spoken.textContent === text || Date.now() - spokenAt < SPEAK_MS) return;
  spoken.textContent = text;
  spokenAt = Date.now();
}

const percent = (fraction) => `${Math.round(fraction * 100)}%`;

// --- how it runs -----------------------------------------------------------------------------------------------------

const charts = {
  fps: new Chart("chart-fps", { ceiling: 10 }),
  latency: new Chart("chart-latency", { lines: 2, ceiling: 50 }),
  drops: new Chart("chart-drops", { ceiling: 5 }),
  temperature: new Chart("chart-temperature", { floor: 30, ceiling: 85 }),
};
let samples = [];

function drawCharts() {
  const series = (name) => samples.map((sample) => sample[name]);
  charts.fps.draw([series("fps")]);
  charts.latency.draw([series("latency_p50_ms"), series("latency_p95_ms")]);
  charts.drops.draw([differences(series("dropped"))]);
  charts.temperature.draw([series("soc_temperature_c")]);
}

// What was added between one value and the next.
function differences(values) {
  return values.map((value, index) => {
    const before = index > 0 ? values[index - 1] : null;
    return value === null || before === null ? null : Math.max(0, value - before);
  });
}

function tellCharts({ sample, fps, soc_temperature_c, throttling }) {
  const drops = differences(samples.map((each) => each.dropped)).at(-1);
  const camera = fps.capture ?? null;
  charts.fps.tell(fixed(sample.fps, 1), "fps", camera === null ? "results a second" : `of ${fixed(camera, 1)} captured`);
  charts.latency.tell(fixed(sample.latency_p50_ms, 0), "ms", `95% within ${fixed(sample.latency_p95_ms, 0)} ms`);
  charts.drops.tell(fixed(drops, 0), "/s", `${sample.dropped.toLocaleString("en")} in all`);
  charts.temperature.tell(fixed(soc_temperature_c, 0), "°C", cooling(soc_temperature_c, throttling));
  charts.temperature.card.classList.toggle("warn", Boolean(throttling?.now));
}

const fixed = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));

function cooling(temperature, throttling) {
  if (throttling === null) return temperature === null ? "not known on this machine" : "throttling not known";
  if (throttling.now) return sentence(`${throttling.now}: ${throttling.advice}`);
  return throttling.earlier ? `earlier: ${throttling.earlier}` : "not throttled";
}

// --- the settings ----------------------------------------------------------------------------------------------------

const slider = byId("confidence");
const chosen = new Set(); // class names; none: all
let saving = 0; // changes on their way: until they are through, the server's older answers do not move the slider

function showSettings({ confidence, classes }) {
  slider.value = Math.round(confidence * 100);
  chosen.clear();
  for (const name of classes) chosen.add(name);
  showChosen();
}

function showChosen() {
  byId("confidence-value").textContent = `${slider.value}%`;
  for (const chip of byId("chips").children) {
    const name = chip.dataset.name;
    chip.setAttribute("aria-pressed", name === undefined ? chosen.size === 0 : chosen.has(name));
  }
}

let timer = 0;

function save() {
  if (!timer) saving += 1;
  clearTimeout(timer);
  timer = setTimeout(send, SAVE_DELAY_MS);
}

async function send() {
  timer = 0;
  try {
    const response = await ask("/api/settings", {
      method: "PATCH",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ confidence: slider.value / 100, classes: [...chosen] }),
    });
    byId("saved").textContent = response.ok ? "" : ((await response.json()).error ?? "That did not work.");
  } catch {
    byId("saved").textContent = "Not saved: the detector cannot be reached.";
  } finally {
    saving -= 1;
  }
}

function chip(name, color) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  button.textContent = name ?? "All";
  if (name !== undefined) button.dataset.name = name;
  if (color) button.style.setProperty("--swatch", color);
  button.addEventListener("click", () => choose(name));
  return button;
}

function choose(name) {
  if (name === undefined) chosen.clear();
  else if (!chosen.delete(name)) chosen.add(name);
  showChosen();
  save();
}

function find(text) {
  for (const each of byId("chips").children) each.hidden = !(each.dataset.name ?? text).includes(text);
}

slider.addEventListener("input", () => {
  showChosen();
  save();
});
byId("search").addEventListener("input", (event) => find(event.target.value.trim().toLowerCase()));

// --- from the start, and as long as somebody looks -------------------------------------------------------------------

let reachable = false;

async function begin() {
  const [settings, history] = await Promise.all(["/api/settings", "/api/history"].map(askJson));
  for (const { name, color } of settings.labels) colors.set(name, color);
  byId("chips").replaceChildren(chip(), ...settings.labels.map(({ name, color }) => chip(name, color)));
  byId("model").textContent = settings.model;
  document.title = `${settings.model} · edge-detector`;
  slider.disabled = byId("classes").disabled = false;
  showSettings(settings);
  samples = history;
  showPicture();
  listen();
  reachable = true;
}

function end() {
  reachable = false;
  events?.close();
  events = null;
  hidePicture();
}

function showStatus(status) {
  samples = [...samples, status.sample].slice(-SAMPLES);
  drawCharts();
  tellCharts(status);
  if (!saving) showSettings(status.settings);
  byId("version").textContent = status.version;
  if (status.results === 0) show("waiting", "Starting");
  else show(status.healthy ? "live" : "stalled", status.healthy ? "Live" : "No picture");
  notice(status.healthy ? waiting() : sentence(status.trouble));
}

const waiting = () => (picture.naturalWidth > 0 ? "" : "Waiting for the picture");

function show(state, text) {
  const element = byId("state");
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  element.textContent = text;
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1);

async function look() {
  try {
    if (!reachable) await begin();
    showStatus(await askJson("/api/status"));
  } catch {
    end();
    show("lost", "Not reachable");
    notice("The detector cannot be reached. Trying again.");
  }
}

// Once a second while the page can be seen; a page in the background costs the detector nothing.
let looking = 0;

async function keepLooking() {
  const round = ++looking;
  while (!document.hidden && round === looking) {
    await look();
    await new Promise((done) => setTimeout(done, STATUS_MS));
  }
}

document.addEventListener("visibilitychange", () => (document.hidden ? end() : keepLooking()));
keepLooking();
