// Grey levels of a picture: the packing is that of picture.py; gzip has been undone by the browser.

/** @typedef {{ values: Uint16Array, width: number, height: number }} Level */

const SMALLEST = 256;

/**
 * Undo: high bytes and low bytes, folded signs, differences from the left (first of a row: from above).
 * @param {Uint8Array} planes
 * @param {number} width
 * @param {number} height
 */
export function unfold(planes, width, height) {
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

/**
 * The picture at full size, half, quarter, ...; each value of a level is the mean of four of the one before.
 * @param {Level} whole
 */
export function pyramid(whole) {
  const levels = [whole];
  for (let last = whole; Math.max(last.width, last.height) > SMALLEST; levels.push(last)) last = half(last);
  return levels;
}

/**
 * @param {Level} level
 * @returns {Level}
 */
export function half({ values, width, height }) {
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
