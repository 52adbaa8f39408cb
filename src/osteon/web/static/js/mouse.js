// What the mouse does, as the reader's own viewer has taught them; kept in this browser.

/**
 * @typedef {"tool" | "pan" | "zoom" | "window"} Drag `tool` is what is in hand
 * @typedef {object} Mouse
 * @property {string} name
 * @property {[Drag, Drag, Drag]} buttons left, middle, right
 * @property {Partial<Record<"shift" | "alt" | "ctrl", Drag>>} held the left button with a key
 * @property {"zoom" | "views"} wheel zooms, or goes from view to view
 * @property {"fit" | "alone"} double shows the whole picture, or one view alone
 */

/** @type {Record<string, Mouse>} */
export const MICE = {
  pacs: { name: "PACS", buttons: ["tool", "pan", "zoom"], held: { shift: "pan", alt: "window" }, wheel: "zoom", double: "fit" },
  ohif: { name: "OHIF", buttons: ["tool", "pan", "zoom"], held: {}, wheel: "views", double: "alone" },
  horos: { name: "Horos", buttons: ["tool", "pan", "zoom"], held: { ctrl: "pan", shift: "zoom", alt: "window" }, wheel: "views", double: "alone" },
};
const KEPT = "osteon-mouse";

/** @returns {Mouse} */
export function mouse() {
  return MICE[chosen()];
}

/** The name of the mouse that is chosen. */
export function chosen() {
  try {
    const name = localStorage.getItem(KEPT) ?? "";
    return name in MICE ? name : "pacs";
  } catch {
    return "pacs"; // a browser that keeps nothing
  }
}

/** @param {string} name */
export function choose(name) {
  try {
    localStorage.setItem(KEPT, name);
  } catch {
    // a browser that keeps nothing
  }
}

/**
 * What a press begins.
 * @param {Mouse} habits
 * @param {{ button: number, shiftKey: boolean, altKey: boolean, ctrlKey: boolean, metaKey: boolean }} event
 * @returns {Drag}
 */
export function begun({ buttons, held }, { button, shiftKey, altKey, ctrlKey, metaKey }) {
  if (button > 0) return buttons[button] ?? "pan";
  const key = shiftKey ? "shift" : altKey ? "alt" : ctrlKey || metaKey ? "ctrl" : null;
  return (key && held[key]) ?? buttons[0];
}
