// The tools of the light box: one table, from which the bar, the keys and the help are made.

import { h, icon } from "./dom.js";
import { mark, t } from "./language.js";

/** @typedef {"window" | "pan" | "magnifier" | "ruler" | "angle" | "box" | "polygon"} Tool the last ones draw */
/** @typedef {[name: string, text: string, key: string, path: string | null]} Entry */

/** @type {Entry[]} */
export const TOOLS = [
  ["window", mark("Window"), "w", "M12 3a9 9 0 1 0 0 18zM12 3v18M12 3a9 9 0 0 1 0 18"],
  ["pan", mark("Move"), "m", "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3"],
  ["magnifier", mark("Magnify"), "z", "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21"],
];
/** @type {Record<string, Entry>} */
export const DRAWN = {
  ruler: ["ruler", mark("Measure"), "l", "M3 17L17 3l4 4L7 21zM8 12l2 2M11 9l2 2M14 6l2 2"],
  angle: ["angle", mark("Angle"), "e", "M20 20H4L16 5M11 20a8 8 0 0 0-2.5-5.6"],
  box: ["box", mark("Draw box"), "d", "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 12h6M12 9v6"],
};
/** @type {Entry[]} */
export const ZOOMS = [
  ["out", mark("Smaller"), "-", "M5 12h14"],
  ["in", mark("Larger"), "+", "M5 12h14M12 5v14"],
];
/** @type {Entry[]} */
export const ACTIONS = [
  ["invert", mark("Invert"), "i", "M4 4h16v16H4zM4 20L20 4v16z"],
  ["reset", mark("Reset"), "r", "M5 5v5h5M5.5 10a7.5 7.5 0 1 1-1 5"],
  ["fit", mark("Fit"), "f", "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
  ["one", mark("Full size"), "o", null],
  ["boxes", mark("Lesion"), "b", "M6 6h12v12H6z"],
  ["alone", mark("One view"), "v", "M4 5h7v14H4zM13 5h7v14h-7z"],
];
/** @type {Entry[]} behind "More" */
export const MORE = [
  ["left", mark("Turn left"), "shift+l", "M4 9h11a5 5 0 0 1 5 5v5M4 9l4-4M4 9l4 4"],
  ["right", mark("Turn right"), "shift+r", "M20 9H9a5 5 0 0 0-5 5v5M20 9l-4-4M20 9l-4 4"],
  ["mirror", mark("Mirror"), "shift+f", "M12 3v18M9 7L4 17h5zM15 7l5 10h-5z"],
  ["upset", mark("Upside down"), "shift+v", "M3 12h18M7 9L17 4v5zM7 15l10 5v-5z"],
  ["shutter", mark("Shutter"), "q", "M3 3h18v18H3zM8 7h8v10H8zM3 3l5 4M21 3l-5 4M3 21l5-4M21 21l-5-4"],
  ["link", mark("Link views"), "j", "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1"],
  ["next", mark("Next window"), "shift+w", "M4 6h10v12H4zM18 8l3 4-3 4"],
];

/** Keys of the viewer that have no button. @type {[shown: string, text: string][]} */
const OTHERS = [
  [mark("Delete"), mark("delete the ruler, angle or box that is chosen, or drawn last")],
  [mark("Ctrl Z, Ctrl Y"), mark("undo, redo")],
  [mark("Arrows"), mark("with a picture in focus: move it; with Shift: window; with a drawing tool: draw, with Alt: shift")],
];

/**
 * All keys of the viewer, to be looked up.
 * @param {Entry[]} tools
 * @returns {[shown: string, text: string][]}
 */
export function keysOf(tools) {
  const buttons = [...tools, ...ZOOMS, ...ACTIONS, ...MORE];
  return [...buttons.map(([, text, key]) => /** @type {[string, string]} */ ([shown(key), t(text)])), ...OTHERS.map(([keys, text]) => /** @type {[string, string]} */ ([t(keys), t(text)]))];
}

/**
 * How a key press is written in these tables: letters with what is held beside them, signs as they are typed.
 * @param {KeyboardEvent} event
 */
export function pressed(event) {
  const key = event.key.toLowerCase();
  const held = [
    (event.ctrlKey || event.metaKey) && "ctrl",
    event.altKey && "alt",
    event.shiftKey && (key.length > 1 || key !== event.key) && "shift",
  ];
  return [...held, key].filter(Boolean).join("+");
}

/**
 * A key as a person reads it.
 * @param {string} key
 */
export function shown(key) {
  return key.length === 1 ? key.toUpperCase() : key.split("+").map((part) => part[0].toUpperCase() + part.slice(1)).join(" ");
}

/**
 * A group of buttons of the bar.
 * @param {Entry[]} entries
 * @param {(name: string) => void} press
 * @param {...HTMLElement} more
 */
export function group(entries, press, ...more) {
  return h("div", { class: "group" }, entries.map((entry) => toolButton(entry, () => press(entry[0]))), more);
}

/**
 * @param {Entry} entry
 * @param {() => void} onclick
 */
export function toolButton([name, english, key, path], onclick) {
  const text = t(english);
  return h(
    "button",
    { type: "button", class: "tool", title: `${text} (${shown(key)})`, "aria-label": text, "aria-keyshortcuts": key.replace(/^\w/, (letter) => letter.toUpperCase()), "data-tool": name, onclick },
    path ? icon(path) : h("span", { class: "icon-text", "aria-hidden": "true" }, "1:1"),
    h("span", { class: "caption", "aria-hidden": "true" }, text),
  );
}
