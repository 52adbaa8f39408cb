// A heat map as a canvas, to be drawn over the whole picture.

import { coloured, seen } from "./heatcolours.js";

/**
 * @typedef {{ canvas: HTMLCanvasElement, part: import("./heatcolours.js").Part | null }} Heat `part`: in shares of the picture
 */

/**
 * @param {import("./heatcolours.js").Map16} map
 * @returns {Heat}
 */
export function painted(map) {
  const canvas = document.createElement("canvas");
  canvas.width = map.width;
  canvas.height = map.height;
  const part = seen(map);
  const image = new ImageData(map.width, map.height);
  image.data.set(coloured(map, part));
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  const share = part && { x0: part.x0 / map.width, x1: part.x1 / map.width, y0: part.y0 / map.height, y1: part.y1 / map.height };
  return { canvas, part: share };
}
