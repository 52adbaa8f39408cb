// The room on the page: pictures, and beside them the question. Both arms, all steps: the same places.

import { h, icon } from "./dom.js";
import { t } from "./language.js";
import { languages } from "./speaking.js";

const PAUSE = "M8 5v14M16 5v14";

/** @typedef {import("./types.js").Me} Me */

export class Layout {
  /**
   * @param {Me} me
   * @param {{ viewer: Element, slot: Element, earlier: Element | null, form: Element, foot: Element }} parts
   * @param {{ backward: () => void, forward: () => void, overview: () => void, pause: () => void, resume: () => void, help: () => void }} acts
   */
  constructor({ stage, study, code }, parts, acts) {
    this.where = h("h1", { tabindex: "-1", "data-focus": true });
    this.progress = h("progress", { max: stage.cases, value: 0, "aria-label": t("Cases answered") });
    this.context = h("dl", { class: "context" });
    this.backward = h("button", { type: "button", class: "plain", onclick: acts.backward }, `← ${t("Back")}`);
    this.forward = h("button", { type: "button", class: "plain", onclick: acts.forward }, `${t("Forward")} →`);
    this.overview = h("button", { type: "button", class: "plain", hidden: stage.name !== "review", onclick: acts.overview }, t("All cases"));
    this.body = h("div", { class: "body", tabindex: "-1" }, this.context, parts.form);
    this.more = h("button", { type: "button", class: "more", hidden: true, tabindex: "-1", "aria-hidden": "true", onclick: () => this.body.scrollBy({ top: this.body.clientHeight * 0.8, behavior: "smooth" }) }, `${t("More below")} ↓`);
    this.curtain = h("dialog", { class: "curtain", oncancel: (/** @type {Event} */ event) => event.preventDefault() },
      h("h2", {}, t("Paused")),
      h("p", {}, t("The clock stands still. Everything is kept, also what you have begun: you may close this page and go on later, also at another machine, with the same link.")),
      h("button", { type: "button", class: "primary", onclick: acts.resume }, t("Go on")),
    );
    const round = stage.sessions > 1 ? t("Session {session} of {sessions}", { session: stage.session, sessions: stage.sessions }) : "";
    this.element = h("div", { class: "room" },
      h("header", { class: "top" },
        h("div", { class: "title" }, h("b", {}, study.title), study.synthetic && h("span", { class: "tag" }, t("synthetic pictures")), h("span", { class: "quiet" }, round)),
        h("div", { class: "where" }, this.where, this.progress),
        h("div", { class: "buttons" },
          languages(),
          h("span", { class: "quiet" }, t("Reader {reader}", { reader: code })),
          h("button", { type: "button", class: "plain", title: `${t("Keys")} (?)`, onclick: acts.help }, t("Keys")),
          h("button", { type: "button", class: "plain", title: `${t("Pause")} (P)`, onclick: acts.pause }, icon(PAUSE), t("Pause")),
        ),
      ),
      parts.viewer,
      h("aside", { class: "panel", "aria-label": t("Your reading") },
        parts.slot, parts.earlier, h("div", { class: "scrolled" }, this.body, this.more),
        h("div", { class: "foot" }, parts.foot, h("nav", { class: "row", "aria-label": t("Cases") }, this.backward, this.overview, this.forward)),
      ),
      this.curtain,
    );
    this.observer = new ResizeObserver(() => this.#hint());
    this.observer.observe(this.body);
    for (const part of this.body.children) this.observer.observe(part);
    this.body.addEventListener("scroll", () => this.#hint());
  }

  close() {
    this.observer.disconnect();
  }

  /** Say that there is more below, as long as there is. */
  #hint() {
    const { scrollTop, clientHeight, scrollHeight } = this.body;
    this.more.hidden = scrollTop + clientHeight >= scrollHeight - 4;
  }

  /**
   * Say which case this is.
   * @param {import("./types.js").Case} shown
   * @param {{ stage: import("./types.js").Stage, revise: boolean }} rules
   */
  describe(shown, { stage, revise }) {
    this.where.textContent = t("Case {position} of {cases}", { position: shown.position, cases: stage.cases });
    this.progress.value = stage.position - 1;
    this.context.replaceChildren(
      ...Object.entries(shown.context).map(([name, value]) => h("div", {}, h("dt", {}, t(name)), h("dd", {}, value))),
    );
    this.body.scrollTop = 0;
    this.backward.disabled = !revise || shown.position === 1;
    this.forward.disabled = shown.position >= Math.min(stage.position, stage.cases);
  }
}
