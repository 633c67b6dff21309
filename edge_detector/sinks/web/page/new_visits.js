// Tells of visits that have begun since the list was loaded. The list moves only when the user wants it.

const LOOK_MS = 10_000;

const byId = (id) => document.getElementById(id);

export class NewVisits {
  // `look()` gives the newest visits as the list would show them, { visits, next }, or null; `known(id)` tells whether
  // the list shows that one; `take()` loads the list anew.
  constructor({ look, known, take }) {
    this.look = look;
    this.known = known;
    this.button = byId("new-visits");
    this.button.addEventListener("click", take);
    setInterval(() => document.hidden || this.refresh(), LOOK_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  async refresh() {
    const answer = await this.look();
    if (answer === null) return;
    const first = answer.visits.findIndex(({ id }) => this.known(id));
    const count = first < 0 ? answer.visits.length : first;
    this.tell(count, first < 0 && answer.next !== null);
  }

  // `more`: there are more than so many.
  tell(count, more) {
    const text = count ? `${count}${more ? " or more" : ""} new ${count === 1 ? "visit" : "visits"}` : "";
    if (this.button.textContent !== text) this.button.textContent = text;
    this.button.hidden = !text;
  }

  forget() {
    this.tell(0, false);
  }
}
