// The visits of one day: a list with pictures, counts by the hour, a heat map, and a view of each visit.

import { showDay } from "./day_chart.js";
import { HeatMap } from "./heat_map.js";
import { FILTERS, addressOf, questionOf, readAddress } from "./history_address.js";
import { NewVisits } from "./new_visits.js";
import { ask } from "./requests.js";
import { VisitList } from "./visit_list.js";
import { VisitView } from "./visit_view.js";
import { percent, sentence } from "./words.js";

const ANSWER_MS = 20_000; // the longest time to wait for an answer: a slow card may have much to read
const SCORES = [0.5, 0.6, 0.7, 0.8, 0.9];
const HOURS = 24;

const byId = (id) => document.getElementById(id);

let state = readAddress();
let shown = null; // the newest answer: { day, earlier, later, next }
let loads = 0; // an answer to an earlier question comes too late
const colors = new Map(); // class name -> colour

const list = new VisitList(byId("hour-groups"), { href: (id) => addressOf({ ...state, visit: id }), open });
const heat = new HeatMap((question) => get(`/api/visit-heat?${question}`));
const newVisits = new NewVisits({ look, known: (id) => list.ids.includes(id), take: takeNew });
const view = new VisitView({ get, change, colors, go, close: () => go({ visit: "" }), neighbours: (id) => list.neighbours(id), removed, kept });

// --- requests --------------------------------------------------------------------------------------------------------

// The answer, an object; `error` says what is wrong.
async function get(address, options = {}) {
  try {
    const response = await ask(address, { signal: AbortSignal.timeout(ANSWER_MS), ...options });
    const answer = await response.json();
    return response.ok ? answer : { error: answer.error ?? `The detector answers ${response.status}.` };
  } catch (error) {
    const late = error.name === "TimeoutError";
    return { error: late ? "No answer yet. Try again." : "The detector cannot be reached. Try again." };
  }
}

function change(id, method, body) {
  const json = { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return get(`/api/visits/${id}`, { method, ...(body ? json : {}) });
}

// --- what is shown ---------------------------------------------------------------------------------------------------

async function load() {
  const own = ++loads;
  newVisits.forget();
  showControls();
  const answer = await get(`/api/visits?${questionOf(state)}`);
  if (own !== loads) return;
  if (answer.error || answer.on === false) return showNothing(answer.error ?? sentence(answer.why), false);
  shown = answer;
  showBeside();
  list.show(answer.visits);
  byId("more").hidden = answer.next === null;
  const filtered = FILTERS.slice(1).some((name) => state[name]);
  if (answer.visits.length) byId("nothing-card").hidden = true;
  else showNothing(filtered ? "No visit on this day is like that." : "No visits on this day.", filtered);
  if (!answer.visits.length && !filtered) byId("said").textContent = "No visits";
  await loadCounts(own);
}

async function loadCounts(own) {
  const counts = await get(`/api/visit-counts?${questionOf({ ...state, day: shown.day })}`);
  if (own !== loads) return;
  if (counts.error) return say(counts.error);
  showCameras(counts.cameras);
  fillSelect("class", counts.classes, "All");
  fillSelect("zone", counts.zones, "All");
  const total = showDay(counts, colors, { chosen: state.hour, choose: (hour) => go({ hour }) });
  byId("hours-card").hidden = counts.classes.length === 0;
  byId("heat-card").hidden = total === 0;
  heat.ask(questionOf({ ...state, day: shown.day }), state.camera ? [state.camera] : counts.cameras);
  say(inWords(total, counts));
}

// What the list would show if it were loaded now; null while it is loaded, or if there is no answer.
async function look() {
  const own = loads;
  if (shown === null) return null;
  const answer = await get(`/api/visits?${questionOf(state)}`);
  return own !== loads || answer.error || !answer.on ? null : answer;
}

async function takeNew() {
  await load();
  list.focus(list.ids[0]);
}

async function loadMore() {
  const own = loads;
  if (byId("more").disabled || shown.next === null) return;
  byId("more").disabled = true;
  const answer = await get(`/api/visits?${questionOf({ ...state, day: shown.day }, { before: shown.next })}`);
  byId("more").disabled = false;
  if (own !== loads) return;
  if (answer.error) return say(answer.error);
  shown.next = answer.next;
  byId("more").hidden = answer.next === null;
  list.append(answer.visits);
}

// "132 visits on Sunday, 29 November 2026"
function inWords(total, { counts }) {
  const ofHour = state.hour === "" ? total : sum(counts.filter(({ hour }) => hour === Number(state.hour)));
  const number = `${ofHour.toLocaleString("en")} ${ofHour === 1 ? "visit" : "visits"}`;
  const at = state.hour === "" ? "" : `, ${hourName(state.hour)} to ${hourName(Number(state.hour) + 1)}`;
  return `${number} on ${dayName(shown.day)}${at}`;
}

const sum = (counts) => counts.reduce((total, { visits }) => total + visits, 0);
const hourName = (hour) => `${String(hour).padStart(2, "0")}:00`;

function dayName(day) {
  const noon = new Date(`${day}T12:00:00`);
  return noon.toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}

function showNothing(text, canClear) {
  list.show([]);
  byId("more").hidden = true;
  byId("nothing").textContent = text;
  byId("clear").hidden = !canClear;
  byId("nothing-card").hidden = false;
  say("Nothing to show");
}

function say(text) {
  byId("said").textContent = text;
}

// --- the controls ----------------------------------------------------------------------------------------------------

function fillSelect(name, values, all) {
  const chosen = state[name];
  const each = chosen && !values.includes(chosen) ? [...values, chosen] : values; // that no visit of this day has
  setOptions(name, [["", all], ...each.map((value) => [value, value])]);
}

// A choice only where there is more than one.
function showCameras(names) {
  fillSelect("camera", names, "All");
  byId("camera-label").hidden = names.length < 2 && !state.camera;
  byId("hour-groups").classList.toggle("several-cameras", names.length > 1 && !state.camera);
}

function setOptions(name, options) {
  byId(name).replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  byId(name).value = state[name];
}

function showControls() {
  setOptions("hour", [["", "All day"], ...Array.from({ length: HOURS }, (_, hour) => [String(hour), hourName(hour)])]);
  const percents = SCORES.map((score) => [String(score), `${percent(score)} or more`]);
  const own = state.score && !SCORES.includes(Number(state.score)) ? [[state.score, state.score]] : [];
  setOptions("score", [["", "Any"], ...percents, ...own]);
  for (const name of ["camera", "class", "zone"]) {
    if (![...byId(name).options].some(({ value }) => value === state[name])) fillSelect(name, [], "All");
    byId(name).value = state[name];
  }
  byId("kept").checked = state.kept === "yes";
  if (state.day) byId("day").value = state.day;
}

function showBeside() {
  byId("day").value = shown.day;
  byId("earlier").disabled = shown.earlier === null;
  byId("later").disabled = shown.later === null;
}

// Show something else, and remember it as a step for Back.
function go(changes) {
  const before = state;
  state = { ...state, ...changes };
  history.pushState(null, "", addressOf(state));
  follow(before);
}

function follow(before) {
  if (FILTERS.some((name) => before[name] !== state[name])) load();
  if (before.visit !== state.visit) view.show(state.visit);
}

function open(id) {
  go({ visit: id });
}

function removed(id) {
  list.remove(id);
  go({ visit: "" });
  load();
}

function kept(id, isKept) {
  list.mark(id, isKept);
}

byId("filters").addEventListener("submit", (event) => event.preventDefault());
for (const name of ["day", "hour", "camera", "class", "zone", "score"]) {
  byId(name).addEventListener("change", () => byId(name).validity.valid && go({ [name]: byId(name).value }));
}
byId("kept").addEventListener("change", () => go({ kept: byId("kept").checked ? "yes" : "" }));
byId("earlier").addEventListener("click", () => go({ day: shown.earlier }));
byId("later").addEventListener("click", () => go({ day: shown.later }));
byId("clear").addEventListener("click", () => go(Object.fromEntries(FILTERS.slice(1).map((name) => [name, ""]))));
byId("more").addEventListener("click", loadMore);
new IntersectionObserver(([entry]) => entry.isIntersecting && loadMore(), { rootMargin: "600px" }).observe(byId("more"));
addEventListener("popstate", () => {
  const before = state;
  state = readAddress();
  follow(before);
});

async function begin() {
  const asked = get("/api/settings");
  asked.then(({ labels = [] }) => labels.forEach(({ name, color }) => colors.set(name, color)));
  byId("heat-card").open = matchMedia("(min-width: 60rem)").matches;
  if (state.visit) view.show(state.visit);
  await load();
  await asked;
}

begin();
