// What differs between two states of the zones, lines and masks, in words.

import { KINDS, title } from "./places.js";

// "zone yard is added, line gate is changed, zone door is deleted".
export function changesInWords(before, after) {
  const changes = KINDS.flatMap((kind) => changesOf(byName(kind, before[kind]), byName(kind, after[kind])));
  return changes.join(", ");
}

// By the name; masks have none, so that each stands for itself by its number.
function byName(kind, places) {
  return new Map(places.map((place, index) => [place.name ?? index, { words: title(kind, place, index), place }]));
}

function changesOf(before, after) {
  const changes = [];
  for (const [name, { words, place }] of after) {
    if (!before.has(name)) changes.push(`${words} is added`);
    else if (JSON.stringify(before.get(name).place) !== JSON.stringify(place)) changes.push(`${words} is changed`);
  }
  for (const [name, { words }] of before) if (!after.has(name)) changes.push(`${words} is deleted`);
  return changes;
}
