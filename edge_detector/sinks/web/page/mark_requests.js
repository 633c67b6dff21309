// Asks the detector to hold a picture, to keep what is said of it, and to forget it. Each answer is an object, with
// `error` if nothing was done.

import { ofCamera } from "./camera.js";
import { ask } from "./requests.js";

const ADDRESS = "/api/mistakes";
const ANSWER_MS = 10_000; // the longest time to wait for an answer

// The picture with that number, as the detector has it: { id, width, height, detections }.
export const freezePicture = (sequence) => request(ofCamera(`${ADDRESS}/frozen`), "POST", { sequence });

// The frame of a past visit, likewise.
export const holdVisit = (visit) => request(`${ADDRESS}/visit`, "POST", { visit });

// { kept, offered, bytes }
export const keepMarks = (id, said) => request(`${ADDRESS}/${id}`, "PUT", said);

export const forgetPicture = (id) => request(`${ADDRESS}/${id}`, "DELETE");

export const addressOf = (id) => `${ADDRESS}/${id}.jpg`;

async function request(address, method, body) {
  try {
    const json = { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const response = await ask(address, { method, ...(body ? json : {}), signal: AbortSignal.timeout(ANSWER_MS) });
    const answer = await response.json();
    return response.ok ? answer : { error: answer.error ?? "Not kept." };
  } catch (error) {
    const late = error.name === "TimeoutError";
    return { error: late ? "No answer yet: it may still be kept." : "Not kept: the detector cannot be reached." };
  }
}
