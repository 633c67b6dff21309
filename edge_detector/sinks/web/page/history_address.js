// What the page shows, in its address, so that Back and Reload work.

export const FILTERS = ["day", "hour", "camera", "class", "zone", "score", "kept"];
const NAMES = [...FILTERS, "visit"];

// { day, hour, camera, class, zone, score, kept, visit }, each a text; "" where nothing is chosen.
export function readAddress() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.map((name) => [name, given.get(name) ?? ""]));
}

export function addressOf(state) {
  const query = queryOf(state, NAMES);
  return query ? `?${query}` : location.pathname;
}

// The filters as part of a request, with `more` of it.
export const questionOf = (state, more = {}) => queryOf({ ...state, ...more }, [...FILTERS, ...Object.keys(more)]);

function queryOf(state, names) {
  return new URLSearchParams(names.filter((name) => state[name]).map((name) => [name, state[name]])).toString();
}
