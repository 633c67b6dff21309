// The question before a change for everybody.

const byId = (id) => document.getElementById(id);

// Asks; `change` has the texts title, text, from, to and kept. Resolves to whether the user wants it.
export function confirmed({ title, text, from, to, kept }) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-from").textContent = from;
  byId("confirm-to").textContent = to;
  byId("confirm-kept").textContent = `The change ${kept.startsWith("until") ? "lasts" : "is"} ${kept}.`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}
