// Outlines of lesions as data: boxes and polygons in pixels of the stored picture, and all that can be done to them.

/**
 * @typedef {[number, number]} Point
 * @typedef {import("./types.js").Shape} Shape
 * @typedef {import("../types.js").Size} Size
 * @typedef {{ kind: "corner" | "middle" | "whole", index: number }} Grip a corner (of a box: 0 to 7 clockwise from the
 *   upper left, sides among them), a place between two corners of a polygon, or all of it
 */

/** The most corners of a polygon. */
const MOST = 400;

export class Outlines {
  /** @param {() => void} changed told of every change that stays */
  constructor(changed) {
    this.changed = changed;
    /** @type {Shape[]} */
    this.shapes = [];
    /** @type {number | null} */
    this.chosen = null;
    /** @type {string[]} */
    this.past = [];
    /** @type {string[]} */
    this.future = [];
  }

  /** @returns {Shape | null} */
  get selected() {
    return this.chosen === null ? null : this.shapes[this.chosen] ?? null;
  }

  /** @returns {Shape[]} */
  toJSON() {
    return this.shapes.map((shape) => ({ ...shape, points: shape.points.map(([x, y]) => [round(x), round(y)]) }));
  }

  /**
   * Begin with what was drawn before; there is nothing to undo.
   * @param {Shape[]} shapes
   */
  open(shapes) {
    this.shapes = structuredClone(shapes);
    this.chosen = null;
    this.past = [];
    this.future = [];
  }

  /** Remember how things are before they change. */
  remember() {
    this.past.push(JSON.stringify([this.shapes, this.chosen]));
    this.future = [];
  }

  /** A change that was begun is none after all. */
  forget() {
    const before = this.past.pop();
    if (before) [this.shapes, this.chosen] = JSON.parse(before);
  }

  /**
   * Put another set of outlines in place of these.
   * @param {Shape[]} shapes
   */
  replace(shapes) {
    this.remember();
    this.shapes = structuredClone(shapes);
    this.chosen = null;
    this.changed();
  }

  /** @param {Shape} shape */
  add(shape) {
    this.remember();
    this.shapes.push(shape);
    this.chosen = this.shapes.length - 1;
    this.changed();
  }

  /** Delete what is chosen; false where nothing is. */
  remove() {
    if (!this.selected || this.chosen === null) return false;
    this.remember();
    this.shapes.splice(this.chosen, 1);
    this.chosen = null;
    this.changed();
    return true;
  }

  undo() {
    return this.#step(this.past, this.future);
  }

  redo() {
    return this.#step(this.future, this.past);
  }

  /**
   * @param {string[]} from
   * @param {string[]} to
   */
  #step(from, to) {
    const state = from.pop();
    if (!state) return false;
    to.push(JSON.stringify([this.shapes, this.chosen]));
    [this.shapes, this.chosen] = JSON.parse(state);
    this.changed();
    return true;
  }

  /** Choose the next outline, round and round. */
  next() {
    if (!this.shapes.length) return false;
    this.chosen = this.chosen === null ? 0 : (this.chosen + 1) % this.shapes.length;
    return true;
  }

  /**
   * The number of a lesion that a new outline on a picture is of: the first that is outlined on other pictures alone.
   * @param {number} view
   */
  lesionOn(view) {
    const here = new Set(this.shapes.filter((shape) => shape.view === view).map((shape) => shape.lesion));
    const all = this.shapes.map((shape) => shape.lesion);
    const elsewhere = [...new Set(all)].sort((a, b) => a - b).find((lesion) => !here.has(lesion));
    return elsewhere ?? Math.max(0, ...all) + 1;
  }

  /**
   * What is pulled from a place of a picture: the chosen outline's grips, all of it from within, others by their edges.
   * @param {number} view
   * @param {Point} point
   * @param {number} reach pixels within which a grip or an edge is met
   * @returns {{ index: number, grip: Grip } | null}
   */
  under(view, point, reach) {
    const { selected } = this;
    if (selected && this.chosen !== null && selected.view === view) {
      const grip = gripAt(selected, point, reach);
      if (grip) return { index: this.chosen, grip };
      if (inside(selected, point)) return { index: this.chosen, grip: { kind: "whole", index: 0 } };
    }
    const index = this.shapes.findIndex((shape) => shape.view === view && near(shape, point, reach));
    return index < 0 ? null : { index, grip: { kind: "whole", index: 0 } };
  }

  /**
   * The smallest outline around a place of a picture.
   * @param {number} view
   * @param {Point} point
   * @returns {number | null}
   */
  at(view, point) {
    const around = this.shapes
      .map((shape, index) => ({ shape, index }))
      .filter(({ shape }) => shape.view === view && inside(shape, point))
      .sort((a, b) => area(a.shape) - area(b.shape));
    return around[0]?.index ?? null;
  }
}

/**
 * x0, y0, x1, y1 of an outline.
 * @param {{ points: number[][] }} shape
 * @returns {[number, number, number, number]}
 */
export function bounds({ points }) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/**
 * The corners of an outline, a box as a polygon.
 * @param {Shape} shape
 * @returns {Point[]}
 */
export function corners(shape) {
  if (shape.kind === "polygon") return /** @type {Point[]} */ (shape.points);
  const [x0, y0, x1, y1] = bounds(shape);
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

/**
 * Square pixels inside.
 * @param {Shape} shape
 */
export function area(shape) {
  const at = corners(shape);
  return Math.abs(at.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = at[(i + 1) % at.length];
    return sum + x * nextY - nextX * y;
  }, 0)) / 2;
}

/**
 * The places by which an outline is pulled: of a box corners and sides, of a polygon its corners.
 * @param {Shape} shape
 * @returns {Point[]}
 */
export function grips(shape) {
  if (shape.kind === "polygon") return /** @type {Point[]} */ (shape.points);
  const [x0, y0, x1, y1] = bounds(shape);
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return [[x0, y0], [x, y0], [x1, y0], [x1, y], [x1, y1], [x, y1], [x0, y1], [x0, y]];
}

/**
 * The places between the corners of a polygon, where a new one may be pulled out.
 * @param {Shape} shape
 * @returns {Point[]}
 */
export function middles(shape) {
  if (shape.kind !== "polygon") return [];
  const at = corners(shape);
  return at.map(([x, y], i) => {
    const [nextX, nextY] = at[(i + 1) % at.length];
    return [(x + nextX) / 2, (y + nextY) / 2];
  });
}

/**
 * @param {Shape} shape
 * @param {Point} point
 * @param {number} reach
 * @returns {Grip | null}
 */
function gripAt(shape, point, reach) {
  const closest = (/** @type {Point[]} */ places) => {
    const far = places.map(([x, y]) => Math.hypot(x - point[0], y - point[1]));
    const least = Math.min(...far);
    return least <= reach ? far.indexOf(least) : -1;
  };
  const corner = closest(grips(shape));
  if (corner >= 0) return { kind: "corner", index: corner };
  const middle = closest(middles(shape));
  return middle >= 0 && shape.points.length < MOST ? { kind: "middle", index: middle } : null;
}

/**
 * Whether a place lies inside an outline (even-odd).
 * @param {Shape} shape
 * @param {Point} point
 */
export function inside(shape, [x, y]) {
  const at = corners(shape);
  let odd = false;
  for (let i = 0, j = at.length - 1; i < at.length; j = i, i += 1) {
    const [[ax, ay], [bx, by]] = [at[i], at[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

/**
 * @param {Shape} shape
 * @param {Point} point
 * @param {number} reach
 */
function near(shape, point, reach) {
  const at = corners(shape);
  return at.some((from, i) => distance(point, from, at[(i + 1) % at.length]) <= reach);
}

/**
 * How far a place is from a stretch.
 * @param {Point} point
 * @param {Point} from
 * @param {Point} to
 */
function distance([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const share = Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1), 0), 1);
  return Math.hypot(x - ax - share * dx, y - ay - share * dy);
}

/**
 * An outline pulled by a grip, kept inside its picture.
 * @param {Shape} shape as it was when the pulling began
 * @param {Grip} grip
 * @param {Point} by
 * @param {Size} size
 * @returns {Shape}
 */
export function pulled(shape, { kind, index }, by, size) {
  /** @type {(point: number[]) => Point} */
  const kept = ([x, y]) => [Math.min(Math.max(x, 0), size.width), Math.min(Math.max(y, 0), size.height)];
  if (kind === "whole") {
    const [x0, y0, x1, y1] = bounds(shape);
    const dx = Math.min(Math.max(by[0], -x0), size.width - x1);
    const dy = Math.min(Math.max(by[1], -y0), size.height - y1);
    return { ...shape, points: shape.points.map(([x, y]) => [x + dx, y + dy]) };
  }
  if (shape.kind === "polygon") {
    const points = shape.points.map(([x, y]) => /** @type {Point} */ ([x, y]));
    if (kind === "middle") points.splice(index + 1, 0, middles(shape)[index]);
    const at = kind === "middle" ? index + 1 : index;
    points[at] = kept([points[at][0] + by[0], points[at][1] + by[1]]);
    return { ...shape, points };
  }
  let [x0, y0, x1, y1] = bounds(shape);
  if ([0, 6, 7].includes(index)) x0 += by[0];
  if ([2, 3, 4].includes(index)) x1 += by[0];
  if ([0, 1, 2].includes(index)) y0 += by[1];
  if ([4, 5, 6].includes(index)) y1 += by[1];
  return { ...shape, points: [kept([Math.min(x0, x1), Math.min(y0, y1)]), kept([Math.max(x0, x1), Math.max(y0, y1)])] };
}

/**
 * A line with as few points as tell its course (Douglas and Peucker 1973).
 * @param {Point[]} points
 * @param {number} tolerance
 * @returns {Point[]}
 */
export function simplified(points, tolerance) {
  if (points.length < 3) return points;
  const [first, last] = [points[0], points[points.length - 1]];
  const far = points.slice(1, -1).map((point) => distance(point, first, last));
  const most = Math.max(...far);
  if (most <= tolerance) return [first, last];
  const at = far.indexOf(most) + 1;
  return [...simplified(points.slice(0, at + 1), tolerance).slice(0, -1), ...simplified(points.slice(at), tolerance)];
}

/** @param {number} value to a hundredth of a pixel */
function round(value) {
  return Math.round(value * 100) / 100;
}
