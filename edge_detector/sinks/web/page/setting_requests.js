// Asks the detector for other settings.

import { ask } from "./requests.js";

const ANSWER_MS = 10_000; // the longest time to wait for an answer

// The settings after the change, with `kept`; or { error } if nothing has changed.
export async function changeSettings(changes) {
  return send("/api/settings", "PATCH", changes);
}

// Lets the detector read its configuration and the model's files again.
export async function reloadModel() {
  return send("/api/model", "POST", {});
}

async function send(address, method, body) {
  try {
    const response = await ask(address, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const answer = await response.json();
    return response.ok ? answer : { error: answer.error ?? "Not changed." };
  } catch (error) {
    const late = error.name === "TimeoutError";
    return { error: late ? "No answer yet: the change may still come." : "Not changed: the detector cannot be reached." };
  }
}
