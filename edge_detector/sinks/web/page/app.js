// The page: the live picture, the objects in view, charts of the run, and what is shown and detected.

import { drawBoxes } from "./boxes.js";
import { camera, ofCamera, readCameras } from "./camera.js";
import { Cameras } from "./cameras.js";
import { ClassPicker } from "./class_picker.js";
import { DetectionSettings } from "./detection.js";
import { DetectionSwitch } from "./detection_switch.js";
import { receivePictures } from "./live_picture.js";
import { Liveness } from "./liveness.js";
import { LiveMarking } from "./marking.js";
import { ModelChange } from "./model_change.js";
import { PlaceCounts } from "./place_counts.js";
import { PlaceEditor } from "./place_editor.js";
import { readPlaces } from "./place_requests.js";
import { ask, askJson } from "./requests.js";
import { RunCharts } from "./run_charts.js";
import { SeenList } from "./seen_list.js";

const STATUS_MS = 1000;
const TICK_MS = 500; // between two looks at the age of the picture
const RETRY_MS = 3000;
const SPEAK_MS = 4000; // between two texts for screen readers, so that they can finish one
const STANDS_STILL = { name: "paused", text: "Picture paused" }; // while it is marked
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
const seenList = new SeenList();
let spokenAt = 0;

function showSeen() {
  if (newest === null) return;
  const detections = newest.detections.filter(({ label }) => shown.chosen.size === 0 || shown.chosen.has(label));
  drawBoxes(byId("boxes"), { ...newest, detections }, colors);
  speak(seenList.show(detections, colors, detectionSwitch.isOn ? "Nothing" : "Detection is off"));
}

function forgetSeen() {
  newest = null;
  byId("boxes").replaceChildren();
  seenList.forget();
}

function speak(text) {
  const spoken = byId("seen-spoken");
  if (spoken.textContent === text || Date.now() - spokenAt < SPEAK_MS) return;
  spoken.textContent = text;
  spokenAt = Date.now();
}

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

// --- start, and repeat while the page is visible ---------------------------------------------------------------------

const charts = new RunCharts(askJson);
const detection = new DetectionSettings();
const detectionSwitch = new DetectionSwitch();
const modelChange = new ModelChange();
const places = new PlaceEditor(ask);
const counts = new PlaceCounts();
const marking = new LiveMarking(() => newest);
// What the user draws or marks and has not saved yet.
const edit = {
  get hasChanges() {
    return places.hasChanges || marking.hasChanges;
  },
  mayLeave: () => (places.hasChanges ? places : marking).mayLeave(),
};
const cameras = new Cameras(showOtherCamera, edit);
let begun = false;

async function begin() {
  cameras.fill(await readCameras());
  const own = camera();
  const addresses = ["/api/settings", "/api/history"];
  const [settings, history, drawn] = await Promise.all([...addresses.map(askJson), readPlaces(ask)]);
  if (own !== camera()) return; // the user was faster
  colors.clear();
  for (const { name, color, text_color } of settings.labels) colors.set(name, { fill: color, text: text_color });
  shown.fill(settings.labels);
  shown.show(remembered());
  byId("shown-search").disabled = false;
  detection.fill(settings);
  places.fill(drawn, settings.labels);
  marking.fill(settings.labels);
  marking.canMark = cameras.isOne;
  byId("model").textContent = settings.model;
  document.title = [camera(), settings.model, "edge-detector"].filter(Boolean).join(" · ");
  charts.begin(history);
  modelChange.restart();
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
    await charts.refreshLonger();
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
  charts.show(status);
  detection.show(status.settings);
  detectionSwitch.show(status.settings);
  modelChange.show(status.model, status.model_change);
  counts.show(status.counts);
  cameras.tell(status.cameras, status.settings.detecting);
  marking.show(status.mistakes ?? null);
  byId("version").textContent = status.version;
}

function showState() {
  const now = performance.now();
  const { name, text, notice = text } = marking.isOn ? STANDS_STILL : cameras.state(liveness.state(now));
  const state = byId("state");
  const stale = name !== "live" && name !== STANDS_STILL.name;
  if (state.dataset.state !== name) byId("state-spoken").textContent = name === "stalled" ? "No new picture" : text;
  state.dataset.state = name;
  state.textContent = text;
  byId("notice").textContent = name === "lost" ? "The detector cannot be reached. Trying again." : notice;
  byId("notice").hidden = !stale;
  document.body.classList.toggle("stale", stale);
  if (stale && name !== "waiting") forgetSeen();
  if (name === "lost" || (name === "stalled" && !camera())) charts.forget(); // one camera of several is not the run
  if (liveness.streamIsDead(now)) receive();
}

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
