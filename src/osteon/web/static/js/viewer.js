// The light box: all views of a case side by side, with tools for mouse, touch and keyboard.

import { persist } from "./api.js";
import { h, say } from "./dom.js";
import { gestures } from "./gestures.js";
import { t } from "./language.js";
import { Measuring } from "./measuring.js";
import { Menu, windows } from "./menu.js";
import { Pane, told } from "./pane.js";
import { picture } from "./pictures.js";
import { ended } from "./scope.js";
import { ACTIONS, MORE, TOOLS, ZOOMS, group, pressed } from "./tools.js";

/**
 * @typedef {{ session: number, position: number, views: View[] }} Case what the viewer needs of one
 * @typedef {import("./pane.js").View} View
 * @typedef {import("./types.js").Box} Box
 * @typedef {import("./placing.js").Point} Point
 */

/**
 * Who draws on the pictures with tools of its own: told of the pointer in pixels of the picture, asked to draw over it.
 * `down` and `double` say whether the press is theirs; so does `key`; `hover` says how the pointer looks, if it matters.
 * @typedef {object} Editor
 * @property {import("./tools.js").Entry[]} tools
 * @property {(pane: Pane, point: Point) => boolean} down
 * @property {(pane: Pane, point: Point) => void} move
 * @property {(pane: Pane, point: Point) => string} hover
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
    this.extra = extra;
    this.measuring = new Measuring({
      draws, mayDraw,
      tool: () => this.tool,
      redraw: () => this.overlay(),
      boxed: (box) => this.onbox(box),
    });
    /** @type {Editor[]} in the order in which they are asked */
    this.editors = [...(editor ? [editor] : []), this.measuring];
    /** @type {Pane[]} */
    this.panes = [];
    /** @type {Pane | null} */
    this.active = null;
    /** @type {Pane | null} the only one shown */
    this.only = null;
    /** @type {import("./tools.js").Tool} */
    this.tool = "window";
    this.boxesShown = true;
    /** Whether what is done to one view is done to the others. */
    this.linked = false;
    /** @type {Map<Pane, number>} which of a picture's windows was chosen last */
    this.windows = new Map();
    /** @type {(box: Box | null) => void} */
    this.onbox = () => {};
    this.lightbox = h("div", { class: "panes" });
    this.bar = h("div", { class: "tools", role: "toolbar", "aria-label": t("Picture tools") });
    this.menu = new Menu(h("div", { class: "tools" }), (index) => this.#window(index));
    this.element = h("section", { class: "viewer", "aria-label": t("Radiographs") }, this.lightbox, this.bar, this.menu.sheet);
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
    this.windows.clear();
    this.measuring.clear();
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
    this.clear();
    this.tool = "window";
    this.only = null;
    this.lightbox.dataset.count = String(Math.min(shown.views.length, 4));
    this.panes = shown.views.map((view) => this.#pane(view, shown.views.length));
    this.lightbox.replaceChildren(...this.panes.map((pane) => pane.frame));
    this.#toolbar();
    if (this.panes[0]) this.activate(this.panes[0]);
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
    const name = view.caption ?? [t("View {number} of {count}", { number: view.number, count }), view.name].filter(Boolean).join(": ");
    const frame = h(
      "div",
      { class: "pane loading", tabindex: "0", role: "img", "aria-label": `${name}. ${t("Arrow keys move, plus and minus zoom.")}` },
      canvas,
      overlay,
      (count > 1 || view.name) && h("span", { class: "name" }, name),
      h("span", { class: "note" }),
      facts,
    );
    const pane = new Pane(canvas, overlay, view, frame, facts);
    pane.showBoxes = this.boxesShown;
    pane.over = (context, ratio) => this.editors.forEach((editor) => editor.draw(context, pane, ratio));
    gestures(pane, this);
    return pane;
  }

  // --- the tools --------------------------------------------------------------------------------------------------

  #toolbar() {
    /** @param {import("./tools.js").Entry} entry */
    const offered = ([name]) =>
      (name !== "boxes" || this.panes.some((pane) => pane.view.boxes.length)) &&
      ((name !== "alone" && name !== "link") || this.panes.length > 1);
    const act = (/** @type {string} */ name) => this.act(name);
    const use = (/** @type {string} */ name) => this.use(/** @type {import("./tools.js").Tool} */ (name));
    this.bar.replaceChildren(
      group(this.tools, use), group(ACTIONS.filter(offered), act, this.menu.button),
      ...(this.extra ? [this.extra] : []),
    );
    this.menu.sheet.firstElementChild?.replaceChildren(group([...ZOOMS, ...MORE.filter(offered)], act));
    this.#press();
  }

  /** In the order in which they stand in the bar. */
  get tools() {
    return [...TOOLS, ...this.measuring.tools, ...this.editors.slice(0, -1).flatMap(({ tools }) => tools)];
  }

  #press() {
    const { active } = this;
    /** @type {Record<string, boolean>} */
    const on = {
      invert: active?.windowing.inverted ?? false, boxes: this.boxesShown, alone: this.only !== null, link: this.linked,
      shutter: Boolean(active?.shutter), mirror: active?.mirrored ?? false,
    };
    for (const [tool] of this.tools) on[tool] = tool === this.tool;
    for (const button of this.element.querySelectorAll("[data-tool]")) {
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
    /** @type {Record<string, () => unknown>} */
    const acts = {
      invert: () => pane.windowing.invert(),
      reset: () => this.#window(0),
      fit: () => pane.fit(),
      one: () => pane.oneToOne(),
      in: () => pane.zoom(1.25),
      out: () => pane.zoom(0.8),
      boxes: () => this.showBoxes(!this.boxesShown),
      alone: () => this.panes.length > 1 && this.#alone(this.only === null ? pane : null),
      left: () => pane.turn(-1),
      right: () => pane.turn(1),
      mirror: () => pane.mirror(),
      upset: () => (pane.mirror(), pane.turn(2)),
      shutter: () => pane.shut() || say(t("This picture has no white border.")),
      link: () => this.panes.length > 1 && (this.linked = !this.linked),
      next: () => this.#window((this.windows.get(pane) ?? 0) + 1),
    };
    acts[name]?.();
    this.draw(pane);
    this.#press();
  }

  /**
   * Put the active picture into one of its windows.
   * @param {number} index round and round
   */
  #window(index) {
    const pane = this.active;
    if (!pane) return;
    const offered = windows(pane.view.window);
    const [, chosen] = offered[index % offered.length];
    if (index === 0) pane.windowing.reset();
    else pane.choose(chosen);
    this.windows.set(pane, index % offered.length);
    this.#offer(pane);
    this.draw(pane);
  }

  /** @param {Pane} pane */
  #offer(pane) {
    this.menu.offer(windows(pane.view.window).map(([name]) => name), this.windows.get(pane) ?? 0);
  }

  /**
   * Where one view is shown alone, show the next one, or the one before.
   * @param {number} by
   */
  step(by) {
    if (!this.only) return;
    const at = this.panes.indexOf(this.only) + by;
    const next = this.panes[(at + this.panes.length) % this.panes.length];
    this.activate(next);
    this.#alone(next);
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
    if (this.active !== pane) this.#offer(pane);
    this.active = pane;
    for (const each of this.panes) each.frame.classList.toggle("active", each === pane && this.panes.length > 1);
    this.#press();
  }

  #layout() {
    for (const pane of this.panes) if (!pane.frame.hidden && pane.measure()) this.#later(pane);
  }

  /**
   * Draw the pane in hand; what shows the same picture follows it, and where views are linked, all do.
   * @param {Pane} pane
   */
  draw(pane) {
    for (const each of this.panes) {
      if (each === pane || pane !== this.active || (each.view.number !== pane.view.number && !this.linked)) continue;
      each.join(pane);
      this.#later(each);
    }
    this.#later(pane);
  }

  /** @param {Pane} pane is drawn with the next frame */
  #later(pane) {
    if (pane.drawing) return;
    pane.drawing = requestAnimationFrame(() => {
      pane.drawing = 0;
      pane.draw();
      pane.facts.textContent = told(pane);
    });
  }

  // --- the reader's box and the model's heat map --------------------------------------------------------------------

  /** The drawn box as it is sent, or null. */
  get box() {
    return this.measuring.box;
  }

  set box(box) {
    this.measuring.box = box;
    this.overlay();
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
      if (note) note.textContent = maps && !pane.heat ? t("no heat map of this view") : "";
      pane.drawOverlay();
    }
  }

  // --- keyboard -----------------------------------------------------------------------------------------------------

  /**
   * Take a key press that is no field's; true when it was one of the viewer's.
   * @param {KeyboardEvent} event
   */
  key(event) {
    const focused = this.panes.some((pane) => pane.frame === document.activeElement);
    if (this.editors.some((editor) => editor.key(event, this.active, focused))) return true;
    const key = pressed(event) === "=" ? "+" : pressed(event);
    const tool = this.tools.find(([, , its]) => its === key);
    const action = [...ZOOMS, ...ACTIONS, ...MORE].find(([, , its]) => its === key);
    if (tool) this.use(/** @type {import("./tools.js").Tool} */ (tool[0]));
    else if (action) this.act(action[0]);
    else if (/^(shift\+)?arrow/.test(key) && focused) this.#arrow(event);
    else return false;
    return true;
  }

  /**
   * Arrows move the picture; with Shift they change the window.
   * @param {KeyboardEvent} event
   */
  #arrow(event) {
    const pane = this.active;
    const step = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] }[event.key.toLowerCase()];
    if (!pane || !step) return;
    if (event.shiftKey) pane.windowing.change(step[1] * 0.02, step[0] * 0.06);
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
