// Mouse, touch and wheel on one picture.

/**
 * @typedef {import("./pane.js").Pane} Pane
 * @typedef {import("./shapes.js").Shape} Shape
 * @typedef {import("./shapes.js").Point} Point
 * @typedef {{
 *   viewer: import("./viewer.js").Viewer, drawn: () => void, turn: (pane: Pane) => void
 * }} Hands the light box, and what it does when a box was drawn and when one picture is to fill it
 */

/**
 * @param {Pane} pane
 * @param {Hands} hands
 */
export function gestures(pane, { viewer, drawn, turn }) {
  const { frame } = pane;
  /** @type {Map<number, Point>} */
  const pointers = new Map();
  /** @type {Shape | null} */
  let shape = null;
  let edited = false;
  const { editor } = viewer;
  /** @type {(event: MouseEvent) => Point} */
  const at = (event) => {
    const box = frame.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  };
  frame.addEventListener("pointerdown", (event) => {
    if (pointers.size > 1) return;
    frame.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    viewer.activate(pane);
    const plain = event.button === 0 && !event.shiftKey && !event.altKey;
    if (pointers.size > 1 && edited) {
      editor?.cancel(pane); // a second finger: it was a pinch
      edited = false;
    } else if (editor && plain && editor.down(pane, pane.toPicture(at(event)))) edited = true;
    else if ((viewer.tool === "ruler" || viewer.tool === "box") && event.button === 0 && pointers.size === 1) {
      shape = viewer.start(pane, viewer.tool, pane.toPicture(at(event)));
      shape?.clamp(pane.view);
    } else if (pointers.size > 1 && shape) {
      pane.measures = pane.measures.filter((each) => each !== shape); // a second finger: it was a pinch
      shape = null;
    }
  });
  frame.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    const now = at(event);
    if (!before) return editor?.hover(pane, pane.toPicture(now));
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    if (pointers.size === 2) pinch(pane, pointers, event.pointerId, now);
    else if (edited) editor?.move(pane, pane.toPicture(now));
    else if (shape) {
      shape.end = pane.toPicture(now);
      shape.clamp(pane.view);
    } else if (viewer.tool === "pan" || event.buttons & 6 || event.shiftKey) pane.pan(dx, dy);
    else if (viewer.tool === "window" || event.altKey) pane.changeWindow(dy / pane.size[1], (dx / pane.size[0]) * 3);
    pointers.set(event.pointerId, now);
    viewer.draw(pane);
  });
  /** @param {PointerEvent} event */
  const lift = (event) => {
    pointers.delete(event.pointerId);
    if (edited) {
      edited = false;
      editor?.up(pane);
    }
    if (!shape) return;
    const [x0, y0, x1, y1] = shape.corners;
    if (Math.hypot(x1 - x0, y1 - y0) * pane.scale < 4) pane.measures = pane.measures.filter((each) => each !== shape);
    const { kind } = shape;
    shape = null;
    pane.drawOverlay();
    if (kind === "box") drawn();
  };
  frame.addEventListener("pointerup", lift);
  frame.addEventListener("pointercancel", lift);
  frame.addEventListener("contextmenu", (event) => event.preventDefault());
  frame.addEventListener("dblclick", (event) => editor?.double(pane, pane.toPicture(at(event))) || turn(pane));
  frame.addEventListener("focus", () => viewer.activate(pane));
  frame.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      pane.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), at(event));
      viewer.draw(pane);
    },
    { passive: false },
  );
}

/**
 * Two fingers: what was under them stays under them.
 * @param {Pane} pane
 * @param {Map<number, Point>} pointers
 * @param {number} moving
 * @param {Point} now
 */
function pinch(pane, pointers, moving, now) {
  const still = [...pointers].find(([id]) => id !== moving)?.[1];
  const before = pointers.get(moving);
  if (!still || !before) return;
  /** @type {Point} */
  const middle = [(still[0] + now[0]) / 2, (still[1] + now[1]) / 2];
  /** @type {(point: Point) => number} */
  const apart = (point) => Math.max(Math.hypot(point[0] - still[0], point[1] - still[1]), 1);
  pane.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  pane.zoom(apart(now) / apart(before), middle);
}
