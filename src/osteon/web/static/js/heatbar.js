// The heat map's switch, its strength, and what its colours mean. It takes its place in both arms, and shows in one.

import { h, say } from "./dom.js";
import { painted } from "./heat.js";
import { gradient } from "./heatcolours.js";
import { mark, t } from "./language.js";
import { heatmap } from "./pictures.js";
import { persist } from "./api.js";
import { ended } from "./scope.js";
import { toolButton } from "./tools.js";

const LAYERS = "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5";

export class HeatBar {
  /** @param {(maps: Map<number, import("./heat.js").Heat> | null, strength: number) => void} lay */
  constructor(lay) {
    this.lay = lay;
    /** @type {Map<number, import("./heat.js").Heat> | null} */
    this.maps = null;
    /** @type {{ case: import("./types.js").Case, signal: AbortSignal } | null} */
    this.here = null;
    this.on = false;
    this.button = toolButton(["heat", mark("Heat map"), "h", LAYERS], () => this.toggle());
    this.strength = h("input", { type: "range", min: 10, max: 100, value: 55, id: "strength", oninput: () => this.#draw() });
    const scale = h("i", { class: "scale-bar" });
    scale.style.background = gradient();
    this.controls = h("div", { class: "heat-controls" },
      h("label", { for: "strength", class: "caption" }, t("Opacity")), this.strength,
      h("span", { class: "caption legend" }, h("span", {}, t("little")), scale, h("span", {}, t("much"))),
    );
    const told = t("Where the model looked, from little to much. The dotted line is around the part of the picture that it saw.");
    this.none = h("p", { class: "caption none" }, t("No heat map of this case"));
    this.element = h("div", { class: "group heat absent", role: "group", "aria-label": `${t("Heat map")}: ${told}` }, this.button, this.controls, this.none);
    this.element.title = told;
    this.clear();
  }

  clear() {
    this.here = null;
    this.maps = null;
    this.on = false;
    this.element.classList.add("absent");
    this.#draw();
  }

  /** Whether there is something to switch. */
  get ready() {
    return Boolean(this.here?.case.views.some((view) => view.heatmap));
  }

  /**
   * Offer the maps of a case; the advice on it is on the screen.
   * @param {import("./types.js").Case} shown
   * @param {AbortSignal} signal
   */
  open(shown, signal) {
    this.here = { case: shown, signal };
    this.element.classList.remove("absent");
    this.#draw();
  }

  /** Lay the heat maps over the pictures, or take them away. */
  toggle() {
    if (!this.ready || !this.here) return;
    this.on = !this.on;
    this.#draw();
    if (this.on && !this.maps) void this.#load(this.here);
  }

  /** @param {{ case: import("./types.js").Case, signal: AbortSignal }} here */
  async #load({ case: shown, signal }) {
    const views = shown.views.filter((view) => view.heatmap);
    try {
      const found = await persist(() => Promise.all(views.map((view) => heatmap(shown.position, view, signal))), signal, t("The heat map cannot be loaded. Trying again …"));
      this.maps = new Map(views.map((view, index) => [view.number, painted(found[index])]));
    } catch (error) {
      if (ended(error)) return;
      this.on = false;
      say(t("The heat map could not be loaded."), "alarm");
    }
    this.#draw();
  }

  #draw() {
    this.button.setAttribute("aria-pressed", String(this.on));
    this.button.hidden = this.controls.hidden = !this.ready && this.here !== null;
    this.none.hidden = this.ready || this.here === null;
    this.lay(this.on ? this.maps : null, Number(this.strength.value) / 100);
  }
}
