// The tools of the light box, and the bar that offers them.

import { h, icon } from "./dom.js";

/** @typedef {"window" | "pan" | "ruler" | "box" | "polygon"} Tool the last one is an editor's */
/** @typedef {[name: string, text: string, key: string, path: string | null]} Entry */

/** @type {Entry[]} */
export const TOOLS = [
  ["window", "Window", "w", "M12 3a9 9 0 1 0 0 18zM12 3v18M12 3a9 9 0 0 1 0 18"],
  ["pan", "Move", "m", "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3"],
  ["ruler", "Measure", "l", "M3 17L17 3l4 4L7 21zM8 12l2 2M11 9l2 2M14 6l2 2"],
  ["box", "Draw box", "d", "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 12h6M12 9v6"],
];
/** @type {Entry[]} */
export const ACTIONS = [
  ["invert", "Invert", "i", "M4 4h16v16H4zM4 20L20 4v16z"],
  ["reset", "Reset", "r", "M5 5v5h5M5.5 10a7.5 7.5 0 1 1-1 5"],
  ["fit", "Fit", "f", "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
  ["one", "Full size", "o", null],
  ["boxes", "Lesion", "b", "M6 6h12v12H6z"],
  ["alone", "One view", "v", "M4 5h7v14H4zM13 5h7v14h-7z"],
];
/** @type {Entry[]} */
const ZOOMS = [
  ["out", "Smaller", "-", "M5 12h14"],
  ["in", "Larger", "+", "M5 12h14M12 5v14"],
];

/**
 * The groups of buttons of the bar.
 * @param {Entry[]} tools
 * @param {(name: string) => boolean} offered whether a tool or action makes sense now
 * @param {(tool: Tool) => void} use
 * @param {(action: string) => void} act
 */
export function groups(tools, offered, use, act) {
  /** @type {(entries: Entry[], pressed: (name: string) => void) => HTMLElement} */
  const group = (entries, pressed) =>
    h("div", { class: "group" }, entries.filter(([name]) => offered(name)).map((entry) => toolButton(entry, () => pressed(entry[0]))));
  return [group(tools, (name) => use(/** @type {Tool} */ (name))), group(ZOOMS, act), group(ACTIONS, act)];
}

/**
 * @param {Entry} entry
 * @param {() => void} onclick
 */
export function toolButton([name, text, key, path], onclick) {
  return h(
    "button",
    { type: "button", class: "tool", title: `${text} (${key.toUpperCase()})`, "aria-label": text, "aria-keyshortcuts": key, "data-tool": name, onclick },
    path ? icon(path) : h("span", { class: "icon-text", "aria-hidden": "true" }, "1:1"),
    h("span", { class: "caption", "aria-hidden": "true" }, text),
  );
}
