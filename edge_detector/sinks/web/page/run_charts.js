// The charts of the run: speed, latency, drops and temperature over minutes, hours and days, and the same as a table.

import { SPANS } from "./chart_scale.js";
import { Chart } from "./charts.js";
import { capitalized } from "./words.js";

const LONGER_MS = 30_000; // between two looks at the charts of hours and days
const SAMPLES = 120; // in the charts of minutes, one a second

const byId = (id) => document.getElementById(id);
const fixed = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));

const DIGITS = [1, 1, 1, 1, 0]; // of the columns of the table, behind the time

export class RunCharts {
  // `ask(address)` gives the answer to a request.
  constructor(ask) {
    this.ask = ask;
    const read = (at) => this.all.forEach((chart) => chart.show(at)); // the same moment in each
    const line = (name, digits) => ({ name, digits });
    this.fps = new Chart("chart-fps", { unit: "fps", lines: [line("", 1)], ceiling: 10, read });
    this.latency = new Chart("chart-latency", { unit: "ms", lines: [line("", 1), line("95% within ", 1)], ceiling: 30, read });
    this.drops = new Chart("chart-drops", { unit: "/s", lines: [line("", 1)], ceiling: 5, read });
    this.temperature = new Chart("chart-temperature", { unit: "°C", lines: [line("", 0)], floor: 30, ceiling: 80, read });
    this.all = [this.fps, this.latency, this.drops, this.temperature];
    this.samples = []; // of the last two minutes
    this.longer = null; // of the last two hours or days; null: the charts show minutes
    this.longerAt = 0;
    byId("span").addEventListener("change", () => this.changeSpan());
    byId("charts-table").addEventListener("toggle", () => this.fillTable());
  }

  begin(samples) {
    this.samples = samples;
  }

  // A point of hours is a minute, one of days is 24 minutes: there is no need to ask every second.
  async refreshLonger() {
    const span = byId("span").value;
    if (span === "minutes") this.longer = null;
    else if (this.longer === null || performance.now() - this.longerAt > LONGER_MS) {
      const answer = await this.ask(`/api/history?span=${span}`);
      if (span !== byId("span").value) return;
      this.longer = answer;
      this.longerAt = performance.now();
    }
  }

  async changeSpan() {
    this.longer = null;
    await this.refreshLonger().catch((error) => console.warn(error.message)); // the state says that nothing comes
    this.draw();
    this.fillTable();
  }

  show(status) {
    this.temperature.nothing = nothingOf(status);
    this.samples = [...this.samples, status.sample].slice(-SAMPLES);
    this.draw();
    this.tell(status);
  }

  draw() {
    const span = byId("span").value;
    const { times, columns } = this.values();
    const [fps, latency, latest, drops, temperature] = columns;
    this.fps.draw(times, [fps], span);
    this.latency.draw(times, [latency, latest], span);
    this.drops.draw(times, [drops], span);
    this.temperature.draw(times, [temperature], span);
  }

  // Of each point the time and what is known of it, in the order of the table.
  values() {
    const points = this.longer ?? this.samples;
    const column = (name) => points.map((point) => point[name]);
    const times = column("at_s");
    const drops = increase(column("dropped"), times);
    const columns = ["fps", "latency_p50_ms", "latency_p95_ms"].map(column);
    return { times, columns: [...columns, drops, column("soc_temperature_c")] };
  }

  tell({ sample, settings, fps, soc_temperature_c, throttling }) {
    const camera = fps.capture ?? null;
    const captured = camera === null ? "results a second" : `of ${fixed(camera, 1)} captured`;
    if (settings.detecting) this.fps.tell(fixed(sample.fps, 1), "fps", captured);
    else this.fps.tell("Off", "", `${fixed(camera, 1)} fps captured, detection is off`);
    this.latency.tell(...(settings.detecting ? latencyOf(sample) : ["–", "", "detection is off"]));
    const drops = increase(...["dropped", "at_s"].map((name) => this.samples.map((each) => each[name]))).at(-1);
    this.drops.tell(fixed(drops, 0), "/s", `${sample.dropped.toLocaleString("en")} in total`);
    this.temperature.tell(fixed(soc_temperature_c, 0), "°C", cooling(throttling));
    this.temperature.card.classList.toggle("warn", Boolean(throttling?.now));
  }

  forget() {
    for (const chart of this.all) chart.tell("–", "", "not known");
  }

  // As it is at this moment: a table that changes while it is read helps nobody.
  fillTable() {
    if (!byId("charts-table").open) return;
    const { times, columns } = this.values();
    const { time } = SPANS[byId("span").value];
    const rows = times.map((at, index) => [time(at), ...columns.map((column, place) => fixed(column[index], DIGITS[place]))]);
    byId("charts-rows").replaceChildren(...rows.reverse().map(tableRow));
    byId("charts-taken").textContent = times.length
      ? `As it was at ${SPANS.minutes.time(Date.now() / 1000)}, the newest first.`
      : "Nothing known yet.";
  }
}

function latencyOf(sample) {
  return [fixed(sample.latency_p50_ms, 0), "ms", `95% within ${fixed(sample.latency_p95_ms, 0)} ms`];
}

// The increase a second from each value to the next.
function increase(values, times) {
  return values.map((value, index) => {
    const before = index > 0 ? values[index - 1] : null;
    if (value === null || before === null) return null;
    return Math.max(0, value - before) / Math.max(1, times[index] - times[index - 1]);
  });
}

function nothingOf({ soc_temperature_c, throttling }) {
  const canTell = soc_temperature_c !== null || throttling !== null;
  return canTell ? "Nothing known yet" : "Not known on this machine";
}

function cooling(throttling) {
  if (throttling === null) return "throttling not known";
  if (throttling.now) return capitalized(`${throttling.now}: ${throttling.advice}`);
  return throttling.earlier ? `earlier: ${throttling.earlier}` : "not throttled";
}

function tableRow(texts) {
  const row = document.createElement("tr");
  texts.forEach((text, index) => {
    const cell = document.createElement(index ? "td" : "th");
    if (!index) cell.scope = "row";
    cell.textContent = text;
    row.append(cell);
  });
  return row;
}
