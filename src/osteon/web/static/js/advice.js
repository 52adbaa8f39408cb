// The model's advice, in the aided arm only. The server sends it when it is asked for and keeps a record of that.

import { h, say } from "./dom.js";
import { post } from "./api.js";
import { heatmap } from "./pictures.js";
import { painted } from "./heat.js";

export class Advice {
  constructor(question, viewer) {
    this.question = question;
    this.viewer = viewer;
    this.element = h("section", { class: "advice", "aria-label": "The model's advice", hidden: true });
  }

  /** Take everything of the model off the page: before another case is shown, so that no advice meets a wrong picture. */
  clear() {
    this.case = null;
    this.maps = null;
    this.toggle = null;
    this.seen = false;
    this.element.hidden = true;
    this.element.replaceChildren();
    this.viewer.setHeat(null);
  }

  /** Offer what a case allows, once its pictures are on the screen. */
  async open(shown) {
    this.case = shown;
    this.element.hidden = !shown.aided;
    if (!shown.aided) return;
    if (this.question.advice === "shown") await this.show();
    else this.element.append(h("button", { type: "button", class: "wide", onclick: () => this.show() }, "Show the model's advice ", h("kbd", {}, "A")));
  }

  async show() {
    if (this.seen || !this.case?.aided) return;
    this.seen = true;
    const shown = this.case;
    const { probability, threshold, positive } = await post(`cases/${shown.position}/advice`);
    if (this.case !== shown) return;
    const [no, yes] = this.question.answers;
    const percent = (share) => `${Math.round(100 * share)} %`;
    const bar = h("div", { class: "gauge", "aria-hidden": "true" }, h("i", { class: "level" }), h("i", { class: "mark" }));
    bar.style.setProperty("--level", `${100 * probability}%`);
    bar.style.setProperty("--mark", `${100 * threshold}%`);
    this.toggle = shown.views.some((view) => view.heatmap)
      ? h("button", { type: "button", class: "wide", "aria-pressed": "false", onclick: () => this.heat() }, "Heat map ", h("kbd", {}, "H"))
      : null;
    this.element.replaceChildren(
      h("h2", {}, "The model's advice"),
      h("p", { class: "verdict" }, h("strong", {}, percent(probability)), h("span", {}, `probability of ${yes}`)),
      bar,
      h("p", { class: "cut" }, `${positive ? "Above" : "Below"} its cut-off of ${percent(threshold)}: `, h("b", {}, positive ? yes : no)),
      ...(this.toggle ? [this.toggle] : []),
    );
  }

  /** Lay the heat map over the pictures, or take it away. */
  async heat() {
    if (!this.toggle) return;
    const on = this.toggle.getAttribute("aria-pressed") !== "true";
    const shown = this.case;
    this.toggle.setAttribute("aria-pressed", String(on));
    if (on && !this.maps) {
      const views = shown.views.filter((view) => view.heatmap);
      try {
        const levels = await Promise.all(views.map((view) => heatmap(shown.position, view)));
        this.maps = new Map(views.map((view, index) => [view.number, painted(levels[index][0])]));
      } catch {
        this.toggle.setAttribute("aria-pressed", "false");
        say("The heat map could not be loaded.", "alarm");
        return;
      }
    }
    if (this.case === shown) this.viewer.setHeat(this.toggle.getAttribute("aria-pressed") === "true" ? this.maps : null);
  }

  key(event) {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey || !this.case?.aided) return false;
    if (key === "a") this.show();
    else if (key === "h" && this.seen) this.heat();
    else return false;
    return true;
  }
}
