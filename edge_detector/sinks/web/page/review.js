// Pictures of which the detector is unsure, one after the other: the user says what is right and what is wrong. With
// ?visit=ID in the address it is the frame of that past visit alone.

import { MarkEditor } from "./mark_editor.js";
import { addressOf, forgetPicture, holdVisit } from "./mark_requests.js";
import { keptInWords } from "./marking.js";
import { askJson } from "./requests.js";

const byId = (id) => document.getElementById(id);

const visit = new URLSearchParams(location.search).get("visit");

let offers = [];
let reviewed = 0;

const editor = new MarkEditor({
  kept: (usage) => next(`Kept. ${keptInWords(usage)}`),
  left: skip,
});

async function begin() {
  byId("cancel-marks").textContent = "Skip";
  byId("all-right").hidden = false;
  if (visit) nameVisit();
  byId("marks").dataset.escape = "no"; // one key must not remove a picture
  try {
    const [answer, settings] = await Promise.all(["/api/mistakes", "/api/settings"].map(askJson));
    offers = visit ? [] : answer.offers;
    editor.fill(settings.labels);
    if (document.body.dataset.access === "look") end("You may look at everything, and change nothing.");
    else if (!answer.on) end("This detector keeps no mistakes: its web sink has no option mistakes=FOLDER.");
    else if (visit) await showVisit();
    else await show(`${offers.length || "No"} ${offers.length === 1 ? "picture" : "pictures"} to review.`);
  } catch (error) {
    end(`The detector cannot be reached: ${error.message}`);
  }
}

// "Skip" and the end lead back to the visit.
function nameVisit() {
  byId("cancel-marks").textContent = "Cancel";
  byId("to-live").textContent = "Back to the visit";
  byId("to-live").href = `/history?visit=${encodeURIComponent(visit)}`;
}

async function showVisit() {
  const picture = await holdVisit(visit);
  if (picture.error) return end(picture.error);
  offers = [picture];
  await show("");
}

async function show(said) {
  byId("marks-said").textContent = said;
  if (offers.length === 0) return end(visit ? "That was the frame of this visit." : "Nothing is left to review.");
  const [picture] = offers;
  const image = byId("picture");
  byId("stage").style.setProperty("--ratio", picture.width / picture.height);
  image.src = addressOf(picture.id);
  try {
    await image.decode();
  } catch {
    return next("A picture is not there any more.");
  }
  byId("stage").hidden = false;
  const taken = new Date(picture.taken).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  const from = picture.camera ? `Camera ${picture.camera}, ` : "";
  const title = visit ? "What is wrong here?" : `Picture ${reviewed + 1} of ${reviewed + offers.length}`;
  editor.open(picture, title, visit ? `The frame of ${taken}.` : `${from}${taken}: ${picture.reason}.`);
  byId(picture.detections.length ? "all-right" : "add-mark").focus({ preventScroll: true });
}

function next(said) {
  offers.shift();
  reviewed += 1;
  editor.close();
  return show(said);
}

async function skip() {
  editor.hold(true);
  const { error } = await forgetPicture(editor.picture.id);
  editor.hold(false);
  if (error) editor.complain(error);
  else next(visit ? "Nothing is kept." : "Skipped.");
}

function end(text) {
  byId("stage").hidden = true;
  byId("nothing").textContent = text;
  byId("nothing-card").hidden = false;
  byId("to-live").focus();
}

begin();
