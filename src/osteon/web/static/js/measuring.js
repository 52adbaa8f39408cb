// Rulers, angles, and the one box of an answer: drawn on the pictures, pulled by their handles.

import { Collection } from "./collection.js";
import { bounds, corners, grips, pulled, told, within } from "./shapes.js";
import { knob, path, stroke, tag, ticks } from "./strokes.js";
import { DRAWN, pressed } from "./tools.js";

/**
 * @typedef {import("./pane.js").Pane} Pane
 * @typedef {import("./shapes.js").Point} Point
 * @typedef {import("./shapes.js").Shape} Shape
 * @typedef {import("./shapes.js").Grip} Grip
 * @typedef {import("./types.js").Box} Box
 */

/** Pixels of the screen within which a handle is met: of a mouse, of a finger. */
const REACH = 9;
const TOUCH = 20;
const SMALLEST = 4;
const STEPS = /** @type {Record<string, Point>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });

export class Measuring {
  /**
   * @param {{ draws: boolean, tool: () => string, mayDraw: () => boolean, redraw: () => void, boxed: (box: Box | null) => void }} hands
   *   whether a box is asked for, which tool is in hand, whether the box can be changed now; told when it has been
   */
  constructor({ draws, tool, mayDraw, redraw, boxed }) {
    this.tool = tool;
    this.mayDraw = mayDraw;
    this.redraw = redraw;
    this.boxed = boxed;
    this.tools = [DRAWN.ruler, DRAWN.angle, ...(draws ? [DRAWN.box] : [])];
    this.reach = matchMedia("(pointer: coarse)").matches ? TOUCH : REACH;
    /** @type {Collection<Shape>} */
    this.drawn = new Collection(() => this.#tell());
    /** @type {string} the box as it was told last */
    this.known = "null";
    /** @type {{ pane: Pane, grip: Grip, from: Point, shape: Shape, index: number, moved: boolean, fresh: boolean } | null} */
    this.pull = null;
    /** @type {{ pane: Pane, index: number } | null} an angle whose second arm follows the pointer */
    this.arm = null;
  }

  /** The kind that the tool in hand draws, null where it does not draw or may not. */
  get #kind() {
    const tool = this.tool();
    if (tool === "box" && !this.mayDraw()) return null;
    return tool === "ruler" || tool === "angle" || tool === "box" ? tool : null;
  }

  /** @param {Pane} pane */
  #reach(pane) {
    return (this.reach * (window.devicePixelRatio || 1)) / pane.scale;
  }

  // --- the box of the answer ------------------------------------------------------------------------------------------

  /** @returns {Box | null} */
  get box() {
    const shape = this.drawn.shapes.find(({ kind }) => kind === "box");
    const [x0, y0, x1, y1] = shape ? bounds(shape) : [0, 0, 0, 0];
    return shape && x1 - x0 >= 1 && y1 - y0 >= 1 ? { view: shape.view, x0, y0, x1, y1 } : null;
  }

  /** Put another box in its place without telling. */
  set box(box) {
    this.drawn.shapes = this.drawn.shapes.filter(({ kind }) => kind !== "box");
    this.drawn.chosen = null;
    if (box) this.drawn.shapes.push({ view: box.view, kind: "box", points: [[box.x0, box.y0], [box.x1, box.y1]] });
    this.known = JSON.stringify(this.box);
  }

  #tell() {
    const now = JSON.stringify(this.box);
    if (now === this.known) return;
    this.known = now;
    this.boxed(this.box);
  }

  /** Another case: nothing is drawn. */
  clear() {
    this.drawn.open([]);
    this.box = null;
    this.pull = null;
    this.arm = null;
  }

  // --- the pointer ----------------------------------------------------------------------------------------------------

  /**
   * @param {Pane} pane
   * @param {Point} point
   */
  down(pane, point) {
    const at = within(point, pane.view);
    if (this.arm) return this.arm.pane === pane && this.#swing(at);
    const kind = this.#kind;
    const met = this.drawn.under(pane.view.number, point, this.#reach(pane));
    const shape = met && this.drawn.shapes[met.index];
    // handles are there for every tool, lines and what they enclose for the one that draws such
    if (met && shape && (shape.kind === kind || (shape.kind !== "box" && met.grip.kind === "corner"))) {
      this.#take(pane, point, met.index, met.grip, false);
    } else if (kind) {
      this.drawn.remember();
      this.#add({ view: pane.view.number, kind, points: [at, at] });
      this.#take(pane, at, this.drawn.shapes.length - 1, { kind: "corner", index: kind === "box" ? 4 : 1 }, true);
    } else return false;
    this.redraw();
    return true;
  }

  /** @param {Shape} shape a box takes the place of the one before */
  #add(shape) {
    if (shape.kind === "box") this.drawn.shapes = this.drawn.shapes.filter(({ kind }) => kind !== "box");
    this.drawn.shapes.push(shape);
    this.drawn.chosen = this.drawn.shapes.length - 1;
  }

  /**
   * @param {Pane} pane
   * @param {Point} from
   * @param {number} index
   * @param {Grip} grip
   * @param {boolean} fresh
   */
  #take(pane, from, index, grip, fresh) {
    if (!fresh) this.drawn.remember();
    this.drawn.chosen = index;
    this.pull = { pane, grip, from, shape: this.drawn.shapes[index], index, moved: false, fresh };
  }

  /** @param {Point} at */
  #swing(at) {
    if (!this.arm) return false;
    const { points } = this.drawn.shapes[this.arm.index];
    points[2] = at;
    this.redraw();
    return true;
  }

  /**
   * @param {Pane} pane
   * @param {Point} point
   */
  move(pane, point) {
    if (this.arm) this.#swing(within(point, pane.view));
    if (!this.pull) return;
    const { grip, from, shape, index } = this.pull;
    this.drawn.shapes[index] = pulled(shape, grip, [point[0] - from[0], point[1] - from[1]], pane.view);
    this.pull.moved = true;
  }

  /**
   * @param {Pane} pane
   * @param {Point} point
   */
  hover(pane, point) {
    if (this.arm?.pane === pane) this.#swing(within(point, pane.view));
    if (this.arm) return "";
    const met = this.drawn.under(pane.view.number, point, this.#reach(pane));
    const shape = met && this.drawn.shapes[met.index];
    const takes = shape && (shape.kind === this.#kind || (shape.kind !== "box" && met.grip.kind === "corner"));
    return takes ? (met.grip.kind === "whole" ? "move" : "pointer") : "";
  }

  /** @param {Pane} pane */
  up(pane) {
    if (this.arm) {
      this.arm = null;
      this.drawn.changed();
    } else if (this.pull) {
      const { moved, index, fresh } = this.pull;
      const shape = this.drawn.shapes[index];
      const [x0, y0, x1, y1] = bounds(shape);
      this.pull = null;
      const small = Math.hypot(x1 - x0, y1 - y0) * pane.scale < SMALLEST || (shape.kind === "box" && (x1 - x0 < 1 || y1 - y0 < 1));
      if (!moved || small) {
        this.drawn.forget();
        this.drawn.chosen = fresh ? null : index;
      } else if (fresh && shape.kind === "angle") {
        shape.points.push([...shape.points[1]]);
        this.arm = { pane, index };
      } else this.drawn.changed();
    }
    this.redraw();
  }

  cancel() {
    if (this.pull || this.arm) this.drawn.forget();
    this.pull = null;
    this.arm = null;
    this.redraw();
  }

  double() {
    return this.#kind !== null;
  }

  // --- keys -----------------------------------------------------------------------------------------------------------

  /**
   * @param {KeyboardEvent} event
   * @param {Pane | null} pane
   * @param {boolean} focused whether the picture has the focus
   */
  key(event, pane, focused) {
    const key = pressed(event);
    if (this.arm && key === "escape") return this.cancel(), true;
    if (key === "ctrl+z") return this.#step(() => this.drawn.undo());
    if (key === "ctrl+y" || key === "ctrl+shift+z") return this.#step(() => this.drawn.redo());
    if (key === "delete" || key === "backspace") return this.#erase();
    const step = STEPS[event.key];
    const kind = this.#kind;
    if (!step || !focused || !pane || !kind) return false;
    this.#arrow(event, pane, kind, step);
    return true;
  }

  /** @param {() => boolean} step an answer that is stored keeps its box */
  #step(step) {
    const { box } = this;
    const stepped = step();
    if (stepped && !this.mayDraw()) this.box = box;
    this.redraw();
    return stepped;
  }

  /** Delete what is chosen, else what the tool in hand, or a ruler, drew last. */
  #erase() {
    const { shapes, selected } = this.drawn;
    const tool = this.tool();
    const last = shapes.map(({ kind }) => (tool === "box" || tool === "angle" ? kind === tool : kind === "ruler")).lastIndexOf(true);
    if (!selected && last >= 0) this.drawn.chosen = last;
    if (this.drawn.selected?.kind === "box" && !this.mayDraw()) return true;
    this.drawn.remove();
    this.redraw();
    return true;
  }

  /**
   * Arrows draw in the middle of the picture and pull the last point; with Alt they move all of it, with Shift finely.
   * @param {KeyboardEvent} event
   * @param {Pane} pane
   * @param {"ruler" | "angle" | "box"} kind
   * @param {Point} step
   */
  #arrow(event, pane, kind, [dx, dy]) {
    const far = Math.max(pane.size[0], pane.size[1]) / pane.scale / (event.shiftKey ? 200 : 50);
    const { drawn } = this;
    drawn.remember();
    const { selected } = drawn;
    if (selected?.kind !== kind || selected.view !== pane.view.number) {
      const [x, y] = within(pane.toPicture([pane.size[0] / 2, pane.size[1] / 2]), pane.view);
      const ends = { ruler: [[4, 0]], angle: [[0, -4], [4, 0]], box: [[4, 4]] }[kind];
      const points = ends.map(([across, down]) => within([x + across * far, y + down * far], pane.view));
      this.#add({ view: pane.view.number, kind, points: kind === "angle" ? [points[0], [x, y], points[1]] : [[x, y], ...points] });
    }
    const index = drawn.chosen ?? 0;
    /** @type {Grip} */
    const grip = event.altKey ? { kind: "whole", index: 0 } : { kind: "corner", index: { ruler: 1, angle: 2, box: 4 }[kind] };
    drawn.shapes[index] = pulled(drawn.shapes[index], grip, [dx * far, dy * far], pane.view);
    drawn.changed();
    this.redraw();
  }

  // --- drawing --------------------------------------------------------------------------------------------------------

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Pane} pane
   * @param {number} ratio device pixels a CSS pixel
   */
  draw(context, pane, ratio) {
    this.drawn.shapes.forEach((shape, index) => {
      if (shape.view !== pane.view.number) return;
      const colour = shape.kind === "box" ? "#ff9d76" : "#ffe08a";
      path(context, pane, corners(shape), shape.kind === "box");
      if (shape.kind === "ruler") ticks(context, pane, corners(shape), 6 * ratio);
      stroke(context, colour, 1.75 * ratio, []);
      const handles = index === this.drawn.chosen && (shape.kind !== "box" || this.mayDraw());
      if (handles) for (const point of grips(shape)) knob(context, pane.toScreen(point), 4 * ratio, colour);
      const says = told(shape, pane.view.spacing);
      if (says) tag(context, pane, says, corners(shape)[1], colour, ratio, 10 * ratio);
    });
  }
}
