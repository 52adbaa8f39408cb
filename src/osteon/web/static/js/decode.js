// A worker: fetches a picture, unpacks it to 16-bit values, and halves it again and again for the lower zooms, unless
// its half is there already.
// The packing is that of picture.py; gzip has been undone by the browser.

const SMALLEST = 256;

self.onmessage = async ({ data: { id, url, width, height, alone } }) => {
  try {
    const reply = await fetch(url, { credentials: "same-origin" });
    if (!reply.ok) throw new Error(`picture refused (${reply.status})`);
    const planes = new Uint8Array(await reply.arrayBuffer());
    if (planes.length !== 2 * width * height) throw new Error("picture incomplete");
    const whole = { values: unfold(planes, width, height), width, height };
    const levels = alone ? [whole] : pyramid(whole);
    self.postMessage({ id, levels }, levels.map((level) => level.values.buffer));
  } catch (error) {
    self.postMessage({ id, failed: error.message });
  }
};

/** Undo: high bytes and low bytes, folded signs, differences from the left (first of a row: from above). */
function unfold(planes, width, height) {
  const count = width * height;
  const values = new Uint16Array(count);
  let first = 0;
  for (let row = 0, at = 0; row < height; row += 1) {
    let value = first;
    for (const end = at + width; at < end; at += 1) {
      const folded = (planes[at] << 8) | planes[at + count];
      value = (value + ((folded >>> 1) ^ -(folded & 1))) & 0xffff;
      values[at] = value;
    }
    first = values[at - width];
  }
  return values;
}

/** The picture at full size, half, quarter, ...; each value of a level is the mean of four of the one before. */
function pyramid(whole) {
  const levels = [whole];
  for (let last = whole; Math.max(last.width, last.height) > SMALLEST; last = levels.at(-1)) levels.push(half(last));
  return levels;
}

function half({ values, width, height }) {
  const across = (width + 1) >> 1;
  const down = (height + 1) >> 1;
  const means = new Uint16Array(across * down);
  for (let row = 0, at = 0; row < down; row += 1) {
    const upper = 2 * row * width;
    const lower = Math.min(2 * row + 1, height - 1) * width;
    for (let column = 0; column < across; column += 1, at += 1) {
      const left = 2 * column;
      const right = Math.min(left + 1, width - 1);
      means[at] = (values[upper + left] + values[upper + right] + values[lower + left] + values[lower + right] + 2) >> 2;
    }
  }
  return { values: means, width: across, height: down };
}
