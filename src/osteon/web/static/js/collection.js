// Shapes that are drawn, chosen, changed, and changed back.

import { area, closed, gripAt, inside, near } from "./shapes.js";

/**
 * @typedef {import("./shapes.js").Shape} Shape
 * @typedef {import("./shapes.js").Point} Point
 * @typedef {import("./shapes.js").Grip} Grip
 */

/** @template {Shape} S */
export class Collection {
  /** @param {() => void} changed told of every change that stays */
  constructor(changed) {
    this.changed = changed;
    /** @type {S[]} */
    this.shapes = [];
    /** @type {number | null} */
    this.chosen = null;
    /** @type {string[]} */
    this.past = [];
    /** @type {string[]} */
    this.future = [];
  }

  /** @returns {S | null} */
  get selected() {
    return this.chosen === null ? null : this.shapes[this.chosen] ?? null;
  }

  /** @returns {S[]} */
  toJSON() {
    return this.shapes.map((shape) => ({ ...shape, points: shape.points.map(([x, y]) => [round(x), round(y)]) }));
  }

  /**
   * Begin with what was drawn before; there is nothing to undo.
   * @param {S[]} shapes
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
   * Put another set of shapes in place of these.
   * @param {S[]} shapes
   */
  replace(shapes) {
    this.remember();
    this.shapes = structuredClone(shapes);
    this.chosen = null;
    this.changed();
  }

  /** @param {S} shape */
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

  /** Choose the next shape, round and round. */
  next() {
    if (!this.shapes.length) return false;
    this.chosen = this.chosen === null ? 0 : (this.chosen + 1) % this.shapes.length;
    return true;
  }

  /**
   * What is pulled from a place of a picture: the chosen shape's grips, all of it from within, others by their lines and ends.
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
    for (const [index, shape] of this.shapes.entries()) {
      const end = shape.view === view && !closed(shape) ? gripAt(shape, point, reach) : null;
      if (end) return { index, grip: end };
    }
    const index = this.shapes.findIndex((shape) => shape.view === view && near(shape, point, reach));
    return index < 0 ? null : { index, grip: { kind: "whole", index: 0 } };
  }

  /**
   * The smallest shape around a place of a picture.
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

/** @param {number} value to a hundredth of a pixel */
function round(value) {
  return Math.round(value * 100) / 100;
}
