// The page: the live picture, the objects in view, charts of the run, and what is shown and detected.

import { drawBoxes } from "./boxes.js";
import { camera, ofCamera, readCameras } from "./camera.js";
import { Cameras } from "./cameras.js";
import { Chart } from "./charts.js";
import { ClassPicker } from "./class_picker.js";
import { DetectionSettings } from "./detection.js";
import { receivePictures } from "./live_picture.js";
import { Liveness } from "./liveness.js";
import { LiveMarking } from "./marking.js";
import { PlaceCounts } from "./place_counts.js";
import { PlaceEditor } from "./place_editor.js";
import { ask, askJson } from "./requests.js";

const STATUS_MS = 1000;
const TICK_MS = 500; // between two looks at the age of the picture
const RETRY_MS = 3000;
const LONGER_MS = 30_000; // between two looks at the charts of hours and days
const SAMPLES = 120; // in the charts, one a second
const SPEAK_MS = 4000; // between two texts for screen readers, so that they can finish one
const SHOWN_KEY = "edge-detector: classes that this browser shows";

const byId = (id) => document.getElementById(id);
const colors = new Map(); // class name -> the colours of its boxes: { fill, text }
const liveness = new Liveness(performance.now());

// --- the picture -----------------------------------------------------------------------------------------------------

const picture = byId("picture");
const canvas = picture.getContext("2d");
let receiving = null; // ends the stream, so that nothing is encoded for a hidden page
let newest = null; // what was detected on the picture that is shown

async function receive() {
  receiving?.abort();
  const own = (receiving = new AbortController());
  while (!own.signal.aborted) {
    try {
      await receivePictures(own.signal, (bitmap, seen) => own.signal.aborted || showPicture(bitmap, seen));
    } catch (error) {
      if (own.signal.aborted) return;
      console.warn(error.message); // the state says that no picture comes
      await pause(RETRY_MS);
    }
  }
}

// In one go, so that the browser never shows a picture with the boxes of another.
function showPicture(bitmap, seen) {
  liveness.picture(performance.now());
  if (marking.isOn) return showState(); // the picture stands still
  if (picture.width !== bitmap.width || picture.height !== bitmap.height) {
    [picture.width, picture.height] = [bitmap.width, bitmap.height];
    byId("stage").style.setProperty("--ratio", bitmap.width / bitmap.height);
  }
  canvas.drawImage(bitmap, 0, 0);
  picture.dataset.sequence = seen.sequence;
  newest = seen;
  if (seen.detections.every(({ label }) => colors.has(label))) showSeen();
  else askForLabels();
  showState(); // the picture may be an old one
}

// The detector has got new ones.
function askForLabels() {
  forgetSeen();
  begun = false;
}

function stopReceiving() {
  receiving?.abort();
  receiving = null;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

byId("snapshot").addEventListener("click", (event) => {
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60000);
  event.currentTarget.download = `${["snapshot", camera()].filter(Boolean).join("-")}-${now.toISOString().slice(0, 19).replace(/[:T]/g, "-")}.jpg`;
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

const shown = new ClassPicker(byId("shown"), byId("shown-search"), () => {
  remember([...shown.chosen]);
  showSeen();
});
let spokenAt = 0;

function showSeen() {
  if (newest === null) return;
  const detections = newest.detections.filter(({ label }) => shown.chosen.size === 0 || shown.chosen.has(label));
  drawBoxes(byId("boxes"), { ...newest, detections }, colors);
  const groups = new Map();
  for (const { label, score } of detections) groups.set(label, [...(groups.get(label) ?? []), score]);
  const names = [...groups.keys()].sort();
  byId("seen").replaceChildren(...names.map((name) => seenRow(name, groups.get(name))));
  tellNone(names.length ? "" : "Nothing");
  speak(names.map((name) => `${groups.get(name).length} ${name}`).join(", ") || "nothing");
}

function tellNone(text) {
  byId("seen-none").textContent = text;
  byId("seen-none").hidden = !text;
}

function forgetSeen() {
  newest = null;
  byId("boxes").replaceChildren();
  byId("seen").replaceChildren();
  tellNone("Not known while no picture comes");
}

function seenRow(name, scores) {
  const row = document.createElement("li");
  row.style.setProperty("--swatch", colors.get(name).fill);
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

// The classes that this browser shows; without storage (a private window) until the page is closed.
function remember(names) {
  try {
    localStorage.setItem(SHOWN_KEY, JSON.stringify(names));
  } catch {
    return;
  }
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(SHOWN_KEY) ?? "[]").filter((name) => colors.has(name));
  } catch {
    return [];
  }
}

// --- charts of the run -----------------------------------------------------------------------------------------------

const charts = {
  fps: new Chart("chart-fps", { ceiling: 10 }),
  latency: new Chart("chart-latency", { lines: 2, ceiling: 50 }),
  drops: new Chart("chart-drops", { ceiling: 5 }),
  temperature: new Chart("chart-temperature", { floor: 30, ceiling: 85 }),
};
let samples = []; // of the last two minutes
let longer = null; // of the last two hours or days; null: the charts show minutes
let longerAt = 0;

function drawCharts() {
  const series = (name) => (longer ?? samples).map((sample) => sample[name]);
  charts.fps.draw([series("fps")]);
  charts.latency.draw([series("latency_p50_ms"), series("latency_p95_ms")]);
  charts.drops.draw([differences(series("dropped"))]);
  charts.temperature.draw([series("soc_temperature_c")]);
}

// A point of hours is a minute, one of days is 24 minutes: there is no need to ask every second.
async function refreshLonger() {
  const span = byId("span").value;
  if (span === "minutes") longer = null;
  else if (longer === null || performance.now() - longerAt > LONGER_MS) {
    const answer = await askJson(`/api/history?span=${span}`);
    if (span !== byId("span").value) return;
    longer = answer;
    longerAt = performance.now();
  }
}

byId("span").addEventListener("change", async () => {
  longer = null;
  await refreshLonger().catch((error) => console.warn(error.message)); // the state says that nothing comes
  drawCharts();
});

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

// --- start, and repeat while the page is visible ---------------------------------------------------------------------

const detection = new DetectionSettings(ask);
const places = new PlaceEditor(ask);
const counts = new PlaceCounts();
const marking = new LiveMarking(() => newest);
const cameras = new Cameras(showOtherCamera);
let begun = false;

async function begin() {
  cameras.fill(await readCameras());
  const own = camera();
  const addresses = ["/api/settings", "/api/history", ofCamera("/api/places")];
  const [settings, history, tables] = await Promise.all(addresses.map(askJson));
  if (own !== camera()) return; // the user was faster
  colors.clear();
  for (const { name, color, text_color } of settings.labels) colors.set(name, { fill: color, text: text_color });
  shown.fill(settings.labels);
  shown.show(remembered());
  byId("shown-search").disabled = false;
  detection.fill(settings);
  places.fill(tables, settings.labels);
  marking.fill(settings.labels);
  marking.canMark = cameras.isOne;
  byId("model").textContent = settings.model;
  document.title = [camera(), settings.model, "edge-detector"].filter(Boolean).join(" · ");
  samples = history;
  receive();
  begun = true;
}

function end() {
  begun = false;
  stopReceiving();
}

function showOtherCamera() {
  end();
  places.leave();
  marking.abandon();
  forgetSeen();
  canvas.clearRect(0, 0, picture.width, picture.height);
  keepRefreshing();
}

async function refresh() {
  try {
    if (!begun) await begin();
    await refreshLonger();
    const own = camera();
    const status = await askJson(ofCamera("/api/status"));
    if (own === camera()) showStatus(status);
  } catch (error) {
    if (error.name === "TimeoutError") return; // it may be slow, or frozen: the age of the picture tells
    end();
    liveness.noConnection();
  }
  showState();
}

function showStatus(status) {
  liveness.answer(status, performance.now());
  samples = [...samples, status.sample].slice(-SAMPLES);
  drawCharts();
  tellCharts(status);
  detection.show(status.settings);
  counts.show(status.counts);
  cameras.tell(status.cameras);
  marking.show(status.mistakes ?? null);
  byId("version").textContent = status.version;
}

function showState() {
  const now = performance.now();
  const { name, text, notice = text } = cameras.state(liveness.state(now));
  const state = byId("state");
  const stale = name !== "live";
  if (state.dataset.state !== name) byId("state-spoken").textContent = name === "stalled" ? "No new picture" : text;
  state.dataset.state = name;
  state.textContent = text;
  byId("notice").textContent = name === "lost" ? "The detector cannot be reached. Trying again." : notice;
  byId("notice").hidden = !stale;
  document.body.classList.toggle("stale", stale);
  if (stale && name !== "waiting") forgetSeen();
  if (name === "lost" || (name === "stalled" && !camera())) forgetValues(); // one camera of several is not the run
  if (liveness.streamIsDead(now)) receive();
}

function forgetValues() {
  for (const chart of Object.values(charts)) chart.tell("–", "", "not known");
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1);

// Once a second while the page is visible; a hidden page sends no requests.
let rounds = 0;

async function keepRefreshing() {
  const round = ++rounds;
  liveness.restart(performance.now());
  while (!document.hidden && round === rounds) {
    await refresh();
    await pause(STATUS_MS);
  }
}

document.addEventListener("visibilitychange", () => (document.hidden ? end() : keepRefreshing()));
setInterval(() => document.hidden || showState(), TICK_MS);
picture.hidden = false;
keepRefreshing();
