// What the keys do in the reading room: one table, from which they are bound and looked up.

import { h } from "./dom.js";
import { mark, t } from "./language.js";
import { mouseTold } from "./menu.js";
import { keysOf, pressed } from "./tools.js";

/**
 * @typedef {"negative" | "positive" | "confidence" | "less" | "more" | "save" | "keep" | "change" | "back" | "forward"
 *   | "advice" | "heat" | "pause" | "help"} Act
 * @typedef {{ keys: string[], shown: string, says: string, act: Act }} Entry
 */

/** @type {Entry[]} */
const KEYS = [
  { keys: ["n"], shown: "N", says: mark("the first answer"), act: "negative" },
  { keys: ["y"], shown: "Y", says: mark("the second answer"), act: "positive" },
  { keys: [..."0123456789"], shown: "0 – 9", says: mark("confidence in tens (1 – 5 on the short scale)"), act: "confidence" },
  { keys: [","], shown: ",", says: mark("less confident"), act: "less" },
  { keys: ["."], shown: ".", says: mark("more confident"), act: "more" },
  { keys: ["enter"], shown: "Enter", says: mark("save and go on"), act: "save" },
  { keys: ["k"], shown: "K", says: mark("keep the answer given before the advice"), act: "keep" },
  { keys: ["c"], shown: "C", says: mark("change an answer that is stored"), act: "change" },
  { keys: ["["], shown: "[", says: mark("the case before"), act: "back" },
  { keys: ["]"], shown: "]", says: mark("the case after"), act: "forward" },
  { keys: ["a"], shown: "A", says: mark("the model's advice (where there is advice)"), act: "advice" },
  { keys: ["h"], shown: "H", says: mark("the model's heat map (where there is advice)"), act: "heat" },
  { keys: ["p"], shown: "P", says: mark("pause"), act: "pause" },
  { keys: ["?"], shown: "?", says: mark("this list"), act: "help" },
];

/**
 * What a key press means to the room.
 * @param {KeyboardEvent} event
 * @returns {Act | undefined}
 */
export function meant(event) {
  const key = pressed(event);
  return KEYS.find(({ keys }) => keys.includes(key))?.act;
}

/**
 * The help, as it is when it is opened.
 * @param {import("./tools.js").Entry[]} tools of the viewer
 */
export function help(tools) {
  const dialog = h("dialog", { class: "help", onclose: () => dialog.remove() },
    h("h2", {}, t("Keys")),
    h("dl", {}, [...KEYS.map(({ shown, says }) => [shown, t(says)]), ...keysOf(tools)].map(([key, says]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, says)])),
    h("p", { class: "quiet" }, mouseTold(), " ", t("Touch: one finger for the tool, two to move and zoom.")),
    h("form", { method: "dialog" }, h("button", { class: "primary" }, t("Close"))),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Keys that mean nothing to a slider go to the room.
 * @param {KeyboardEvent} event
 */
export function loose(event) {
  return event.target instanceof HTMLInputElement && event.target.type === "range" && !/^(arrow|page|home|end|tab| )/i.test(event.key);
}
