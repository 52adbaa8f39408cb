// What the keys do: one table, from which they are bound and looked up.

import { h } from "../dom.js";
import { mouseTold } from "../menu.js";
import { keysOf, pressed } from "../tools.js";

/** @typedef {"status-none" | "status-unusable" | "save" | "back" | "forward" | "list" | "suggestions" | "history" | "help" | "escape"} Act */
/** @typedef {{ keys: string[], shown: string, says: string, act?: Act, adjudicator?: boolean }} Entry */

/** @type {Entry[]} */
export const KEYS = [
  { keys: ["d"], shown: "D", says: "draw boxes; drag in the picture" },
  { keys: ["g"], shown: "G", says: "draw outlines: press corner by corner, or hold and go round; Enter closes" },
  { keys: [], shown: "1 – 9", says: "label of the chosen lesion (the reason, on a case that is not usable)" },
  { keys: ["n"], shown: "N", says: "choose the next lesion" },
  { keys: [], shown: "Delete", says: "delete the chosen lesion" },
  { keys: ["s"], shown: "S", says: "take all suggested boxes", act: "suggestions" },
  { keys: ["x"], shown: "X", says: "no lesion", act: "status-none" },
  { keys: ["u"], shown: "U", says: "not usable", act: "status-unusable" },
  { keys: [], shown: "A, B, …", says: "take what annotator A, B, … drew", adjudicator: true },
  { keys: ["enter"], shown: "Enter", says: "save, and open the next case", act: "save" },
  { keys: ["["], shown: "[", says: "the case before", act: "back" },
  { keys: ["]"], shown: "]", says: "the case after", act: "forward" },
  { keys: ["t"], shown: "T", says: "the list of all cases", act: "list" },
  { keys: ["h"], shown: "H", says: "what you saved of this case before", act: "history" },
  { keys: ["escape"], shown: "Esc", says: "let go of the chosen lesion", act: "escape" },
  { keys: ["?"], shown: "?", says: "this list", act: "help" },
];

/**
 * What a key press means to the room.
 * @param {KeyboardEvent} event
 * @returns {Act | undefined}
 */
export function meant(event) {
  const key = pressed(event);
  return KEYS.find(({ keys, act }) => act && keys.includes(key))?.act;
}

/**
 * The help, as it is when it is opened.
 * @param {boolean} adjudicates
 * @param {string} instructions
 * @param {import("../tools.js").Entry[]} tools of the viewer
 */
export function help(adjudicates, instructions, tools) {
  const rows = KEYS.filter(({ adjudicator }) => !adjudicator || adjudicates).map(({ shown, says }) => [shown, says]);
  const dialog = h("dialog", { class: "help", onclose: () => dialog.remove() },
    h("h2", {}, "Help"),
    instructions && h("p", { class: "instructions" }, instructions),
    h("dl", {}, [...rows, ...keysOf(tools.filter(([, , key]) => !KEYS.some(({ keys }) => keys.includes(key))))].map(([key, says]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, says)])),
    h("p", { class: "quiet" }, mouseTold(), " Press an outline and pull its corners or sides; double-press a corner of an outline to take it away. Touch: one finger draws, two move and zoom."),
    h("form", { method: "dialog" }, h("button", { class: "primary" }, "Close")),
  );
  document.body.append(dialog);
  dialog.showModal();
}
