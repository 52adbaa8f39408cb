// One picture on the screen. All grey levels are kept until the last step: the part in view is taken from the level of
// the pyramid that is nearest above the screen's own resolution, and a table of 65 536 entries turns it into screen greys.

/**
 * @typedef {import("./grey.js").Level} Level
 * @typedef {import("./types.js").View & { caption?: string, owner?: string }} View a picture; under words of its own,
 *   and as somebody annotated it
 * @typedef {import("./shapes.js").Point} Point
 */

const scratch = document.createElement("canvas");
const brush = /** @type {CanvasRenderingContext2D} */ (scratch.getContext("2d", { willReadFrequently: false }));

export class Pane {
  /**
   * A pane for one view.
   * @param {HTMLCanvasElement} canvas shows the picture
   * @param {HTMLCanvasElement} overlay what is drawn on it
   * @param {View} view
   * @param {HTMLElement} frame holds both
   * @param {HTMLElement} facts tells zoom and window
   */
  constructor(canvas, overlay, view, frame, facts) {
    this.canvas = canvas;
    this.overlay = overlay;
    this.view = view;
    this.frame = frame;
    this.facts = facts;
    /** @type {(Level | null)[] | null} */
    this.levels = null;
    this.drawing = 0;
    this.table = new Uint32Array(65536);
    this.inverted = false;
    /** @type {import("./shapes.js").Shape[]} what the overlay shows besides the lesion's box */
    this.measures = [];
    /** @type {((context: CanvasRenderingContext2D, ratio: number) => void) | null} draws over everything else */
    this.over = null;
    /** @type {import("./heat.js").Heat | null} */
    this.heat = null;
    this.heatStrength = 0.55;
    this.low = 0;
    this.high = 1;
    this.scale = 1;
    /** @type {Point} */
    this.centre = [0, 0];
    this.fitted = true;
    this.showBoxes = true;
    this.resetWindow();
    this.fit();
  }

  /** @param {(Level | null)[]} levels */
  setPicture(levels) {
    this.levels = levels;
  }

  /** Which level the zoom asks for. */
  get depth() {
    return Math.min(Math.max(Math.floor(Math.log2(1 / this.scale) + 1e-6), 0), (this.levels?.length ?? 1) - 1);
  }

  /** Whether the level that the zoom asks for has come. */
  get sharp() {
    return Boolean(this.levels?.[this.depth]);
  }

  // --- where things are -------------------------------------------------------------------------------------------

  /**
   * Device pixels of the canvas.
   * @returns {Point}
   */
  get size() {
    return [this.canvas.width, this.canvas.height];
  }

  /** Take the size that the page gives the pane; true when it has changed. */
  measure() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.frame.getBoundingClientRect();
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (width === this.canvas.width && height === this.canvas.height) return false;
    for (const canvas of [this.canvas, this.overlay]) {
      canvas.width = width;
      canvas.height = height;
    }
    if (this.fitted) this.fit();
    return true;
  }

  /** Show the whole picture. */
  fit() {
    const [width, height] = this.size;
    this.scale = Math.min(width / this.view.width, height / this.view.height) || 1;
    this.centre = [this.view.width / 2, this.view.height / 2];
    this.fitted = true;
  }

  /** One pixel of the picture on one pixel of the screen. */
  oneToOne() {
    this.zoom(1 / this.scale);
  }

  /**
   * Zoom by a factor, keeping the picture still at a place of the canvas (its middle by default).
   * @param {number} factor
   * @param {Point} [at]
   */
  zoom(factor, at = [this.size[0] / 2, this.size[1] / 2]) {
    const smallest = Math.min(this.size[0] / this.view.width / 4, this.size[1] / this.view.height / 4, 1);
    const scale = Math.min(Math.max(this.scale * factor, smallest), 32);
    const fixed = this.toPicture(at);
    this.scale = scale;
    const moved = this.toPicture(at);
    this.centre = [this.centre[0] + fixed[0] - moved[0], this.centre[1] + fixed[1] - moved[1]];
    this.#keepInSight();
  }

  /**
   * Move by device pixels.
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.centre = [this.centre[0] - dx / this.scale, this.centre[1] - dy / this.scale];
    this.#keepInSight();
  }

  #keepInSight() {
    this.fitted = false;
    this.centre = [
      Math.min(Math.max(this.centre[0], 0), this.view.width),
      Math.min(Math.max(this.centre[1], 0), this.view.height),
    ];
  }

  /**
   * @param {Point} place
   * @returns {Point}
   */
  toPicture([x, y]) {
    const [width, height] = this.size;
    return [(x - width / 2) / this.scale + this.centre[0], (y - height / 2) / this.scale + this.centre[1]];
  }

  /**
   * @param {Point} place
   * @returns {Point}
   */
  toScreen([x, y]) {
    const [width, height] = this.size;
    return [(x - this.centre[0]) * this.scale + width / 2, (y - this.centre[1]) * this.scale + height / 2];
  }

  /**
   * Look at the same part of the same picture, in the same window, as another pane.
   * @param {Pane} other
   */
  follow({ scale, centre, fitted, low, high, inverted }) {
    const window = [low, high, inverted].join() !== [this.low, this.high, this.inverted].join();
    Object.assign(this, { scale, centre, fitted, low, high, inverted });
    if (window) this.#fillTable();
  }

  // --- grey levels ------------------------------------------------------------------------------------------------

  resetWindow() {
    this.low = this.view.window.low;
    this.high = this.view.window.high;
    this.inverted = false;
    this.#fillTable();
  }

  /** Centre and width of the window, in the numbers of the file, which are not the stored ones. */
  get window() {
    const { slope, intercept, low, high, centre, width } = this.view.window;
    const usual = centre ?? (slope * (low + high)) / 2 + intercept;
    const moved = (slope * (this.low + this.high - low - high)) / 2;
    const wide = width ?? Math.abs(slope) * (high - low);
    return { centre: usual + moved, width: (wide * (this.high - this.low)) / Math.max(high - low, 1e-6) };
  }

  /**
   * Move the window's centre and change its width, both in fractions of the default width.
   * @param {number} level
   * @param {number} width
   */
  changeWindow(level, width) {
    const usual = Math.max(this.view.window.high - this.view.window.low, 1);
    const centre = (this.low + this.high) / 2 + level * usual;
    const wide = Math.min(Math.max((this.high - this.low) * Math.exp(width), 1), 131072);
    const kept = Math.min(Math.max(centre, -65536), 131072);
    this.low = kept - wide / 2;
    this.high = kept + wide / 2;
    this.#fillTable();
  }

  invert() {
    this.inverted = !this.inverted;
    this.#fillTable();
  }

  #fillTable() {
    const curve = this.view.window.curve;
    const span = Math.max(this.high - this.low, 1e-6);
    for (let value = 0; value < 65536; value += 1) {
      let grey = Math.min(Math.max((value - this.low) / span, 0), 1);
      if (curve) grey = along(curve, grey);
      const shade = Math.round(255 * (this.inverted ? 1 - grey : grey));
      this.table[value] = 0xff000000 | (shade << 16) | (shade << 8) | shade;
    }
  }

  // --- drawing ----------------------------------------------------------------------------------------------------

  draw() {
    if (!this.levels || !this.canvas.width) return;
    const context = this.canvas.getContext("2d", { alpha: false });
    if (!context) return;
    const [width, height] = this.size;
    context.fillStyle = this.inverted ? "#ffffff" : "#000000";
    context.fillRect(0, 0, width, height);
    const depth = this.sharp ? this.depth : 1;
    const level = this.levels[depth];
    if (!level) return;
    const factor = 2 ** depth;
    const [left, top] = this.toPicture([0, 0]).map((place) => Math.floor(place / factor) - 1);
    const [right, bottom] = this.toPicture([width, height]).map((place) => Math.ceil(place / factor) + 1);
    const [x0, y0] = [Math.max(left, 0), Math.max(top, 0)];
    const [x1, y1] = [Math.min(right, level.width), Math.min(bottom, level.height)];
    if (x1 > x0 && y1 > y0) {
      this.#shade(level, x0, y0, x1, y1);
      const zoom = this.scale * factor;
      const whole = Math.abs(zoom - Math.round(zoom)) < 1e-6; // pixel on pixel: nothing is interpolated
      const corner = this.toScreen([x0 * factor, y0 * factor]);
      const [screenX, screenY] = whole ? corner.map(Math.round) : corner;
      const [wide, high] = [(x1 - x0) * zoom, (y1 - y0) * zoom];
      context.imageSmoothingEnabled = !whole && this.scale < 3;
      context.imageSmoothingQuality = "low"; // the level is less than twice too fine
      context.drawImage(scratch, 0, 0, x1 - x0, y1 - y0, screenX, screenY, wide, high);
    }
    this.drawOverlay();
  }

  /**
   * Turn a part of a level into screen greys on the scratch canvas.
   * @param {Level} level
   * @param {number} x0
   * @param {number} y0
   * @param {number} x1
   * @param {number} y1
   */
  #shade({ values, width }, x0, y0, x1, y1) {
    // one row and column more, the last again: where the part ends nothing that was there before may be blended in
    const [across, down] = [x1 - x0 + 1, y1 - y0 + 1];
    if (scratch.width < across || scratch.height < down) {
      scratch.width = Math.max(scratch.width, across);
      scratch.height = Math.max(scratch.height, down);
    }
    const image = new ImageData(across, down);
    const pixels = new Uint32Array(image.data.buffer);
    const { table } = this;
    for (let row = y0, to = 0; row < y1; row += 1) {
      for (let from = row * width + x0, end = from + across - 1; from < end; from += 1, to += 1) {
        pixels[to] = table[values[from]];
      }
      pixels[to] = pixels[to - 1];
      to += 1;
    }
    pixels.copyWithin(across * (down - 1), across * (down - 2), across * (down - 1));
    brush.putImageData(image, 0, 0);
  }

  drawOverlay() {
    const context = this.overlay.getContext("2d");
    if (!context) return;
    const [width, height] = this.size;
    const ratio = window.devicePixelRatio || 1;
    context.clearRect(0, 0, width, height);
    if (this.heat) this.#drawHeat(context, this.heat, ratio);
    if (this.showBoxes) for (const box of this.view.boxes) this.#outline(context, box, "#5fd4c4", ratio);
    for (const shape of this.measures) shape.draw(context, this, ratio);
    this.over?.(context, ratio);
  }

  /**
   * The heat map, and a fine line around the part of the picture that the model saw.
   * @param {CanvasRenderingContext2D} context
   * @param {import("./heat.js").Heat} heat
   * @param {number} ratio
   */
  #drawHeat(context, { canvas, part }, ratio) {
    const { width, height } = this.view;
    const [x, y] = this.toScreen([0, 0]);
    context.save();
    context.imageSmoothingEnabled = true;
    context.globalAlpha = this.heatStrength;
    context.drawImage(canvas, x, y, width * this.scale, height * this.scale);
    context.restore();
    if (!part || (part.x0 === 0 && part.y0 === 0 && part.x1 === 1 && part.y1 === 1)) return;
    const [left, top] = this.toScreen([part.x0 * width, part.y0 * height]);
    const [right, bottom] = this.toScreen([part.x1 * width, part.y1 * height]);
    context.save();
    context.setLineDash([2 * ratio, 5 * ratio]);
    context.strokeStyle = "rgba(255, 255, 255, 0.55)";
    context.lineWidth = ratio;
    context.strokeRect(left, top, right - left, bottom - top);
    context.restore();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number[]} box
   * @param {string} colour
   * @param {number} ratio
   */
  #outline(context, [x0, y0, x1, y1], colour, ratio) {
    const [left, top] = this.toScreen([x0, y0]);
    const [right, bottom] = this.toScreen([x1, y1]);
    for (const [stroke, wide] of /** @type {[string, number][]} */ ([["rgba(0, 0, 0, 0.65)", 3.5], [colour, 1.5]])) {
      context.strokeStyle = stroke;
      context.lineWidth = wide * ratio;
      context.strokeRect(left, top, right - left, bottom - top);
    }
  }
}

/**
 * @param {number[]} curve
 * @param {number} share
 */
function along(curve, share) {
  const place = share * (curve.length - 1);
  const below = Math.min(Math.floor(place), curve.length - 2);
  return curve[below] + (place - below) * (curve[below + 1] - curve[below]);
}
