// The page: the live picture, the objects in view, charts of the run, and two settings.

import { Chart } from "./charts.js";

const STATUS_MS = 1000;
const RETRY_MS = 3000;
const SAVE_DELAY_MS = 150; // a moving slider sends a few requests a second, not sixty
const SAMPLES = 120; // in the charts, one a second
const SPEAK_MS = 4000; // between two texts for screen readers, so that they can finish one

const byId = (id) => document.getElementById(id);
const colors = new Map(); // class name -> colour of its boxes

// --- requests to the server ------------------------------------------------------------------------------------------

async function ask(address, options) {
  const response = await fetch(address, { cache: "no-store", ...options });
  if (response.status === 401) location.reload(); // the token has changed: the login form appears
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
  picture.src = `/stream.mjpg?${Date.now()}`; // a new address each time, or the browser shows what it has in its cache
}

function hidePicture() {
  clearTimeout(retry);
  picture.src = "/icon.svg"; // ends the stream, so that nothing is encoded for a hidden page
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
  void picture.offsetWidth; // restarts the animation
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
    // The browser connects again by itself, but not after an answer such as "64 viewers already".
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

// --- charts of the run -----------------------------------------------------------------------------------------------

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

// The increase from each value to the next.
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
  charts.drops.tell(fixed(drops, 0), "/s", `${sample.dropped.toLocaleString("en")} in total`);
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
let saving = 0; // changes that the server has not confirmed; meanwhile its older answers do not move the slider

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
    byId("saved").textContent = response.ok ? "" : ((await response.json()).error ?? "The settings are not saved.");
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

// --- start, and repeat while the page is visible ---------------------------------------------------------------------

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
  else show(status.healthy ? "live" : "stalled", status.healthy ? "Live" : "No new picture");
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

async function refresh() {
  try {
    if (!reachable) await begin();
    showStatus(await askJson("/api/status"));
  } catch {
    end();
    show("lost", "Not reachable");
    notice("The detector cannot be reached. Trying again.");
  }
}

// Once a second while the page is visible; a hidden page sends no requests.
let rounds = 0;

async function keepRefreshing() {
  const round = ++rounds;
  while (!document.hidden && round === rounds) {
    await refresh();
    await new Promise((done) => setTimeout(done, STATUS_MS));
  }
}

document.addEventListener("visibilitychange", () => (document.hidden ? end() : keepRefreshing()));
keepRefreshing();
