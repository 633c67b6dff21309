// Asks the detector for its zones, lines and masks, and to use others. `ask(address, options)` sends a request.

import { ofCamera } from "./camera.js";

const ADDRESS = "/api/places";
const OUTDATED = 412; // RFC 9110: Precondition Failed
const ANSWER_MS = 10_000; // the longest time to wait for an answer

// { tables, version, editable }: those of the run by their kinds, and what tells them from later ones.
export async function readPlaces(ask) {
  const response = await ask(ofCamera(ADDRESS), { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) throw new Error(`${ADDRESS}: ${response.status}`);
  const { editable, kept, ...tables } = await response.json();
  return { tables, version: versionOf(response), editable };
}

const versionOf = (response) => response.headers.get("ETag");

// `version`: of the tables that these replace. { tables, version, kept } or, if they are not used, { error } and perhaps
// the kind, index and field of the value to blame, or that it isOutdated: there are other tables now.
export async function writePlaces(ask, tables, version) {
  try {
    const response = await ask(ofCamera(ADDRESS), {
      method: "PUT",
      headers: { "Content-Type": "application/json", ...(version && { "If-Match": version }) },
      body: JSON.stringify(tables),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const { editable, kept, ...answer } = await response.json();
    if (response.ok) return { tables: answer, version: versionOf(response), kept };
    return { error: "Not saved.", isOutdated: response.status === OUTDATED, ...answer };
  } catch (error) {
    const late = error.name === "TimeoutError";
    return { error: late ? "No answer yet: the change may still come." : "Not saved: the detector cannot be reached." };
  }
}
