// Asks the detector to hold a picture, to keep what is said of it, and to forget it. Each answer is an object, with
// `error` if nothing was done.

import { ofCamera } from "./camera.js";
import { askToChange } from "./requests.js";

const ADDRESS = "/api/mistakes";
const WORDS = { undone: "Not kept", late: "it may still be kept" };

// The picture with that number, as the detector has it: { id, width, height, detections }.
export const freezePicture = (sequence) => request(ofCamera(`${ADDRESS}/frozen`), "POST", { sequence });

// The frame of a past visit, likewise.
export const holdVisit = (visit) => request(`${ADDRESS}/visit`, "POST", { visit });

// { kept, offered, bytes }
export const keepMarks = (id, said) => request(`${ADDRESS}/${id}`, "PUT", said);

export const forgetPicture = (id) => request(`${ADDRESS}/${id}`, "DELETE");

export const addressOf = (id) => `${ADDRESS}/${id}.jpg`;

function request(address, method, body) {
  return askToChange(address, method, body, WORDS);
}
