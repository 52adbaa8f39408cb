// What stands behind "More": the picture's windows, turns, the shutter, and what the mouse does.

import { h, icon } from "./dom.js";
import { t } from "./language.js";
import { MICE, choose as keep, chosen } from "./mouse.js";

/**
 * @typedef {import("./windowing.js").Base} Base
 * @typedef {import("./windowing.js").Preset} Preset
 */

const DOTS = "M5 11a1 1 0 1 0 0 2 1 1 0 0 0 0-2zM12 11a1 1 0 1 0 0 2 1 1 0 0 0 0-2zM19 11a1 1 0 1 0 0 2 1 1 0 0 0 0-2z";

/**
 * The windows of a picture: its own by centre and width as the file writes them, then those from its values.
 * @param {import("./types.js").Window} usual
 * @returns {[name: string, window: Base | Preset][]}
 */
export function windows(usual) {
  /** @type {(window: Base, number: number) => [string, Base]} */
  const own = (window, number) => {
    const name = number ? t("Window {number} of the file", { number: number + 1 }) : t("As opened");
    const { centre, width } = window;
    return [centre === null || width === null ? name : `${name}: C ${round(centre)}, W ${round(width)}`, window];
  };
  return [...[usual, ...usual.others].map(own), [t("Bone"), "bone"], [t("Soft tissue"), "soft"], [t("All values"), "all"]];
}

/** @param {number} value */
const round = (value) => Number(value.toPrecision(5));

export class Menu {
  /**
   * @param {Element} buttons
   * @param {(index: number) => void} choose told which of the windows is wanted
   */
  constructor(buttons, choose) {
    this.windows = h("select", { onchange: () => choose(this.windows.selectedIndex) });
    const does = h("p", { class: "quiet" }, mouseTold());
    const mice = h("select", { onchange: () => (keep(mice.value), does.replaceChildren(mouseTold())) },
      Object.entries(MICE).map(([id, { name }]) => h("option", { value: id, selected: id === chosen() }, name)));
    this.sheet = h("div", { class: "menu", popover: "auto", id: "more-tools" },
      buttons, h("label", {}, t("Window"), this.windows), h("label", {}, t("Mouse as in"), mice), does);
    this.button = h("button", { type: "button", class: "tool", "aria-label": t("More"), "data-tool": "more", popovertarget: "more-tools" },
      icon(DOTS), h("span", { class: "caption", "aria-hidden": "true" }, t("More")));
  }

  /**
   * Offer the windows of another picture.
   * @param {string[]} names
   * @param {number} index which was chosen last
   */
  offer(names, index) {
    this.windows.replaceChildren(...names.map((name) => h("option", {}, name)));
    this.windows.selectedIndex = index;
  }
}

/** What the mouse does, in a sentence each. */
export function mouseTold() {
  const { held, wheel, double } = MICE[chosen()];
  const drags = { tool: t("the tool"), pan: t("moves"), zoom: t("zooms"), window: t("changes the window") };
  const names = { shift: t("Shift"), alt: t("Alt"), ctrl: t("Ctrl or Cmd") };
  const keys = Object.entries(held).map(([key, drag]) => `${names[/** @type {keyof names} */ (key)]}: ${drags[drag]}`);
  return [
    t("Left button: the tool in hand. Middle: moves. Right: zooms."),
    keys.length ? t("Left button with a key held: {keys}.", { keys: keys.join(", ") }) : "",
    wheel === "zoom" ? t("Wheel: zooms.") : t("Wheel: the next view; with Ctrl it zooms."),
    double === "fit" ? t("Double-click: fits the picture.") : t("Double-click: one view alone, or all."),
  ].filter(Boolean).join(" ");
}
