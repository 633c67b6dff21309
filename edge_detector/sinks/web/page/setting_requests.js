// Asks the detector for other settings.

import { askToChange } from "./requests.js";

const WORDS = { undone: "Not changed", late: "the change may still come" };

// The settings after the change, with `kept`; or { error } if nothing has changed.
export const changeSettings = (changes) => askToChange("/api/settings", "PATCH", changes, WORDS);

// Lets the detector read its configuration and the model's files again.
export const reloadModel = () => askToChange("/api/model", "POST", {}, WORDS);
