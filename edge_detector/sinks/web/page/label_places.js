// Where the labels of boxes stand, so that none covers another.

// A place for each of `labels`, { width, height, left, top }: its size, and the upper left corner of its box; in pixels
// of the picture, which is as large as `room`. A label stands above its box, or inside the box's upper edge if there is
// no room above; never outside the picture. The first come first; a label that would cover an earlier one is moved down.
export function placesOf(labels, room) {
  const placed = [];
  for (const { width, height, left, top } of labels) {
    const above = top - height;
    const place = {
      left: Math.max(0, Math.min(left, room.width - width)),
      top: Math.max(0, Math.min(above >= 0 ? above : top, room.height - height)),
      width,
      height,
    };
    moveDown(place, placed, room.height);
    placed.push(place);
  }
  return placed;
}

// To where it covers none of `others`; it stays where it is if there is no room.
function moveDown(place, others, most) {
  const free = { ...place };
  for (let other; (other = others.find((each) => overlap(each, free))); ) free.top = other.top + other.height;
  if (free.top + free.height <= most) place.top = free.top;
}

function overlap(a, b) {
  const across = a.left < b.left + b.width && b.left < a.left + a.width;
  return across && a.top < b.top + b.height && b.top < a.top + a.height;
}
