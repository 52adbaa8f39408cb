// One picture on the screen. All grey levels are kept until the last step: the part in view is taken from the level of
// the pyramid that is nearest above the screen's own resolution, and a table of 65 536 entries turns it into screen greys.

const scratch = document.createElement("canvas");
const brush = scratch.getContext("2d", { willReadFrequently: false });

export class Pane {
  /** A pane for one view; `canvas` shows the picture, `overlay` what is drawn on it. */
  constructor(canvas, overlay, view) {
    this.canvas = canvas;
    this.overlay = overlay;
    this.view = view;
    this.levels = null;
    this.table = new Uint32Array(65536);
    this.inverted = false;
    this.measures = []; // what the overlay shows besides the lesion's box
    this.heat = null;
    this.showBoxes = true;
    this.resetWindow();
    this.fit();
  }

  setPicture(levels) {
    this.levels = levels;
  }

  /** Which level the zoom asks for. */
  get depth() {
    return Math.min(Math.max(Math.floor(Math.log2(1 / this.scale) + 1e-6), 0), this.levels.length - 1);
  }

  /** Whether the level that the zoom asks for has come. */
  get sharp() {
    return Boolean(this.levels?.[this.depth]);
  }

  // --- where things are -------------------------------------------------------------------------------------------

  /** Device pixels of the canvas. */
  get size() {
    return [this.canvas.width, this.canvas.height];
  }

  /** Take the size that the page gives the pane; true when it has changed. */
  measure() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.parentElement.getBoundingClientRect();
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

  /** Zoom by a factor, keeping the picture still at a place of the canvas (its middle by default). */
  zoom(factor, at = this.size.map((side) => side / 2)) {
    const smallest = Math.min(this.size[0] / this.view.width / 4, this.size[1] / this.view.height / 4, 1);
    const scale = Math.min(Math.max(this.scale * factor, smallest), 32);
    const fixed = this.toPicture(at);
    this.scale = scale;
    const moved = this.toPicture(at);
    this.centre = [this.centre[0] + fixed[0] - moved[0], this.centre[1] + fixed[1] - moved[1]];
    this.#keepInSight();
  }

  /** Move by device pixels. */
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

  toPicture([x, y]) {
    const [width, height] = this.size;
    return [(x - width / 2) / this.scale + this.centre[0], (y - height / 2) / this.scale + this.centre[1]];
  }

  toScreen([x, y]) {
    const [width, height] = this.size;
    return [(x - this.centre[0]) * this.scale + width / 2, (y - this.centre[1]) * this.scale + height / 2];
  }

  // --- grey levels ------------------------------------------------------------------------------------------------

  resetWindow() {
    this.low = this.view.window.low;
    this.high = this.view.window.high;
    this.inverted = false;
    this.#fillTable();
  }

  /** Move the window's centre and change its width, both in fractions of the default width. */
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
    const [width, height] = this.size;
    context.fillStyle = this.inverted ? "#ffffff" : "#000000";
    context.fillRect(0, 0, width, height);
    const depth = this.sharp ? this.depth : 1;
    const level = this.levels[depth];
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
      context.imageSmoothingQuality = "medium";
      context.drawImage(scratch, 0, 0, x1 - x0, y1 - y0, screenX, screenY, wide, high);
    }
    this.drawOverlay();
  }

  /** Turn a part of a level into screen greys on the scratch canvas. */
  #shade({ values, width }, x0, y0, x1, y1) {
    const [across, down] = [x1 - x0, y1 - y0];
    if (scratch.width < across || scratch.height < down) {
      scratch.width = Math.max(scratch.width, across);
      scratch.height = Math.max(scratch.height, down);
    }
    const image = new ImageData(across, down);
    const pixels = new Uint32Array(image.data.buffer);
    const { table } = this;
    for (let row = y0, to = 0; row < y1; row += 1) {
      for (let from = row * width + x0, end = from + across; from < end; from += 1, to += 1) {
        pixels[to] = table[values[from]];
      }
    }
    brush.putImageData(image, 0, 0);
  }

  drawOverlay() {
    const context = this.overlay.getContext("2d");
    const [width, height] = this.size;
    const ratio = window.devicePixelRatio || 1;
    context.clearRect(0, 0, width, height);
    if (this.heat) {
      const [x, y] = this.toScreen([0, 0]);
      context.imageSmoothingEnabled = true;
      context.drawImage(this.heat, x, y, this.view.width * this.scale, this.view.height * this.scale);
    }
    if (this.showBoxes) for (const box of this.view.boxes) this.#outline(context, box, "#5fd4c4", ratio);
    for (const shape of this.measures) shape.draw(context, this, ratio);
  }

  #outline(context, [x0, y0, x1, y1], colour, ratio) {
    const [left, top] = this.toScreen([x0, y0]);
    const [right, bottom] = this.toScreen([x1, y1]);
    for (const [stroke, wide] of [["rgba(0, 0, 0, 0.65)", 3.5], [colour, 1.5]]) {
      context.strokeStyle = stroke;
      context.lineWidth = wide * ratio;
      context.strokeRect(left, top, right - left, bottom - top);
    }
  }
}

function along(curve, share) {
  const place = share * (curve.length - 1);
  const below = Math.min(Math.floor(place), curve.length - 2);
  return curve[below] + (place - below) * (curve[below + 1] - curve[below]);
}
