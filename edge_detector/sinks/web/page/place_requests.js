// Asks the detector for its zones, lines and masks, and to use others. `ask(address, options)` sends a request.

import { ofCamera } from "./camera.js";

const ADDRESS = "/api/places";
const ANSWER_MS = 10_000; // the longest time to wait for an answer

// The tables of the run by their kinds.
export async function readPlaces(ask) {
  const response = await ask(ofCamera(ADDRESS), { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) throw new Error(`${ADDRESS}: ${response.status}`);
  const { editable, kept, ...tables } = await response.json();
  return tables;
}

// { tables, kept } or, if they are not used, { error } and perhaps the kind, index and field of the value to blame.
export async function writePlaces(ask, tables) {
  try {
    const response = await ask(ofCamera(ADDRESS), {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(tables),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const { editable, kept, ...answer } = await response.json();
    return response.ok ? { tables: answer, kept } : { error: "Not saved.", ...answer };
  } catch (error) {
    const late = error.name === "TimeoutError";
    return { error: late ? "No answer yet: the change may still come." : "Not saved: the detector cannot be reached." };
  }
}
