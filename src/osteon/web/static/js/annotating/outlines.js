// Outlines of lesions: shapes that know whose they are.

import { Collection } from "../collection.js";

/** @typedef {import("./types.js").Shape} Shape */

/** @extends {Collection<Shape>} */
export class Outlines extends Collection {
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
}
