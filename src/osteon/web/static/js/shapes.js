// What a reader draws on a picture: a ruler and a box, both between two points of the picture.

const EDGE = "rgba(0, 0, 0, 0.7)";

/**
 * @typedef {[number, number]} Point
 * @typedef {import("./pane.js").Pane} Pane
 */

export class Shape {
  /**
   * @param {"ruler" | "box"} kind
   * @param {Point} start
   * @param {Point} [end]
   */
  constructor(kind, start, end = start) {
    this.kind = kind;
    this.start = start;
    this.end = end;
  }

  /** @returns {[number, number, number, number]} left, top, right, bottom */
  get corners() {
    const [x0, x1] = [this.start[0], this.end[0]].sort((a, b) => a - b);
    const [y0, y1] = [this.start[1], this.end[1]].sort((a, b) => a - b);
    return [x0, y0, x1, y1];
  }

  /**
   * The length between the points: in mm when the spacing is known, else in pixels of the picture.
   * @param {number[] | null} spacing row and column spacing in mm
   */
  length(spacing) {
    const [dx, dy] = [this.end[0] - this.start[0], this.end[1] - this.start[1]];
    return spacing
      ? `${Math.hypot(dx * spacing[1], dy * spacing[0]).toFixed(1)} mm`
      : `${Math.hypot(dx, dy).toFixed(0)} px`;
  }

  /**
   * Keep the shape inside a picture.
   * @param {import("./types.js").Size} size
   */
  clamp({ width, height }) {
    /** @type {(point: Point) => Point} */
    const inside = ([x, y]) => [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
    this.start = inside(this.start);
    this.end = inside(this.end);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Pane} pane
   * @param {number} ratio device pixels a CSS pixel
   */
  draw(context, pane, ratio) {
    const from = pane.toScreen(this.start);
    const to = pane.toScreen(this.end);
    const colour = this.kind === "ruler" ? "#ffe08a" : "#ff9d76";
    for (const [stroke, wide] of /** @type {[string, number][]} */ ([[EDGE, 3.5], [colour, 1.75]])) {
      context.strokeStyle = stroke;
      context.lineWidth = wide * ratio;
      context.beginPath();
      if (this.kind === "ruler") ruler(context, from, to, ratio);
      else context.rect(from[0], from[1], to[0] - from[0], to[1] - from[1]);
      context.stroke();
    }
    if (this.kind === "ruler") label(context, this.length(pane.view.spacing), to, colour, ratio);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point} from
 * @param {Point} to
 * @param {number} ratio
 */
function ruler(context, from, to, ratio) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]) + Math.PI / 2;
  const [dx, dy] = [Math.cos(angle) * 6 * ratio, Math.sin(angle) * 6 * ratio];
  context.moveTo(...from);
  context.lineTo(...to);
  for (const [x, y] of [from, to]) {
    context.moveTo(x - dx, y - dy);
    context.lineTo(x + dx, y + dy);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {Point} at
 * @param {string} colour
 * @param {number} ratio
 */
function label(context, text, [x, y], colour, ratio) {
  context.font = `600 ${14 * ratio}px system-ui, sans-serif`;
  const wide = context.measureText(text).width + 12 * ratio;
  const left = Math.min(x + 10 * ratio, context.canvas.width - wide);
  const top = Math.min(Math.max(y - 11 * ratio, 0), context.canvas.height - 22 * ratio);
  context.fillStyle = "rgba(0, 0, 0, 0.78)";
  context.fillRect(left, top, wide, 22 * ratio);
  context.fillStyle = colour;
  context.textBaseline = "middle";
  context.fillText(text, left + 6 * ratio, top + 11.5 * ratio);
}
