// What the keys do, for the reader to look up.

import { h } from "./dom.js";

/** @type {[string, string][]} */
const HELP = [
  ["N / Y", "the first or the second answer"],
  ["0 – 9", "confidence in tens (1 – 5 on the short scale); comma and full stop move it"],
  ["Enter", "save and go on"],
  ["K", "keep the answer given before the advice"],
  ["C", "change an answer that is stored"],
  ["[ / ]", "the case before, the case after"],
  ["A / H", "the model's advice, its heat map (where there is advice)"],
  ["W, M, L, D", "tools: window, move, measure, draw box; Delete removes"],
  ["I, R", "invert, reset the window"],
  ["F, O, + / −", "fit, 1:1, zoom"],
  ["B, V", "the lesion's box, one view or all"],
  ["Arrows", "with a picture in focus: move it; with Shift: window; with a drawing tool: draw, with Alt: shift"],
  ["P", "pause"],
];

export function help() {
  return h("dialog", { class: "help" },
    h("h2", {}, "Keys"),
    h("dl", {}, HELP.map(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)])),
    h("p", { class: "quiet" }, "Mouse: drag for the window, wheel to zoom, right button or Shift to move. Touch: one finger for the tool, two to move and zoom."),
    h("form", { method: "dialog" }, h("button", { class: "primary" }, "Close")),
  );
}

/**
 * Keys that mean nothing to a slider go to the room.
 * @param {KeyboardEvent} event
 */
export function loose(event) {
  return event.target instanceof HTMLInputElement && event.target.type === "range" && !/^(arrow|page|home|end|tab| )/i.test(event.key);
}
