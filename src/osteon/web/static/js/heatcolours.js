// Heat maps in colour: from dark violet over red to pale yellow, evenly spaced in lightness, clear where nothing is hot.

/**
 * @typedef {{ values: Uint16Array, width: number, height: number }} Map16
 * @typedef {{ x0: number, y0: number, x1: number, y1: number }} Part in pixels of the map
 */

/** @type {[number, number, number, number][]} */
const STOPS = [
  [0.0, 20, 11, 53],
  [0.2, 84, 15, 109],
  [0.4, 156, 41, 100],
  [0.6, 221, 81, 58],
  [0.8, 252, 155, 6],
  [1.0, 252, 240, 160],
];
/** Share of the shorter side over which the map fades out where the part that the model saw ends. */
const FADE = 0.12;

/**
 * The colour of a value from 0 to 1, and how solid it is.
 * @param {number} t
 * @returns {[number, number, number, number]} red, green, blue from 0 to 255; solidity from 0 to 1
 */
export function colour(t) {
  const above = Math.max(1, STOPS.findIndex(([at]) => at >= t));
  const [low, high] = [STOPS[above - 1], STOPS[above]];
  const share = (t - low[0]) / (high[0] - low[0]);
  const mixed = [1, 2, 3].map((channel) => low[channel] + share * (high[channel] - low[channel]));
  return [mixed[0], mixed[1], mixed[2], Math.min(1, Math.max(0, t - 0.1) * 2)];
}

/** The same colours as a CSS gradient, for the legend. */
export function gradient() {
  const steps = Array.from({ length: 11 }, (_, index) => {
    const [red, green, blue, solid] = colour(index / 10);
    return `rgba(${Math.round(red)}, ${Math.round(green)}, ${Math.round(blue)}, ${solid.toFixed(2)}) ${10 * index}%`;
  });
  return `linear-gradient(90deg, ${steps.join(", ")})`;
}

/**
 * The part of the picture that the model saw: what surrounds everything above zero. Null when there is nothing.
 * @param {Map16} map
 * @returns {Part | null}
 */
export function seen({ values, width, height }) {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      if (!values[at]) continue;
      if (x < x0) x0 = x;
      if (x >= x1) x1 = x + 1;
      if (y < y0) y0 = y;
      if (y >= y1) y1 = y + 1;
    }
  }
  return x1 > x0 ? { x0, y0, x1, y1 } : null;
}

/**
 * The map's pixels in colour. At the edge of what the model saw it fades, instead of ending in a line that looks like a
 * finding; at the edge of the picture it does not.
 * @param {Map16} map
 * @param {Part | null} [part]
 */
export function coloured({ values, width, height }, part = seen({ values, width, height })) {
  const pixels = new Uint8ClampedArray(4 * width * height);
  if (!part) return pixels;
  const table = Array.from({ length: 256 }, (_, index) => colour(index / 255));
  const { x0, y0, x1, y1 } = part;
  const reach = Math.max(2, FADE * Math.min(x1 - x0, y1 - y0));
  const across = ramp(width, x0 > 0 ? x0 : -Infinity, x1 < width ? x1 : Infinity, reach);
  const down = ramp(height, y0 > 0 ? y0 : -Infinity, y1 < height ? y1 : Infinity, reach);
  for (let y = y0; y < y1; y += 1) {
    for (let x = x0; x < x1; x += 1) {
      const at = y * width + x;
      const [red, green, blue, solid] = table[values[at] >> 8];
      pixels.set([red, green, blue, 255 * solid * Math.min(across[x], down[y])], 4 * at);
    }
  }
  return pixels;
}

/**
 * From 0 at the ends to 1 inside, smoothly.
 * @param {number} length
 * @param {number} start
 * @param {number} end
 * @param {number} reach
 */
function ramp(length, start, end, reach) {
  return Float32Array.from({ length }, (_, place) => {
    const inside = Math.min(Math.max(Math.min(place + 0.5 - start, end - place - 0.5) / reach, 0), 1);
    return inside * inside * (3 - 2 * inside);
  });
}
