// Round numbers for the axes of a chart.

const STEPS = [1, 2, 5, 10]; // of a power of ten
const TICKS = 4; // steps of the vertical scale, about

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const ZONE_S = -60 * new Date().getTimezoneOffset(); // so that days begin at midnight here

// The spans of a chart in seconds, the distance of the times below it, and how a time is written.
export const SPANS = {
  minutes: { seconds: 2 * MINUTE, every: MINUTE / 2, axis: withSeconds, time: withSeconds, name: "2 minutes" },
  hours: { seconds: 2 * HOUR, every: HOUR / 2, axis: clock, time: clock, name: "2 hours" },
  days: { seconds: 48 * HOUR, every: 12 * HOUR, axis: withDay, time: withDay, name: "2 days" },
};

// A scale that shows at least `low` to `high`: { low, high, ticks }, all round.
export function roundScale(low, high) {
  const step = roundStep((high - low) / TICKS);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
  return { low: ticks[0], high: ticks.at(-1), ticks };
}

// The round times after `from` and before `until`, in seconds since 1970.
export function roundTimes(from, until, every) {
  const first = Math.ceil((from + ZONE_S) / every);
  const last = Math.floor((until + ZONE_S) / every);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * every - ZONE_S);
}

function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * STEPS.find((step) => step * power >= least * 0.999);
}

function clock(at, options = {}) {
  return new Date(1000 * at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...options });
}

function withSeconds(at) {
  return clock(at, { second: "2-digit" });
}

function withDay(at) {
  return `${new Date(1000 * at).toLocaleDateString("en-GB", { weekday: "short" })} ${clock(at)}`;
}
