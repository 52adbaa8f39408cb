// Mouse, touch and wheel on one picture.

import { begun, mouse } from "./mouse.js";

/**
 * @typedef {import("./pane.js").Pane} Pane
 * @typedef {import("./placing.js").Point} Point
 * @typedef {import("./mouse.js").Drag} Drag
 * @typedef {import("./viewer.js").Editor} Editor
 */

/** A finger hides what is under it: CSS pixels by which the magnifier is above it. */
const ABOVE = 90;

/**
 * @param {Pane} pane
 * @param {import("./viewer.js").Viewer} viewer
 */
export function gestures(pane, viewer) {
  const { frame } = pane;
  /** @type {Map<number, Point>} */
  const pointers = new Map();
  /** @type {Editor | null} whose press it is */
  let editor = null;
  /** @type {Drag} */
  let drag = "tool";
  /** @type {Point} where the press began */
  let origin = [0, 0];
  const ratio = () => window.devicePixelRatio || 1;
  /** @type {(event: MouseEvent) => Point} */
  const at = (event) => {
    const box = frame.getBoundingClientRect();
    return [(event.clientX - box.left) * ratio(), (event.clientY - box.top) * ratio()];
  };
  /** @type {(event: PointerEvent) => void} */
  const magnify = (event) => {
    const [x, y] = at(event);
    pane.lens = [x, event.pointerType === "touch" ? y - ABOVE * ratio() : y];
  };
  const letGo = () => {
    editor?.cancel(pane);
    editor = null;
    pane.lens = null;
  };
  frame.addEventListener("pointerdown", (event) => {
    if (pointers.size > 1) return;
    if (event.button === 1) event.preventDefault(); // no scrolling by the middle button
    frame.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    viewer.activate(pane);
    if (pointers.size > 1) return letGo(); // a second finger: it was a pinch
    origin = at(event);
    drag = begun(mouse(), event);
    if (drag !== "tool") return;
    editor = viewer.editors.find((each) => each.down(pane, pane.toPicture(origin))) ?? null;
    if (!editor && viewer.tool === "magnifier") magnify(event);
    viewer.draw(pane);
  });
  frame.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    const now = at(event);
    if (!before) return void (frame.style.cursor = viewer.editors.map((each) => each.hover(pane, pane.toPicture(now))).find(Boolean) ?? "");
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    const does = drag === "tool" ? viewer.tool : drag;
    if (pointers.size === 2) pinch(pane, pointers, event.pointerId, now);
    else if (editor) editor.move(pane, pane.toPicture(now));
    else if (does === "magnifier") magnify(event);
    else if (does === "pan") pane.pan(dx, dy);
    else if (does === "zoom") pane.zoom(Math.exp((-4 * dy) / pane.size[1]), origin);
    else if (does === "window") pane.windowing.change(dy / pane.size[1], (dx / pane.size[0]) * 3);
    pointers.set(event.pointerId, now);
    viewer.draw(pane);
  });
  /** @param {PointerEvent} event */
  const lift = (event) => {
    pointers.delete(event.pointerId);
    pane.lens = null;
    editor?.up(pane);
    editor = null;
    pane.drawOverlay();
  };
  frame.addEventListener("pointerup", lift);
  frame.addEventListener("pointercancel", lift);
  frame.addEventListener("contextmenu", (event) => event.preventDefault());
  frame.addEventListener("dblclick", (event) => {
    if (!viewer.editors.some((each) => each.double(pane, pane.toPicture(at(event))))) viewer.act(mouse().double);
  });
  frame.addEventListener("focus", () => viewer.activate(pane));
  frame.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      // two fingers spread on a touchpad come as a wheel with Control
      if (mouse().wheel === "views" && !event.ctrlKey) return viewer.step(Math.sign(event.deltaY));
      viewer.activate(pane);
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
