// One picture on the screen. All grey levels are kept until the last step: the part in view is taken from the level of
// the pyramid that is nearest above the screen's own resolution, and the window's table turns it into screen greys.

import { t } from "./language.js";
import { Placing } from "./placing.js";
import { Windowing, preset, withoutBorder } from "./windowing.js";

/**
 * @typedef {import("./grey.js").Level} Level
 * @typedef {import("./types.js").View & { caption?: string, owner?: string }} View a picture; under words of its own,
 *   and as somebody annotated it
 * @typedef {import("./placing.js").Point} Point
 * @typedef {import("./placing.js").Rectangle} Rectangle
 */

const scratch = document.createElement("canvas");
const brush = /** @type {CanvasRenderingContext2D} */ (scratch.getContext("2d", { willReadFrequently: false }));
let image = new ImageData(1, 1);
/** Of the magnifier: CSS pixels from its middle to its edge, and how much larger things are in it. */
const LENS = 110;
const MAGNIFIES = 2.5;

export class Pane extends Placing {
  /**
   * A pane for one view.
   * @param {HTMLCanvasElement} canvas shows the picture
   * @param {HTMLCanvasElement} overlay what is drawn on it
   * @param {View} view
   * @param {HTMLElement} frame holds both
   * @param {HTMLElement} facts tells zoom and window
   */
  constructor(canvas, overlay, view, frame, facts) {
    super(view);
    this.canvas = canvas;
    this.overlay = overlay;
    this.view = view;
    this.frame = frame;
    this.facts = facts;
    this.windowing = new Windowing(view.window);
    /** @type {(Level | null)[] | null} */
    this.levels = null;
    this.drawing = 0;
    /** @type {Rectangle | null} what is not behind the shutter */
    this.shutter = null;
    /** @type {Point | null} where the magnifier is held */
    this.lens = null;
    /** @type {((context: CanvasRenderingContext2D, ratio: number) => void) | null} draws over everything else */
    this.over = null;
    /** @type {import("./heat.js").Heat | null} */
    this.heat = null;
    this.heatStrength = 0.55;
    this.showBoxes = true;
  }

  /** @param {(Level | null)[]} levels */
  setPicture(levels) {
    this.levels = levels;
  }

  /**
   * Which level a zoom asks for.
   * @param {number} scale
   */
  #depth(scale) {
    return Math.min(Math.max(Math.floor(Math.log2(1 / scale) + 1e-6), 0), (this.levels?.length ?? 1) - 1);
  }

  /** Whether the level that the zoom asks for has come. */
  get sharp() {
    return Boolean(this.levels?.[this.#depth(this.scale)]);
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
    this.size = /** @type {Point} */ ([width, height]);
    if (this.fitted) this.fit();
    return true;
  }

  /**
   * Do as the pane in hand does: exactly where it shows the same picture, else by shares.
   * @param {Pane} other
   */
  join(other) {
    if (other.view.number === this.view.number) {
      this.follow(other);
      this.windowing.follow(other.windowing);
    } else {
      this.accompany(other);
      this.windowing.accompany(other.windowing);
    }
  }

  /** @param {import("./windowing.js").Base | import("./windowing.js").Preset} window the file's, or from the picture's own values */
  choose(window) {
    const small = this.levels?.at(-1);
    if (typeof window !== "string") this.windowing.choose(window);
    else if (small) this.windowing.choose(preset(small, window));
  }

  /** Close the shutter over a white border, or open it; false where there is no white border. */
  shut() {
    const level = this.levels?.at(-1);
    if (this.shutter || !level) return (this.shutter = null), true;
    const left = withoutBorder(level, this.windowing.shades());
    const factor = this.view.width / level.width;
    this.shutter = left && /** @type {Rectangle} */ (left.map((side) => side * factor));
    return left !== null;
  }

  // --- drawing ----------------------------------------------------------------------------------------------------

  draw() {
    if (!this.levels || !this.canvas.width) return;
    const context = this.canvas.getContext("2d", { alpha: false });
    if (!context) return;
    const [width, height] = this.size;
    context.fillStyle = "#000000";
    context.fillRect(0, 0, width, height);
    this.#paint(context, this, [0, 0, width, height]);
    this.drawOverlay();
  }

  /**
   * The picture and its shutter on a part of a canvas.
   * @param {CanvasRenderingContext2D} context
   * @param {Placing} placing
   * @param {Rectangle} part of the canvas
   */
  #paint(context, placing, [left, top, right, bottom]) {
    const wanted = this.#depth(placing.scale);
    const depth = this.levels?.[wanted] ? wanted : Math.max(wanted, 1);
    const level = this.levels?.[depth];
    if (!level) return;
    const factor = 2 ** depth;
    const [one, other] = [placing.toPicture([left, top]), placing.toPicture([right, bottom])];
    const [x0, y0] = [0, 1].map((side) => Math.max(Math.floor(Math.min(one[side], other[side]) / factor) - 1, 0));
    const x1 = Math.min(Math.ceil(Math.max(one[0], other[0]) / factor) + 1, level.width);
    const y1 = Math.min(Math.ceil(Math.max(one[1], other[1]) / factor) + 1, level.height);
    if (x1 <= x0 || y1 <= y0) return;
    this.#shade(level, x0, y0, x1, y1);
    const zoom = placing.scale * factor;
    const whole = Math.abs(zoom - Math.round(zoom)) < 1e-6; // pixel on pixel: nothing is interpolated
    const [a, b, c, d, e, f] = placing.matrix;
    context.save();
    context.setTransform(a, b, c, d, whole ? Math.round(e) : e, whole ? Math.round(f) : f);
    context.imageSmoothingEnabled = !whole && placing.scale < 3;
    context.imageSmoothingQuality = "low"; // the level is less than twice too fine
    context.drawImage(scratch, 0, 0, x1 - x0, y1 - y0, x0 * factor, y0 * factor, (x1 - x0) * factor, (y1 - y0) * factor);
    if (this.shutter) {
      const [open, shut, end, foot] = this.shutter;
      const { width, height } = this.view;
      context.beginPath();
      context.rect(-factor, -factor, width + 2 * factor, height + 2 * factor);
      context.rect(open, shut, end - open, foot - shut);
      context.fillStyle = "#000000";
      context.fill("evenodd");
    }
    context.restore();
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
    if (image.width !== across || image.height !== down) image = new ImageData(across, down);
    const pixels = new Uint32Array(image.data.buffer);
    const table = this.windowing.shades();
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
    this.over?.(context, ratio);
    if (this.lens) this.#magnify(context, this.lens, ratio);
  }

  /**
   * The magnifier: what lies under a place, larger.
   * @param {CanvasRenderingContext2D} context
   * @param {Point} at
   * @param {number} ratio
   */
  #magnify(context, at, ratio) {
    const radius = LENS * ratio;
    const closer = new Placing(this.view);
    closer.size = this.size;
    closer.follow(this);
    closer.zoom(Math.max(MAGNIFIES, ratio / this.scale), at);
    context.save();
    context.beginPath();
    context.arc(...at, radius, 0, 2 * Math.PI);
    context.fillStyle = "#000000";
    context.fill();
    context.save();
    context.clip();
    this.#paint(context, closer, [at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius]);
    context.restore();
    context.strokeStyle = "#86c5ff";
    context.lineWidth = 1.5 * ratio;
    context.stroke();
    context.restore();
  }

  /**
   * The heat map, and a fine line around the part of the picture that the model saw.
   * @param {CanvasRenderingContext2D} context
   * @param {import("./heat.js").Heat} heat
   * @param {number} ratio
   */
  #drawHeat(context, { canvas, part }, ratio) {
    const { width, height } = this.view;
    context.save();
    context.setTransform(...this.matrix);
    context.imageSmoothingEnabled = true;
    context.globalAlpha = this.heatStrength;
    context.drawImage(canvas, 0, 0, width, height);
    context.restore();
    if (!part || (part.x0 === 0 && part.y0 === 0 && part.x1 === 1 && part.y1 === 1)) return;
    const [left, top, right, bottom] = this.onPane([part.x0 * width, part.y0 * height, part.x1 * width, part.y1 * height]);
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
    const [left, top, right, bottom] = this.onPane([x0, y0, x1, y1]);
    for (const [stroke, wide] of /** @type {[string, number][]} */ ([["rgba(0, 0, 0, 0.65)", 3.5], [colour, 1.5]])) {
      context.strokeStyle = stroke;
      context.lineWidth = wide * ratio;
      context.strokeRect(left, top, right - left, bottom - top);
    }
  }
}

/**
 * Zoom, how the picture was turned, and its window, under the picture.
 * @param {Pane} pane
 */
export function told(pane) {
  const zoom = Math.round((pane.scale / (window.devicePixelRatio || 1)) * 100);
  const { centre, width } = pane.windowing.told;
  const said = [
    !pane.sharp && pane.levels && t("sharpening …"), `${zoom} %`,
    pane.mirrored && t("mirrored"), pane.turns && t("turned by {degrees}°", { degrees: pane.turns * 90 }), pane.shutter && t("shutter"),
    `C ${number(centre)}`, `W ${number(width)}`,
  ];
  return said.filter(Boolean).join("   ");
}

/**
 * A grey value as files write them: whole where it is large, with three figures where it is small.
 * @param {number} value
 */
function number(value) {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
