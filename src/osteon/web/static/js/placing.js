// Where a picture lies on its pane: zoom, middle, quarter turns and mirror. Needs no page.

/**
 * @typedef {[number, number]} Point
 * @typedef {import("./types.js").Size} Size
 * @typedef {[number, number, number, number]} Rectangle left, top, right, bottom
 */

/** Of clockwise quarter turns: [cosine, sine]. */
const TURNS = [[1, 0], [0, 1], [-1, 0], [0, -1]];
const LARGEST = 32;

export class Placing {
  /** @param {Size} picture its pixels */
  constructor({ width, height }) {
    this.picture = { width, height };
    /** @type {Point} device pixels of the pane */
    this.size = [300, 150];
    this.scale = 1;
    /** @type {Point} the place of the picture in the middle of the pane */
    this.centre = [0, 0];
    this.turns = 0;
    this.mirrored = false;
    this.fitted = true;
    this.fit();
  }

  /** Device pixels a pixel of the picture with all of it on the pane. */
  get whole() {
    const { width, height } = this.picture;
    const [across, down] = this.turns % 2 ? [height, width] : [width, height];
    return Math.min(this.size[0] / across, this.size[1] / down) || 1;
  }

  /** Show the whole picture. */
  fit() {
    this.scale = this.whole;
    this.centre = [this.picture.width / 2, this.picture.height / 2];
    this.fitted = true;
  }

  /** One pixel of the picture on one pixel of the screen. */
  oneToOne() {
    this.zoom(1 / this.scale);
  }

  /**
   * Zoom by a factor, keeping the picture still at a place of the pane (its middle by default).
   * @param {number} factor
   * @param {Point} [at]
   */
  zoom(factor, at = [this.size[0] / 2, this.size[1] / 2]) {
    const fixed = this.toPicture(at);
    this.scale = Math.min(Math.max(this.scale * factor, Math.min(this.whole / 4, 1)), LARGEST);
    const moved = this.toPicture(at);
    this.#look([this.centre[0] + fixed[0] - moved[0], this.centre[1] + fixed[1] - moved[1]]);
  }

  /**
   * Move by device pixels.
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    const [x, y] = this.size;
    this.#look(this.toPicture([x / 2 - dx, y / 2 - dy]));
  }

  /** @param {Point} centre is kept on the picture */
  #look([x, y]) {
    this.fitted = false;
    this.centre = [Math.min(Math.max(x, 0), this.picture.width), Math.min(Math.max(y, 0), this.picture.height)];
  }

  /**
   * Turn clockwise by quarters.
   * @param {number} quarters
   */
  turn(quarters) {
    this.turns = (this.turns + quarters + 4) % 4;
    if (this.fitted) this.fit();
  }

  /** Mirror left and right of what is seen. */
  mirror() {
    this.turns = (4 - this.turns) % 4;
    this.mirrored = !this.mirrored;
  }

  /** Lie as the file has it. */
  straighten() {
    this.mirrored = false;
    this.turn(-this.turns);
  }

  /**
   * From pixels of the picture to device pixels of the pane, as a canvas takes it: x' = ax + cy + e, y' = bx + dy + f.
   * @returns {[a: number, b: number, c: number, d: number, e: number, f: number]}
   */
  get matrix() {
    const [cosine, sine] = TURNS[this.turns];
    const hand = this.mirrored ? -1 : 1;
    const [a, b, c, d] = [cosine * hand * this.scale, sine * hand * this.scale, -sine * this.scale, cosine * this.scale];
    const [x, y] = this.centre;
    return [a, b, c, d, this.size[0] / 2 - a * x - c * y, this.size[1] / 2 - b * x - d * y];
  }

  /**
   * @param {Point} place
   * @returns {Point}
   */
  toScreen([x, y]) {
    const [a, b, c, d, e, f] = this.matrix;
    return [a * x + c * y + e, b * x + d * y + f];
  }

  /**
   * @param {Point} place
   * @returns {Point}
   */
  toPicture([x, y]) {
    const [a, b, c, d] = this.matrix;
    const [dx, dy] = [x - this.size[0] / 2, y - this.size[1] / 2];
    const square = this.scale ** 2; // the matrix is a turn, perhaps mirrored, times the scale
    return [this.centre[0] + (a * dx + b * dy) / square, this.centre[1] + (c * dx + d * dy) / square];
  }

  /**
   * The part of the picture, and of what lies around it, that is on the pane.
   * @returns {Rectangle}
   */
  get part() {
    return spanned(this.toPicture([0, 0]), this.toPicture(this.size));
  }

  /**
   * A rectangle of the picture on the pane.
   * @param {Rectangle} rectangle
   * @returns {Rectangle}
   */
  onPane([x0, y0, x1, y1]) {
    return spanned(this.toScreen([x0, y0]), this.toScreen([x1, y1]));
  }

  /**
   * Lie as another placing of the same picture.
   * @param {Placing} other
   */
  follow({ scale, centre, turns, mirrored, fitted }) {
    Object.assign(this, { scale, centre, turns, mirrored, fitted });
  }

  /**
   * Zoom and move as another picture does: as many times its whole, at the same share of its sides.
   * @param {Placing} other
   */
  accompany(other) {
    const { width, height } = this.picture;
    this.scale = (this.whole * other.scale) / other.whole;
    this.centre = [(other.centre[0] / other.picture.width) * width, (other.centre[1] / other.picture.height) * height];
    this.fitted = other.fitted;
  }
}

/**
 * @param {Point} one
 * @param {Point} other
 * @returns {Rectangle}
 */
function spanned([x0, y0], [x1, y1]) {
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}
