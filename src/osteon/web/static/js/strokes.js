// Lines, knobs and words over a picture, each with a dark edge: they are seen on black and on white.

/**
 * @typedef {import("./pane.js").Pane} Pane
 * @typedef {import("./shapes.js").Point} Point
 */

const EDGE = "rgba(0, 0, 0, 0.7)";

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Pane} pane
 * @param {Point[]} points
 */
export function path(context, pane, points, closed = true) {
  context.beginPath();
  points.forEach((point, index) => {
    const [x, y] = pane.toScreen(point);
    if (index) context.lineTo(x, y);
    else context.moveTo(x, y);
  });
  if (closed) context.closePath();
}

/**
 * Short strokes across both ends of a line, added to its path.
 * @param {CanvasRenderingContext2D} context
 * @param {Pane} pane
 * @param {Point[]} ends
 * @param {number} long
 */
export function ticks(context, pane, ends, long) {
  const [from, to] = ends.map((end) => pane.toScreen(end));
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]) + Math.PI / 2;
  const [dx, dy] = [Math.cos(angle) * long, Math.sin(angle) * long];
  for (const [x, y] of [from, to]) {
    context.moveTo(x - dx, y - dy);
    context.lineTo(x + dx, y + dy);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 * @param {number} wide
 * @param {number[]} dashes
 */
export function stroke(context, colour, wide, dashes) {
  context.save();
  context.strokeStyle = EDGE;
  context.lineWidth = wide * 2;
  context.stroke();
  context.setLineDash(dashes);
  context.strokeStyle = colour;
  context.lineWidth = wide;
  context.stroke();
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point} at
 * @param {number} radius
 * @param {string} colour
 */
export function knob(context, [x, y], radius, colour) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = "#07090b";
  context.fill();
  context.strokeStyle = colour;
  context.lineWidth = radius / 2.5;
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Pane} pane
 * @param {string} text
 * @param {Point} at
 * @param {string} colour
 * @param {number} ratio
 * @param {number} [beside] to the right of the place, by so much; above it by default
 */
export function tag(context, pane, text, at, colour, ratio, beside) {
  const [across, down] = pane.toScreen(at);
  const [x, y] = beside === undefined ? [across, down] : [across + beside, down + 13 * ratio];
  context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  const wide = context.measureText(text).width + 10 * ratio;
  const left = Math.min(Math.max(x, 0), Math.max(pane.size[0] - wide, 0));
  const top = Math.max(y - 23 * ratio, 0);
  context.fillStyle = "rgba(0, 0, 0, 0.78)";
  context.fillRect(left, top, wide, 20 * ratio);
  context.fillStyle = colour;
  context.textBaseline = "middle";
  context.fillText(text, left + 5 * ratio, top + 10.5 * ratio);
}
