// What is drawn on pictures, as data: points in pixels of the stored picture. A ruler has two, an angle three (its corner
// in the middle), a box two opposite corners, a polygon its corners.

/**
 * @typedef {import("./placing.js").Point} Point
 * @typedef {import("./placing.js").Rectangle} Rectangle
 * @typedef {import("./types.js").Size} Size
 * @typedef {"ruler" | "angle" | "box" | "polygon"} Kind
 * @typedef {{ view: number, kind: Kind, points: number[][] }} Shape on which picture, what, and where
 * @typedef {{ kind: "corner" | "middle" | "whole", index: number }} Grip a corner (of a box: 0 to 7 clockwise from the
 *   upper left, sides among them), a place between two corners of a polygon, or all of it
 */

/** The most corners of a polygon. */
const MOST = 400;

/**
 * Whether a shape has an inside.
 * @param {Shape} shape
 */
export function closed({ kind }) {
  return kind === "box" || kind === "polygon";
}

/**
 * What a ruler or an angle says: mm where the spacing is known, else pixels of the picture; degrees.
 * @param {Shape} shape
 * @param {number[] | null} spacing row and column spacing in mm
 */
export function told({ kind, points }, spacing) {
  const [down, across] = spacing ?? [1, 1];
  const [from, corner, to] = points.map(([x, y]) => [x * across, y * down]);
  if (kind === "ruler") {
    const length = Math.hypot(corner[0] - from[0], corner[1] - from[1]);
    return spacing ? `${length.toFixed(1)} mm` : `${length.toFixed(0)} px`;
  }
  if (kind !== "angle" || !to) return "";
  const [one, other] = [from, to].map(([x, y]) => [x - corner[0], y - corner[1]]);
  const turned = Math.atan2(one[0] * other[1] - one[1] * other[0], one[0] * other[0] + one[1] * other[1]);
  return `${Math.abs((turned * 180) / Math.PI).toFixed(1)}°`;
}

/**
 * @param {{ points: number[][] }} shape
 * @returns {Rectangle}
 */
export function bounds({ points }) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/**
 * The corners of a shape, a box as a polygon.
 * @param {Shape} shape
 * @returns {Point[]}
 */
export function corners(shape) {
  if (shape.kind !== "box") return /** @type {Point[]} */ (shape.points);
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
 * The places by which a shape is pulled: of a box corners and sides, else its points.
 * @param {Shape} shape
 * @returns {Point[]}
 */
export function grips(shape) {
  if (shape.kind !== "box") return /** @type {Point[]} */ (shape.points);
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
 * The grip that is met at a place.
 * @param {Shape} shape
 * @param {Point} point
 * @param {number} reach
 * @returns {Grip | null}
 */
export function gripAt(shape, point, reach) {
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
 * Whether a place lies inside a shape (even-odd).
 * @param {Shape} shape
 * @param {Point} point
 */
export function inside(shape, [x, y]) {
  if (!closed(shape)) return false;
  const at = corners(shape);
  let odd = false;
  for (let i = 0, j = at.length - 1; i < at.length; j = i, i += 1) {
    const [[ax, ay], [bx, by]] = [at[i], at[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

/**
 * Whether a place is on the line of a shape.
 * @param {Shape} shape
 * @param {Point} point
 * @param {number} reach
 */
export function near(shape, point, reach) {
  const at = corners(shape);
  const ends = closed(shape) ? [...at, at[0]] : at;
  return at.some((from, i) => i + 1 < ends.length && distance(point, from, ends[i + 1]) <= reach);
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
 * A shape pulled by a grip, kept inside its picture.
 * @template {Shape} S
 * @param {S} shape as it was when the pulling began
 * @param {Grip} grip
 * @param {Point} by
 * @param {Size} size
 * @returns {S}
 */
export function pulled(shape, { kind, index }, by, size) {
  const kept = (/** @type {number[]} */ [x, y]) => within([x, y], size);
  if (kind === "whole") {
    const [x0, y0, x1, y1] = bounds(shape);
    const dx = Math.min(Math.max(by[0], -x0), size.width - x1);
    const dy = Math.min(Math.max(by[1], -y0), size.height - y1);
    return { ...shape, points: shape.points.map(([x, y]) => [x + dx, y + dy]) };
  }
  if (shape.kind !== "box") {
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

/**
 * The nearest place on the picture.
 * @param {Point} point
 * @param {Size} picture
 * @returns {Point}
 */
export function within([x, y], { width, height }) {
  return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
}
