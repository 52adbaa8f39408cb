// Heat maps in colour: from dark violet over red to pale yellow, evenly spaced in lightness, clear where nothing is hot.

const STOPS = [
  [0.0, 20, 11, 53],
  [0.2, 84, 15, 109],
  [0.4, 156, 41, 100],
  [0.6, 221, 81, 58],
  [0.8, 252, 155, 6],
  [1.0, 252, 240, 160],
];
const STRONGEST = 0.55;

function colours() {
  const table = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i += 1) {
    const t = i / 255;
    const above = Math.max(1, STOPS.findIndex(([at]) => at >= t));
    const [low, high] = [STOPS[above - 1], STOPS[above]];
    const share = (t - low[0]) / (high[0] - low[0]);
    for (let c = 0; c < 3; c += 1) table[4 * i + c] = low[c + 1] + share * (high[c + 1] - low[c + 1]);
    table[4 * i + 3] = 255 * STRONGEST * Math.min(1, Math.max(0, t - 0.1) * 2);
  }
  return new Uint32Array(table.buffer);
}

/** A canvas with the map in colour, to be drawn over the whole picture. */
export function painted({ values, width, height }) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const table = colours();
  for (let i = 0; i < values.length; i += 1) pixels[i] = table[values[i] >> 8];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
