// The model's advice, in the aided arm only. The server sends it when it is asked for, is told when it is on the screen,
// and keeps a record of both.

import { h } from "./dom.js";
import { persist, post } from "./api.js";
import { t } from "./language.js";
import { ended } from "./scope.js";
import { painted } from "./viewer.js";

/**
 * @typedef {import("./types.js").Case} Case
 * @typedef {import("./types.js").Question} Question
 * @typedef {{
 *   asked: () => void, onScreen: (at: number) => void, refused: (error: unknown) => void,
 *   present: (signal: AbortSignal) => Promise<void>
 * }} Ears told when advice is asked for, when it is on the screen and known to be, and when it is refused; `present`
 *   resolves when the reader can see the page
 */

export class Advice {
  /**
   * @param {Question} question
   * @param {import("./heatbar.js").HeatBar | null} heat
   * @param {Ears} ears
   */
  constructor(question, heat, ears) {
    this.question = question;
    this.heat = heat;
    this.ears = ears;
    /** @type {{ case: Case, signal: AbortSignal } | null} */
    this.here = null;
    this.wanted = false;
    this.arm = h("p", { class: "arm" });
    this.content = h("div", { class: "advice", role: "group", "aria-label": t("The model's advice"), hidden: true });
    // the same place in both arms: no arm's question stands elsewhere, or is harder to reach
    this.element = h("section", { class: "slot", "aria-label": t("Advice") }, this.arm, this.content);
  }

  /** Take everything of the model off the page: before another case is shown, so that no advice meets a wrong picture. */
  clear() {
    this.here = null;
    this.wanted = false;
    this.arm.textContent = "";
    this.arm.classList.remove("aided");
    this.content.hidden = true;
    this.content.replaceChildren();
    this.heat?.clear();
  }

  /**
   * Say which arm a case is read in.
   * @param {Case} shown
   */
  describe(shown) {
    const turn = shown.steps > 1 ? (shown.step === 1 ? t("First reading") : t("Second reading")) : "";
    this.arm.textContent = [turn, shown.aided ? t("With the model's advice") : t("Without advice")].filter(Boolean).join(" · ");
    this.arm.classList.toggle("aided", shown.aided);
    this.content.hidden = !shown.aided;
  }

  /**
   * Offer what a case allows, once its pictures are on the screen.
   * @param {Case} shown
   * @param {AbortSignal} signal
   */
  offer(shown, signal) {
    this.here = { case: shown, signal };
    if (!shown.aided || this.#atOnce(shown)) return;
    const button = h("button", { type: "button", class: "wide", onclick: () => void this.show() }, t("Show the model's advice"), " ", h("kbd", {}, "A"));
    this.content.replaceChildren(button);
  }

  /** Show the advice unasked, where the study does or the reader has seen it before. */
  async begin() {
    if (this.here && this.#atOnce(this.here.case)) await this.show();
  }

  /** @param {Case} shown */
  #atOnce(shown) {
    return this.question.advice === "shown" || shown.advised;
  }

  async show() {
    if (!this.here?.case.aided || this.wanted) return;
    const { case: shown, signal } = this.here;
    this.wanted = true;
    this.ears.asked();
    try {
      const told = await persist(() => post(`cases/${shown.position}/advice`, undefined, signal), signal, t("The model's advice cannot be loaded. Trying again …"));
      await this.ears.present(signal);
      this.#tell(told);
      await painted();
      await persist(() => post(`cases/${shown.position}/advised`, undefined, signal), signal);
      if (signal.aborted) return;
      this.heat?.open(shown, signal);
      this.ears.onScreen(performance.now());
    } catch (error) {
      if (!ended(error)) this.ears.refused(error);
    }
  }

  /** @param {import("./types.js").Advice} advice */
  #tell({ probability, threshold, positive }) {
    const [no, yes] = this.question.answers.map((answer) => t(answer));
    /** @param {number | null} share */
    const percent = (share) => `${Math.round(100 * (share ?? 0))} %`;
    const bar = h("div", { class: "gauge", "aria-hidden": "true" }, h("i", { class: "level" }), h("i", { class: "mark" }));
    bar.style.setProperty("--level", `${100 * (probability ?? 0)}%`);
    bar.style.setProperty("--mark", `${100 * (threshold ?? 0)}%`);
    this.content.replaceChildren(
      h("p", { class: "verdict" }, h("strong", {}, percent(probability)), h("span", {}, t("probability of {answer}", { answer: yes }))),
      bar,
      h("p", { class: "cut" }, positive ? t("Above its cut-off of {threshold}:", { threshold: percent(threshold) }) : t("Below its cut-off of {threshold}:", { threshold: percent(threshold) }), " ", h("b", {}, positive ? yes : no)),
    );
  }

  /**
   * Do what a key means; false where it is not the advice's.
   * @param {import("./keys.js").Act} act
   */
  act(act) {
    if (!this.here?.case.aided) return false;
    if (act === "advice") void this.show();
    else if (act === "heat" && this.heat?.ready) this.heat.toggle();
    else return false;
    return true;
  }
}
