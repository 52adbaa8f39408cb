// Drawing on the pictures: boxes pulled out, polygons corner by corner or freehand, all of them pulled by their grips.

import { area, bounds, corners, grips, middles, pulled, simplified, within } from "../shapes.js";
import { knob, path, stroke, tag } from "../strokes.js";

/**
 * @typedef {import("../pane.js").Pane} Pane
 * @typedef {import("../shapes.js").Point} Point
 * @typedef {import("../shapes.js").Grip} Grip
 * @typedef {import("./outlines.js").Outlines} Outlines
 * @typedef {import("./outlines.js").Shape} Shape
 * @typedef {import("./types.js").Suggestion} Suggestion
 */

export const COLOURS = ["#5fd4c4", "#ffb35c", "#c9a2ff", "#8fd16a", "#ff9ecb", "#7fb6ff"];
/** Of what annotators drew, as the adjudicator sees it. */
export const OWNERS = ["#ffe08a", "#86c5ff", "#ff9ecb", "#8fd16a", "#c9a2ff", "#ffb35c"];
/** Pixels of the screen within which a grip is met: of a mouse, of a finger. */
const REACH = 9;
const TOUCH = 20;
const SMALLEST = 4;
/** @type {Record<string, [string, string, string]>} */
const TOOLS = {
  box: ["Box", "d", "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 12h6M12 9v6"],
  polygon: ["Outline", "g", "M5 7l8-3 6 6-3 9-9 1z"],
};

export class Editor {
  /**
   * @param {Outlines} outlines
   * @param {{ kinds: string[], tool: () => string, mayDraw: () => boolean, redraw: () => void, label: (lesion: number) => string }} room
   *   which outlines are asked for, which tool is in hand, whether anything can be drawn now, and what a lesion is called
   */
  constructor(outlines, { kinds, tool, mayDraw, redraw, label }) {
    this.outlines = outlines;
    this.kinds = kinds;
    this.tool = tool;
    this.mayDraw = mayDraw;
    this.redraw = redraw;
    this.label = label;
    this.reach = matchMedia("(pointer: coarse)").matches ? TOUCH : REACH;
    /** @type {Suggestion[]} */
    this.suggestions = [];
    /** @type {Map<string, Shape[]>} what annotators drew, by letter */
    this.others = new Map();
    /** @type {{ pane: Pane, grip: Grip, from: Point, shape: Shape, index: number, moved: boolean } | null} */
    this.pull = null;
    /** @type {{ pane: Pane, points: Point[], at: Point, held: boolean, drawn: number } | null} a polygon that is
     *   not closed, whether the pen is down, and how many corners came by moving it */
    this.open = null;
    this.tools = kinds.map((kind) => /** @type {import("../tools.js").Entry} */ ([kind, ...TOOLS[kind]]));
  }

  /** @param {Pane} pane */
  #reach(pane) {
    return (this.reach * (window.devicePixelRatio || 1)) / pane.scale;
  }

  get #drawing() {
    return this.kinds.includes(this.tool()) && this.mayDraw();
  }

  // --- the pointer --------------------------------------------------------------------------------------------------

  /**
   * @param {Pane} pane
   * @param {Point} point
   */
  down(pane, point) {
    if (!this.#drawing) return false;
    const at = within(point, pane.view);
    if (this.open) return this.#corner(pane, at);
    const met = this.outlines.under(pane.view.number, point, this.#reach(pane));
    if (met) {
      this.outlines.chosen = met.index;
      this.outlines.remember();
      this.pull = { pane, grip: met.grip, from: point, shape: this.outlines.shapes[met.index], index: met.index, moved: false };
      this.redraw();
      return true;
    }
    if (this.#suggested(pane, point)) return true;
    if (this.tool() === "polygon") {
      this.open = { pane, points: [at], at, held: true, drawn: 0 };
      this.outlines.chosen = null;
    } else this.#begin(pane, at);
    this.redraw();
    return true;
  }

  /**
   * @param {Pane} pane
   * @param {Point} at
   */
  #begin(pane, at) {
    const { outlines } = this;
    const view = pane.view.number;
    outlines.remember();
    /** @type {Shape} */
    const shape = { view, lesion: outlines.lesionOn(view), kind: "box", points: [at, at], suggestion: null };
    outlines.shapes.push(shape);
    outlines.chosen = outlines.shapes.length - 1;
    this.pull = { pane, grip: { kind: "corner", index: 4 }, from: at, shape, index: outlines.chosen, moved: false };
  }

  /**
   * @param {Pane} pane
   * @param {Point} at
   */
  #corner(pane, at) {
    if (!this.open || this.open.pane !== pane) return false;
    const { points } = this.open;
    const [x, y] = points[0];
    if (points.length > 2 && Math.hypot(at[0] - x, at[1] - y) <= this.#reach(pane)) this.close();
    else {
      points.push(at);
      Object.assign(this.open, { at, held: true, drawn: 0 });
    }
    this.redraw();
    return true;
  }

  /** Close the polygon that is being drawn, where it has corners enough. */
  close() {
    if (!this.open) return false;
    const { pane, points } = this.open;
    this.open = null;
    const fewer = simplified(points, 1.2 / pane.scale).slice(0, 400);
    const view = pane.view.number;
    /** @type {Shape} */
    const shape = { view, lesion: this.outlines.lesionOn(view), kind: "polygon", points: fewer, suggestion: null };
    if (fewer.length > 2 && area(shape) * pane.scale ** 2 > SMALLEST ** 2) this.outlines.add(shape);
    this.redraw();
    return true;
  }

  /**
   * @param {Pane} pane
   * @param {Point} point
   */
  move(pane, point) {
    const at = within(point, pane.view);
    if (this.open?.pane === pane) {
      const last = this.open.points[this.open.points.length - 1];
      this.open.at = at;
      if (this.open.held && Math.hypot(at[0] - last[0], at[1] - last[1]) * pane.scale > 5) {
        this.open.points.push(at);
        this.open.drawn += 1;
      }
    } else if (this.pull) {
      const { grip, from, shape, index } = this.pull;
      this.outlines.shapes[index] = pulled(shape, grip, [point[0] - from[0], point[1] - from[1]], pane.view);
      this.pull.moved = true;
    }
  }

  /**
   * @param {Pane} pane
   * @param {Point} point
   */
  hover(pane, point) {
    if (this.open?.pane === pane) {
      this.open.at = within(point, pane.view);
      this.redraw();
    }
    const met = this.#drawing && !this.open && this.outlines.under(pane.view.number, point, this.#reach(pane));
    return met ? (met.grip.kind === "whole" ? "move" : "pointer") : "";
  }

  /** @param {Pane} pane */
  up(pane) {
    if (this.open?.pane === pane) {
      this.open.held = false;
      // a line that was drawn in one go is closed when the pen is lifted
      if (this.open.drawn > 5 && this.#round(pane)) this.close();
    } else if (this.pull) {
      const { moved, index, from } = this.pull;
      const [x0, y0, x1, y1] = bounds(this.outlines.shapes[index]);
      const fresh = this.pull.shape.points.length === 2 && String(this.pull.shape.points[0]) === String(this.pull.shape.points[1]);
      this.pull = null;
      if (!moved || Math.min(x1 - x0, y1 - y0) * pane.scale < SMALLEST || x1 - x0 < 1 || y1 - y0 < 1) {
        this.outlines.forget();
        this.outlines.chosen = fresh ? this.outlines.at(pane.view.number, from) : index;
      } else this.outlines.changed();
    }
    this.redraw();
  }

  /** @param {Pane} pane whether a line that was drawn in one go comes back to where it began */
  #round(pane) {
    if (!this.open) return false;
    const { points } = this.open;
    const [first, last] = [points[0], points[points.length - 1]];
    return Math.hypot(first[0] - last[0], first[1] - last[1]) <= 3 * this.#reach(pane);
  }

  /** @param {Pane} _pane */
  cancel(_pane) {
    if (this.pull) this.outlines.forget();
    this.pull = null;
    this.open = null;
    this.redraw();
  }

  /**
   * A double press closes a polygon, or takes a corner of one away.
   * @param {Pane} pane
   * @param {Point} point
   */
  double(pane, point) {
    if (!this.#drawing) return false;
    if (this.open) {
      this.open.points.pop(); // the second press of the two
      return this.close();
    }
    const met = this.outlines.under(pane.view.number, point, this.#reach(pane));
    const shape = met && this.outlines.shapes[met.index];
    if (shape?.kind === "polygon" && met?.grip.kind === "corner" && shape.points.length > 3) {
      this.outlines.remember();
      this.outlines.shapes[met.index] = { ...shape, points: shape.points.filter((_, i) => i !== met.grip.index) };
      this.outlines.changed();
      this.redraw();
    }
    return true;
  }

  // --- suggestions --------------------------------------------------------------------------------------------------

  /** Suggestions that nothing has been made of. */
  get waiting() {
    const used = new Set(this.outlines.shapes.map((shape) => shape.suggestion));
    return this.suggestions.filter((one) => !used.has(one.number));
  }

  /**
   * @param {Pane} pane
   * @param {Point} point
   */
  #suggested(pane, point) {
    const met = this.waiting.find(({ view, box: [x0, y0, x1, y1] }) =>
      view === pane.view.number && point[0] >= x0 && point[0] <= x1 && point[1] >= y0 && point[1] <= y1);
    if (met) this.accept(met);
    return Boolean(met);
  }

  /** @param {Suggestion} one */
  accept({ number, view, box: [x0, y0, x1, y1] }) {
    this.outlines.add({ view, lesion: this.outlines.lesionOn(view), kind: "box", points: [[x0, y0], [x1, y1]], suggestion: number });
    this.redraw();
  }

  // --- keys ---------------------------------------------------------------------------------------------------------

  /**
   * @param {KeyboardEvent} event
   * @param {Pane | null} pane
   * @param {boolean} focused whether the picture has the focus
   */
  key(event, pane, focused) {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" && this.mayDraw()) return event.shiftKey ? this.outlines.redo() : this.outlines.undo();
      return key === "y" && this.mayDraw() ? this.outlines.redo() : false;
    }
    if (this.open && key === "enter") return this.close();
    if (this.open && key === "escape") return this.cancel(this.open.pane), true;
    if (this.open && key === "backspace") {
      if (this.open.points.length > 1) this.open.points.pop();
      this.redraw();
      return true;
    }
    if (!this.mayDraw()) return false;
    if (key === "delete" || key === "backspace") return this.outlines.remove();
    if (key === "n") return this.outlines.next() && (this.redraw(), true);
    if (!key.startsWith("arrow") || !focused || !pane || !this.#drawing) return false;
    this.#arrow(event, pane);
    return true;
  }

  /**
   * Arrows draw a box in the middle of the picture and pull its lower right corner; with Alt they move all of it.
   * @param {KeyboardEvent} event
   * @param {Pane} pane
   */
  #arrow(event, pane) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    const far = Math.max(pane.size[0], pane.size[1]) / pane.scale / (event.shiftKey ? 200 : 50);
    const { outlines } = this;
    if (outlines.selected?.view !== pane.view.number) {
      const [x, y] = within(pane.toPicture([pane.size[0] / 2, pane.size[1] / 2]), pane.view);
      const view = pane.view.number;
      outlines.add({ view, lesion: outlines.lesionOn(view), kind: "box", points: [[x, y], within([x + 4 * far, y + 4 * far], pane.view)], suggestion: null });
    } else if (outlines.chosen !== null) {
      const shape = outlines.shapes[outlines.chosen];
      /** @type {Grip} */
      const grip = event.altKey || shape.kind === "polygon" ? { kind: "whole", index: 0 } : { kind: "corner", index: 4 };
      outlines.remember();
      outlines.shapes[outlines.chosen] = pulled(shape, grip, [dx * far, dy * far], pane.view);
      outlines.changed();
    }
    this.redraw();
  }

  // --- drawing ------------------------------------------------------------------------------------------------------

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Pane} pane
   * @param {number} ratio
   */
  draw(context, pane, ratio) {
    const { number, owner } = pane.view;
    for (const one of this.waiting.filter(({ view }) => view === number)) {
      const [x0, y0, x1, y1] = one.box;
      path(context, pane, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
      stroke(context, "#f4b860", 1.5 * ratio, [6 * ratio, 4 * ratio]);
      tag(context, pane, one.label ? `suggested: ${one.label}` : "suggested", [x0, y0], "#f4b860", ratio);
    }
    for (const [letter, shapes] of this.others) {
      const colour = OWNERS[(letter.charCodeAt(0) - 65) % OWNERS.length];
      for (const shape of owner === letter ? shapes.filter(({ view }) => view === number) : []) {
        path(context, pane, corners(shape));
        stroke(context, colour, 2 * ratio, [7 * ratio, 5 * ratio]);
      }
    }
    this.outlines.shapes.forEach((shape, index) => {
      if (shape.view !== number) return;
      const chosen = index === this.outlines.chosen;
      const colour = COLOURS[(shape.lesion - 1) % COLOURS.length];
      path(context, pane, corners(shape));
      stroke(context, colour, (chosen ? 2.5 : 1.75) * ratio, []);
      const [x0, y0] = bounds(shape);
      tag(context, pane, [String(shape.lesion), this.label(shape.lesion)].filter(Boolean).join(" "), [x0, y0], colour, ratio);
      if (chosen) this.#grips(context, pane, shape, colour, ratio);
    });
    if (this.open?.pane === pane) {
      const { points, at } = this.open;
      path(context, pane, [...points, at], false);
      stroke(context, "#ffffff", 1.75 * ratio, []);
      for (const point of points.length < 40 ? points : [points[0]]) knob(context, pane.toScreen(point), 3.5 * ratio, "#ffffff");
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Pane} pane
   * @param {Shape} shape
   * @param {string} colour
   * @param {number} ratio
   */
  #grips(context, pane, shape, colour, ratio) {
    for (const point of grips(shape)) knob(context, pane.toScreen(point), 4.5 * ratio, colour);
    if (shape.points.length < 60) for (const point of middles(shape)) knob(context, pane.toScreen(point), 2.5 * ratio, colour);
  }
}
