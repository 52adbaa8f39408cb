// The light box: all views of a case side by side, with tools for mouse, touch and keyboard.

import { persist } from "./api.js";
import { h } from "./dom.js";
import { gestures } from "./gestures.js";
import { Pane } from "./pane.js";
import { picture } from "./pictures.js";
import { ended } from "./scope.js";
import { Shape } from "./shapes.js";
import { ACTIONS, TOOLS, groups } from "./tools.js";

/**
 * @typedef {{ session: number, position: number, views: View[] }} Case what the viewer needs of one
 * @typedef {import("./pane.js").View} View
 * @typedef {import("./types.js").Box} Box
 * @typedef {import("./shapes.js").Point} Point
 */

/**
 * Who draws on the pictures with tools of its own: told of the pointer in pixels of the picture, asked to draw over it.
 * `down` and `double` say whether the press is theirs; so does `key`.
 * @typedef {object} Editor
 * @property {import("./tools.js").Entry[]} tools
 * @property {(pane: Pane, point: Point) => boolean} down
 * @property {(pane: Pane, point: Point) => void} move
 * @property {(pane: Pane, point: Point) => void} hover
 * @property {(pane: Pane) => void} up
 * @property {(pane: Pane) => void} cancel
 * @property {(pane: Pane, point: Point) => boolean} double
 * @property {(event: KeyboardEvent, pane: Pane | null, focused: boolean) => boolean} key
 * @property {(context: CanvasRenderingContext2D, pane: Pane, ratio: number) => void} draw
 */

export class Viewer {
  /**
   * @param {{ draws: boolean, mayDraw: () => boolean, extra?: HTMLElement | null, editor?: Editor | null }} options
   *   whether the study asks for a box, whether one can be drawn now, what else stands in the bar, and who draws on the
   *   pictures with tools of its own
   */
  constructor({ draws, mayDraw, extra = null, editor = null }) {
    this.draws = draws;
    this.mayDraw = mayDraw;
    this.extra = extra;
    this.editor = editor;
    /** @type {Pane[]} */
    this.panes = [];
    /** @type {Pane | null} */
    this.active = null;
    /** @type {Pane | null} the only one shown */
    this.only = null;
    /** @type {import("./tools.js").Tool} */
    this.tool = "window";
    this.boxesShown = true;
    /** @type {(box: Box | null) => void} */
    this.onbox = () => {};
    this.lightbox = h("div", { class: "panes" });
    this.bar = h("div", { class: "tools", role: "toolbar", "aria-label": "Picture tools" });
    this.element = h("section", { class: "viewer", "aria-label": "Radiographs" }, this.lightbox, this.bar);
    this.observer = new ResizeObserver(() => this.#layout());
    this.observer.observe(this.lightbox);
  }

  close() {
    this.observer.disconnect();
  }

  /** Take the pictures away: no picture meets a wrong question. */
  clear() {
    this.panes = [];
    this.active = null;
    this.lightbox.replaceChildren();
  }

  /**
   * Show the views of a case; resolves when every picture is on the screen, as sharp as its zoom asks for. What closer
   * looks need comes later.
   * @param {Case} shown
   * @param {AbortSignal} signal of the case
   * @param {AbortSignal} room of the room: pictures outlast their case
   */
  async open(shown, signal, room) {
    this.tool = "window";
    this.only = null;
    this.lightbox.dataset.count = String(Math.min(shown.views.length, 4));
    this.panes = shown.views.map((view) => this.#pane(view, shown.views.length));
    this.lightbox.replaceChildren(...this.panes.map((pane) => pane.frame));
    this.active = this.panes[0] ?? null;
    this.#toolbar();
    this.#layout();
    /** @type {(() => Promise<void>)[]} */
    const closer = [];
    await Promise.all(
      this.panes.map(async (pane) => {
        const asked = () => picture(shown.session, shown.position, pane.view, room);
        /** @param {(import("./grey.js").Level | null)[]} levels */
        const show = (levels) => {
          if (signal.aborted) return;
          pane.setPicture(levels);
          pane.frame.classList.remove("loading");
          this.draw(pane);
        };
        const whole = async () => show(await persist(() => asked().whole(), signal));
        show(await persist(() => asked().soon, signal));
        if (!pane.sharp) await whole();
        else if (pane.levels && !pane.levels[0]) closer.push(whole);
      }),
    );
    await painted();
    Promise.all(closer.map((look) => look())).then(
      () => performance.mark("case-whole"),
      (error) => ended(error) || console.warn(error),
    );
  }

  /**
   * @param {View} view
   * @param {number} count
   */
  #pane(view, count) {
    const [canvas, overlay] = [h("canvas"), h("canvas", { class: "overlay" })];
    const facts = h("span", { class: "facts" });
    const name = view.caption ?? [`View ${view.number} of ${count}`, view.name].filter(Boolean).join(": ");
    const frame = h(
      "div",
      { class: "pane loading", tabindex: "0", role: "img", "aria-label": `${name}. Arrow keys move, plus and minus zoom.` },
      canvas,
      overlay,
      (count > 1 || view.name) && h("span", { class: "name" }, name),
      h("span", { class: "note" }),
      facts,
    );
    const pane = new Pane(canvas, overlay, view, frame, facts);
    pane.showBoxes = this.boxesShown;
    const { editor } = this;
    if (editor) pane.over = (context, ratio) => editor.draw(context, pane, ratio);
    gestures(pane, {
      viewer: this,
      turn: (turned) => this.panes.length > 1 && this.#alone(this.only ? null : turned),
      drawn: () => this.onbox(this.box),
    });
    return pane;
  }

  // --- the tools --------------------------------------------------------------------------------------------------

  #toolbar() {
    /** @param {string} name */
    const offered = (name) =>
      (name !== "boxes" || this.panes.some((pane) => pane.view.boxes.length)) &&
      (name !== "alone" || this.panes.length > 1);
    this.bar.replaceChildren(...groups(this.tools, offered, (tool) => this.use(tool), (action) => this.act(action)), ...(this.extra ? [this.extra] : []));
    this.#press();
  }

  get tools() {
    return [...TOOLS.filter(([name]) => name !== "box" || this.draws), ...(this.editor?.tools ?? [])];
  }

  #press() {
    /** @type {Record<string, boolean>} */
    const on = { invert: this.active?.inverted ?? false, boxes: this.boxesShown, alone: this.only !== null };
    for (const [tool] of this.tools) on[tool] = tool === this.tool;
    for (const button of this.bar.querySelectorAll("[data-tool]")) {
      const name = button.getAttribute("data-tool") ?? "";
      if (name in on) button.setAttribute("aria-pressed", String(on[name]));
    }
    this.lightbox.dataset.tool = this.tool;
  }

  /** @param {import("./tools.js").Tool} name */
  use(name) {
    if (!this.tools.some(([tool]) => tool === name)) return;
    this.tool = name;
    this.#press();
  }

  /** @param {string} name */
  act(name) {
    const pane = this.active;
    if (!pane) return;
    if (name === "invert") pane.invert();
    else if (name === "reset") pane.resetWindow();
    else if (name === "fit") pane.fit();
    else if (name === "one") pane.oneToOne();
    else if (name === "in") pane.zoom(1.25);
    else if (name === "out") pane.zoom(0.8);
    else if (name === "boxes") this.showBoxes(!this.boxesShown);
    else if (name === "alone" && this.panes.length > 1) this.#alone(this.only === null ? pane : null);
    this.draw(pane);
    this.#press();
  }

  /** Draw again what lies over the pictures. */
  overlay() {
    for (const pane of this.panes) pane.drawOverlay();
  }

  /** @param {boolean} shown */
  showBoxes(shown) {
    this.boxesShown = shown;
    for (const pane of this.panes) {
      pane.showBoxes = shown;
      pane.drawOverlay();
    }
  }

  /** @param {Pane | null} pane */
  #alone(pane) {
    this.only = pane;
    for (const each of this.panes) each.frame.hidden = pane !== null && each !== pane;
    this.lightbox.dataset.count = String(pane ? 1 : Math.min(this.panes.length, 4));
    this.#layout();
    this.#press();
  }

  /** @param {Pane} pane */
  activate(pane) {
    this.active = pane;
    for (const each of this.panes) each.frame.classList.toggle("active", each === pane && this.panes.length > 1);
    this.#press();
  }

  #layout() {
    for (const pane of this.panes) if (!pane.frame.hidden && pane.measure()) this.draw(pane);
  }

  /**
   * Draw a pane; what shows the same picture follows the one in hand.
   * @param {Pane} pane
   */
  draw(pane) {
    const beside = pane === this.active ? this.panes.filter((each) => each !== pane && each.view.number === pane.view.number) : [];
    for (const each of beside) {
      each.follow(pane);
      this.draw(each);
    }
    if (pane.drawing) return;
    pane.drawing = requestAnimationFrame(() => {
      pane.drawing = 0;
      pane.draw();
      const zoom = Math.round((pane.scale / (window.devicePixelRatio || 1)) * 100);
      const { centre, width } = pane.window;
      pane.facts.textContent = `${pane.sharp || !pane.levels ? "" : "sharpening …   "}${zoom} %   C ${number(centre)}   W ${number(width)}`;
    });
  }

  // --- the reader's box and the model's heat map --------------------------------------------------------------------

  /**
   * The drawn box as it is sent, or null.
   * @returns {Box | null}
   */
  get box() {
    for (const pane of this.panes) {
      const [x0, y0, x1, y1] = pane.measures.find((shape) => shape.kind === "box")?.corners ?? [0, 0, 0, 0];
      if (x1 - x0 >= 1 && y1 - y0 >= 1) return { view: pane.view.number, x0, y0, x1, y1 };
    }
    return null;
  }

  set box(box) {
    for (const pane of this.panes) {
      pane.measures = pane.measures.filter((shape) => shape.kind !== "box");
      if (box?.view === pane.view.number) pane.measures.push(new Shape("box", [box.x0, box.y0], [box.x1, box.y1]));
      pane.drawOverlay();
    }
  }

  /**
   * Lay heat maps over the views, by number, or take them all away.
   * @param {Map<number, import("./heat.js").Heat> | null} maps
   * @param {number} strength from 0 to 1
   */
  setHeat(maps, strength) {
    for (const pane of this.panes) {
      pane.heat = maps?.get(pane.view.number) ?? null;
      pane.heatStrength = strength;
      const note = pane.frame.querySelector(".note");
      if (note) note.textContent = maps && !pane.heat ? "no heat map of this view" : "";
      pane.drawOverlay();
    }
  }

  /**
   * Begin to draw; null where that cannot be done now.
   * @param {Pane} pane
   * @param {"ruler" | "box"} kind
   * @param {Point} point
   */
  start(pane, kind, point) {
    if (kind === "box" && !this.mayDraw()) return null;
    const shape = new Shape(kind, point);
    const others = kind === "box" ? this.panes : [pane]; // one box a case, one ruler a picture
    for (const each of others) {
      each.measures = each.measures.filter((old) => old.kind !== kind);
      if (each !== pane) each.drawOverlay();
    }
    pane.measures.push(shape);
    return shape;
  }

  // --- keyboard -----------------------------------------------------------------------------------------------------

  /**
   * Take a key press that is no field's; true when it was one of the viewer's.
   * @param {KeyboardEvent} event
   */
  key(event) {
    const focused = this.panes.some((pane) => pane.frame === document.activeElement);
    if (this.editor?.key(event, this.active, focused)) return true;
    if (event.ctrlKey || event.metaKey) return false;
    const key = event.key.toLowerCase();
    const tool = this.tools.find(([, , letter]) => letter === key);
    const action = ACTIONS.find(([, , letter]) => letter === key);
    if (tool && !event.altKey) this.use(/** @type {import("./tools.js").Tool} */ (tool[0]));
    else if (action && !event.altKey) this.act(action[0]);
    else if (key === "+" || key === "=") this.act("in");
    else if (key === "-") this.act("out");
    else if (key === "delete" || key === "backspace") this.#erase();
    else if (key.startsWith("arrow") && focused) this.#arrow(event);
    else return false;
    return true;
  }

  #erase() {
    const kind = this.tool === "box" ? "box" : "ruler";
    if (kind === "box" && !this.mayDraw()) return;
    for (const pane of this.panes) {
      pane.measures = pane.measures.filter((shape) => shape.kind !== kind);
      pane.drawOverlay();
    }
    if (kind === "box") this.onbox(this.box);
  }

  /**
   * Arrows move the picture; with Shift they change the window; with a drawing tool they draw (with Alt, move).
   * @param {KeyboardEvent} event
   */
  #arrow(event) {
    const pane = this.active;
    const step = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] }[event.key.toLowerCase()];
    if (!pane || !step) return;
    if (this.tool === "ruler" || this.tool === "box") {
      const far = Math.max(pane.size[0], pane.size[1]) / pane.scale / (event.shiftKey ? 200 : 50);
      const { tool } = this;
      let shape = pane.measures.find((each) => each.kind === tool) ?? null;
      if (tool === "box" && !this.mayDraw()) return;
      if (!shape) {
        const middle = pane.toPicture([pane.size[0] / 2, pane.size[1] / 2]);
        shape = this.start(pane, tool, middle);
        if (!shape) return;
        shape.end = [middle[0] + 4 * far, middle[1] + (tool === "box" ? 4 * far : 0)];
      }
      /** @type {(point: Point) => Point} */
      const moved = ([x, y]) => [x + step[0] * far, y + step[1] * far];
      shape.end = moved(shape.end);
      if (event.altKey) shape.start = moved(shape.start);
      shape.clamp(pane.view);
      if (tool === "box") this.onbox(this.box);
    } else if (event.shiftKey) pane.changeWindow(step[1] * 0.02, step[0] * 0.06);
    else pane.pan(-step[0] * 40, -step[1] * 40);
    this.draw(pane);
  }
}

/**
 * Resolves once the browser has painted what is on the page now; never while the page is hidden.
 * @returns {Promise<void>}
 */
export function painted() {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/**
 * A grey value as files write them: whole where it is large, with three figures where it is small.
 * @param {number} value
 */
function number(value) {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
