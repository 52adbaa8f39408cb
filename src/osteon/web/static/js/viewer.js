// The light box: all views of a case side by side, with tools for mouse, touch and keyboard.

import { h, icon } from "./dom.js";
import { Pane } from "./pane.js";
import { picture } from "./pictures.js";
import { Shape } from "./shapes.js";

const TOOLS = [
  ["window", "Window", "w", "M12 3a9 9 0 1 0 0 18zM12 3v18M12 3a9 9 0 0 1 0 18"],
  ["pan", "Move", "m", "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3"],
  ["ruler", "Measure", "l", "M3 17L17 3l4 4L7 21zM8 12l2 2M11 9l2 2M14 6l2 2"],
  ["box", "Draw box", "d", "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 12h6M12 9v6"],
];
const ACTIONS = [
  ["invert", "Invert", "i", "M4 4h16v16H4zM4 20L20 4v16z"],
  ["reset", "Reset", "r", "M5 5v5h5M5.5 10a7.5 7.5 0 1 1-1 5"],
  ["fit", "Fit", "f", "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
  ["one", "Full size", "o", null],
  ["boxes", "Lesion", "b", "M6 6h12v12H6z"],
  ["alone", "One view", "v", "M4 5h7v14H4zM13 5h7v14h-7z"],
];

export class Viewer {
  constructor() {
    this.panes = [];
    this.tool = "window";
    this.boxesShown = true;
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

  /**
   * Show the views of a case; resolves when every picture is on the screen, as sharp as its zoom asks for. What closer
   * looks need may come later; `failed` is told when it does not.
   */
  async open(shown, { mayDraw, failed }) {
    this.case = shown;
    this.mayDraw = mayDraw;
    this.tool = "window";
    this.alone = null;
    this.lightbox.dataset.count = Math.min(shown.views.length, 4);
    this.panes = shown.views.map((view) => this.#pane(view));
    this.lightbox.replaceChildren(...this.panes.map((pane) => pane.frame));
    this.active = this.panes[0];
    this.#toolbar();
    this.#layout();
    const closer = [];
    await Promise.all(
      this.panes.map(async (pane) => {
        const { soon, whole } = picture(shown.session, shown.position, pane.view);
        const show = (levels) => {
          pane.setPicture(levels);
          if (this.case !== shown) return;
          pane.frame.classList.remove("loading");
          this.#draw(pane);
        };
        show(await soon);
        if (!pane.sharp) show(await whole());
        else if (!pane.levels[0]) closer.push(() => whole().then(show));
      }),
    );
    // the picture is on the screen once the browser has painted the frame
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    Promise.all(closer.map((look) => look())).then(
      () => performance.mark("case-whole"),
      (error) => this.case === shown && failed(error),
    );
  }

  #pane(view) {
    const [canvas, overlay] = [h("canvas"), h("canvas", { class: "overlay" })];
    const facts = h("span", { class: "facts" });
    const name = `View ${view.number} of ${this.case.views.length}`;
    const frame = h(
      "div",
      { class: "pane loading", tabindex: "0", role: "img", "aria-label": `${name}. Arrow keys move, plus and minus zoom.` },
      canvas,
      overlay,
      this.case.views.length > 1 && h("span", { class: "name" }, name),
      facts,
    );
    const pane = Object.assign(new Pane(canvas, overlay, view), { frame, facts });
    pane.showBoxes = this.boxesShown;
    this.#gestures(pane);
    return pane;
  }

  // --- the tools --------------------------------------------------------------------------------------------------

  #toolbar() {
    const button = (name, text, key, path, attributes) =>
      h(
        "button",
        { type: "button", class: "tool", title: `${text} (${key.toUpperCase()})`, "aria-label": text, "aria-keyshortcuts": key, "data-tool": name, ...attributes },
        path ? icon(path) : h("span", { class: "icon-text", "aria-hidden": "true" }, "1:1"),
        h("span", { class: "caption", "aria-hidden": "true" }, text),
      );
    const tools = TOOLS.filter(([name]) => name !== "box" || this.mayDraw).map(([name, text, key, path]) =>
      button(name, text, key, path, { "aria-pressed": String(name === this.tool), onclick: () => this.use(name) }),
    );
    const actions = ACTIONS.filter(
      ([name]) =>
        (name !== "boxes" || this.case.views.some((view) => view.boxes.length)) &&
        (name !== "alone" || this.panes.length > 1),
    ).map(([name, text, key, path]) => button(name, text, key, path, { onclick: () => this.act(name) }));
    const zooms = [
      ["out", "Smaller", "-", "M5 12h14"],
      ["in", "Larger", "+", "M5 12h14M12 5v14"],
    ].map(([name, text, key, path]) => button(name, text, key, path, { onclick: () => this.act(name) }));
    this.bar.replaceChildren(h("div", { class: "group" }, tools), h("div", { class: "group" }, zooms), h("div", { class: "group" }, actions));
    this.#press();
  }

  #press() {
    const on = { invert: this.active.inverted, boxes: this.boxesShown, alone: this.alone !== null };
    for (const button of this.bar.querySelectorAll("[data-tool]")) {
      const name = button.dataset.tool;
      if (TOOLS.some(([tool]) => tool === name)) button.setAttribute("aria-pressed", String(name === this.tool));
      else if (name in on) button.setAttribute("aria-pressed", String(on[name]));
    }
    this.lightbox.dataset.tool = this.tool;
  }

  use(name) {
    if (name === "box" && !this.mayDraw) return;
    this.tool = name;
    this.#press();
  }

  act(name) {
    const pane = this.active;
    if (name === "invert") pane.invert();
    else if (name === "reset") pane.resetWindow();
    else if (name === "fit") pane.fit();
    else if (name === "one") pane.oneToOne();
    else if (name === "in") pane.zoom(1.25);
    else if (name === "out") pane.zoom(0.8);
    else if (name === "boxes") this.showBoxes(!this.boxesShown);
    else if (name === "alone") this.#alone(this.alone === null ? pane : null);
    this.#draw(pane);
    this.#press();
  }

  showBoxes(shown) {
    this.boxesShown = shown;
    for (const pane of this.panes) {
      pane.showBoxes = shown;
      pane.drawOverlay();
    }
  }

  #alone(pane) {
    this.alone = pane;
    for (const each of this.panes) each.frame.hidden = pane !== null && each !== pane;
    this.lightbox.dataset.count = pane ? 1 : Math.min(this.panes.length, 4);
    this.#layout();
  }

  #activate(pane) {
    this.active = pane;
    for (const each of this.panes) each.frame.classList.toggle("active", each === pane && this.panes.length > 1);
    this.#press();
  }

  #layout() {
    for (const pane of this.panes) if (!pane.frame.hidden && pane.measure()) this.#draw(pane);
  }

  #draw(pane) {
    if (pane.drawing) return;
    pane.drawing = requestAnimationFrame(() => {
      pane.drawing = 0;
      pane.draw();
      const zoom = Math.round((pane.scale / (window.devicePixelRatio || 1)) * 100);
      const [centre, width] = [(pane.low + pane.high) / 2, pane.high - pane.low];
      pane.facts.textContent = `${pane.sharp || !pane.levels ? "" : "sharpening …   "}${zoom} %   C ${Math.round(centre)}   W ${Math.round(width)}`;
    });
  }

  // --- the reader's box and the model's heat map --------------------------------------------------------------------

  /** The drawn box as it is sent, or null. */
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
    this.onbox(this.box);
  }

  /** Lay heat maps over the views, by number, or take them all away. */
  setHeat(maps) {
    for (const pane of this.panes) {
      pane.heat = maps?.get(pane.view.number) ?? null;
      pane.drawOverlay();
    }
  }

  #start(pane, kind, point) {
    const shape = new Shape(kind, point);
    const others = kind === "box" ? this.panes : [pane]; // one box a case, one ruler a picture
    for (const each of others) {
      each.measures = each.measures.filter((old) => old.kind !== kind);
      if (each !== pane) each.drawOverlay();
    }
    pane.measures.push(shape);
    return shape;
  }

  // --- mouse and touch ----------------------------------------------------------------------------------------------

  #gestures(pane) {
    const { frame } = pane;
    const pointers = new Map();
    let shape = null;
    const at = (event) => {
      const box = frame.getBoundingClientRect();
      const ratio = window.devicePixelRatio || 1;
      return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    };
    frame.addEventListener("pointerdown", (event) => {
      if (pointers.size > 1) return;
      frame.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, at(event));
      this.#activate(pane);
      const drawing = (this.tool === "ruler" || this.tool === "box") && event.button === 0 && pointers.size === 1;
      if (drawing) {
        shape = this.#start(pane, this.tool, pane.toPicture(at(event)));
        shape.clamp(pane.view);
      } else if (pointers.size > 1 && shape) {
        pane.measures = pane.measures.filter((each) => each !== shape); // a second finger: it was a pinch
        shape = null;
      }
    });
    frame.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = at(event);
      const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
      if (pointers.size === 2) pinch(pane, pointers, event.pointerId, now);
      else if (shape) {
        shape.end = pane.toPicture(now);
        shape.clamp(pane.view);
      } else if (this.tool === "pan" || event.buttons & 6 || event.shiftKey) pane.pan(dx, dy);
      else if (this.tool === "window") pane.changeWindow(dy / pane.size[1], (dx / pane.size[0]) * 3);
      pointers.set(event.pointerId, now);
      this.#draw(pane);
    });
    const lift = (event) => {
      pointers.delete(event.pointerId);
      if (!shape) return;
      const [x0, y0, x1, y1] = shape.corners;
      if (Math.hypot(x1 - x0, y1 - y0) * pane.scale < 4) pane.measures = pane.measures.filter((each) => each !== shape);
      shape = null;
      pane.drawOverlay();
      this.onbox(this.box);
    };
    frame.addEventListener("pointerup", lift);
    frame.addEventListener("pointercancel", lift);
    frame.addEventListener("contextmenu", (event) => event.preventDefault());
    frame.addEventListener("dblclick", () => this.panes.length > 1 && this.#alone(this.alone ? null : pane));
    frame.addEventListener("focus", () => this.#activate(pane));
    frame.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        pane.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), at(event));
        this.#draw(pane);
      },
      { passive: false },
    );
  }

  // --- keyboard -----------------------------------------------------------------------------------------------------

  /** Take a key press that is no field's; true when it was one of the viewer's. */
  key(event) {
    if (event.ctrlKey || event.metaKey) return false;
    const key = event.key.toLowerCase();
    const tool = TOOLS.find(([, , letter]) => letter === key);
    const action = ACTIONS.find(([, , letter]) => letter === key);
    if (tool && !event.altKey) this.use(tool[0]);
    else if (action && !event.altKey) this.act(action[0]);
    else if (key === "+" || key === "=") this.act("in");
    else if (key === "-") this.act("out");
    else if (key === "delete" || key === "backspace") this.#erase();
    else if (key.startsWith("arrow") && this.panes.some((pane) => pane.frame === document.activeElement)) this.#arrow(event);
    else return false;
    return true;
  }

  #erase() {
    const kind = this.tool === "box" ? "box" : "ruler";
    for (const pane of this.panes) {
      pane.measures = pane.measures.filter((shape) => shape.kind !== kind);
      pane.drawOverlay();
    }
    this.onbox(this.box);
  }

  /** Arrows move the picture; with Shift they change the window; with a drawing tool they draw (with Alt, move). */
  #arrow(event) {
    const pane = this.active;
    const step = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] }[event.key.toLowerCase()];
    if (this.tool === "ruler" || this.tool === "box") {
      const far = Math.max(pane.size[0], pane.size[1]) / pane.scale / (event.shiftKey ? 200 : 50);
      let shape = pane.measures.find((each) => each.kind === this.tool);
      if (!shape) {
        const middle = pane.toPicture(pane.size.map((side) => side / 2));
        shape = this.#start(pane, this.tool, middle);
        shape.end = [middle[0] + 4 * far, middle[1] + (this.tool === "box" ? 4 * far : 0)];
      }
      const moved = ([x, y]) => [x + step[0] * far, y + step[1] * far];
      shape.end = moved(shape.end);
      if (event.altKey) shape.start = moved(shape.start);
      shape.clamp(pane.view);
      this.onbox(this.box);
    } else if (event.shiftKey) pane.changeWindow(step[1] * 0.02, step[0] * 0.06);
    else pane.pan(-step[0] * 40, -step[1] * 40);
    this.#draw(pane);
  }
}

/** Two fingers: what was under them stays under them. */
function pinch(pane, pointers, moving, now) {
  const [, still] = [...pointers].find(([id]) => id !== moving);
  const before = pointers.get(moving);
  const middle = [(still[0] + now[0]) / 2, (still[1] + now[1]) / 2];
  const apart = (point) => Math.max(Math.hypot(point[0] - still[0], point[1] - still[1]), 1);
  pane.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  pane.zoom(apart(now) / apart(before), middle);
}
