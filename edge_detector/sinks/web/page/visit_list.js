// Visits as cards with pictures, in a group for each hour, the newest first.

import { percent } from "./words.js";

const RETRY_MS = 2000; // a picture that has not come is asked for once more: fast scrolling asks for too many at once

export class VisitList {
  // `href(id)` is the address of a visit's view, `open(id)` shows it.
  constructor(element, { href, open }) {
    this.element = element;
    this.href = href;
    this.open = open;
    this.ids = [];
    element.addEventListener("click", (event) => this.click(event));
    element.addEventListener("error", retry, true); // events of images do not bubble
  }

  show(visits) {
    this.element.replaceChildren();
    this.ids = [];
    this.append(visits);
  }

  append(visits) {
    for (const visit of visits) {
      if (this.ids.includes(visit.id)) continue; // its beginning has been written anew between two answers
      this.ids.push(visit.id);
      this.groupOf(visit).append(this.card(visit));
    }
  }

  // The visits beside one in the list, by age; null: there is none, or it is not in the list.
  neighbours(id) {
    const index = this.ids.indexOf(id);
    const at = (place) => (index < 0 ? null : this.ids[place] ?? null);
    return { newer: at(index - 1), older: at(index + 1) };
  }

  mark(id, isKept) {
    this.find(id)?.classList.toggle("is-kept", isKept);
  }

  remove(id) {
    const card = this.find(id);
    const group = card?.closest(".hour");
    card?.parentElement.remove();
    if (group && !group.querySelector(".visit")) group.remove();
    this.ids = this.ids.filter((each) => each !== id);
  }

  focus(id) {
    this.find(id)?.focus();
  }

  find(id) {
    return this.element.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }

  groupOf({ started }) {
    const hour = `${started.slice(11, 13)}:00`;
    const last = this.element.lastElementChild;
    if (last?.dataset.hour === hour) return last.lastElementChild;
    const group = element("section", "hour");
    group.dataset.hour = hour;
    group.append(element("h2", "", hour), element("ol", ""));
    this.element.append(group);
    return group.lastElementChild;
  }

  card(visit) {
    const link = Object.assign(element("a", "visit"), { href: this.href(visit.id) });
    link.dataset.id = visit.id;
    link.classList.toggle("is-kept", visit.kept);
    link.append(picture(visit), texts(visit));
    const item = element("li", "");
    item.append(link);
    return item;
  }

  // A click with a key pressed opens a tab of its own, as it does everywhere.
  click(event) {
    const link = event.target.closest(".visit");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.open(link.dataset.id);
  }
}

function picture({ id, picture, clip }) {
  const frame = element("span", clip ? "thumb has-clip" : "thumb");
  if (picture) {
    const image = Object.assign(document.createElement("img"), { loading: "lazy", decoding: "async", alt: "" });
    image.src = `/api/visits/${id}/picture`;
    frame.append(image);
  }
  return frame;
}

function texts(visit) {
  const text = element("span", "texts");
  const when = `${visit.started.slice(11, 19)} · ${stay(visit)}`;
  text.append(element("strong", "", visit.class), element("span", "score", percent(visit.score)), element("span", "when", when));
  text.append(element("span", "from-camera", visit.source));
  text.append(element("span", "where", Object.keys(visit.zones).join(", ")));
  const said = [visit.kept ? "kept" : "", visit.clip ? "with a clip" : ""].filter(Boolean).join(", ");
  text.append(element("span", "spoken", said));
  return text;
}

function retry({ target }) {
  if (target.dataset.retried) {
    target.remove(); // it is gone
    return;
  }
  target.dataset.retried = "yes";
  setTimeout(() => (target.src = `${target.src}?again`), RETRY_MS);
}

export function element(name, className, text = "") {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

// "here now", "last seen 17:07", or how long it was
function stay({ state, last_seen, duration_s }) {
  if (state !== "here") return duration(duration_s);
  return last_seen ? `last seen ${last_seen.slice(11, 16)}` : "here now";
}

// "under 1 s", "12 s", "3 min 5 s", "2 h 10 min"
export function duration(seconds) {
  if (seconds < 1) return "under 1 s";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
