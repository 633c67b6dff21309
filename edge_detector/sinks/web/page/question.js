// A question to somebody who draws zones or marks mistakes.

// One at a time.
export const isAsking = () => document.getElementById("question") !== null;

// `answers`: the words of each button by what it answers, the last of them the one that is proposed. Resolves to that
// answer; to "" when the user closes the question.
export function asked({ title, text, answers }) {
  const dialog = Object.assign(document.createElement("dialog"), { className: "card", id: "question" });
  const form = Object.assign(document.createElement("form"), { method: "dialog" });
  const heading = Object.assign(document.createElement("h2"), { id: "question-title", textContent: title });
  const words = Object.assign(document.createElement("p"), { id: "question-text", textContent: text });
  const actions = Object.assign(document.createElement("div"), { className: "actions" });
  actions.append(...Object.entries(answers).map(button));
  actions.lastElementChild.className = "primary";
  form.append(heading, words, actions);
  dialog.append(form);
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.setAttribute("aria-describedby", words.id);
  return shown(dialog);
}

// Asks whether to give up a draft; with the answer "leave" it is given up. False: it stays, or another question is open.
export async function mayGiveUp(words, { draft, giveUp }) {
  if (isAsking()) return false;
  const before = draft();
  if ((await asked(words)) !== "leave") return false;
  if (draft() === before) giveUp(); // unless it is saved meanwhile
  return true;
}

function button([value, textContent]) {
  return Object.assign(document.createElement("button"), { className: "secondary", value, textContent });
}

function shown(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector(".primary").focus();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue);
    });
  });
}
