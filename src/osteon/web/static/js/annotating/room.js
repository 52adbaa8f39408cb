// The annotation room: opens a case, keeps what is begun, saves it and goes on to the next one.

import { Refused, get, name, persist, post } from "../api.js";
import { h, say, show, typing } from "../dom.js";
import { Drafts } from "../drafts.js";
import { keepAround, picture } from "../pictures.js";
import { Scope, ended } from "../scope.js";
import { toolButton } from "../tools.js";
import { Viewer } from "../viewer.js";
import { Watch } from "../watch.js";
import { Editor } from "./editor.js";
import { help, meant } from "./keys.js";
import { Outlines } from "./outlines.js";
import { Panel } from "./panel.js";

/**
 * @typedef {import("./types.js").Me} Me
 * @typedef {import("./types.js").Case} Case
 * @typedef {import("./types.js").Task} Task
 */

/** Everything is in one session. */
const SESSION = 1;
/** States of cases that one is asked about. */
const TO_DO = ["open", "begun", "differ"];

export class AnnotationRoom {
  /**
   * @param {Me} me
   * @param {AbortSignal} signal of the screen
   * @param {{ list: (work: Task[]) => void, refused: (error: unknown) => void }} ears told when the work list is wanted, and
   *   when the server says no
   */
  constructor(me, signal, ears) {
    this.me = me;
    this.work = me.work;
    this.ears = ears;
    this.scope = new Scope(signal);
    this.caseScope = new Scope(this.scope.signal);
    /** @type {Case | null} */
    this.case = null;
    /** @type {Drafts | null} */
    this.drafts = null;
    this.saving = false;
    this.watch = new Watch();
    const { questions } = me;
    this.outlines = new Outlines(() => this.#changed());
    this.editor = new Editor(this.outlines, {
      kinds: questions.shapes,
      tool: () => this.viewer?.tool ?? "",
      mayDraw: () => this.case !== null && !this.saving,
      redraw: () => this.#redraw(),
      label: (lesion) => this.panel?.label(lesion) ?? "",
    });
    /** @type {Viewer} */
    this.viewer = new Viewer({ draws: false, mayDraw: () => false, editor: this.editor, extra: this.#buttons() });
    /** @type {Panel} */
    this.panel = new Panel(questions, this.outlines, {
      changed: () => this.#keep(),
      take: (letter) => this.take(letter),
      redraw: () => this.viewer.overlay(),
      view: () => this.viewer.active?.view.number ?? 1,
    });
    this.where = h("h1", { tabindex: "-1", "data-focus": true });
    this.progress = h("progress", { max: this.work.length, value: 0, "aria-label": "Cases done" });
    this.context = h("dl", { class: "context" });
    this.hint = h("p", { class: "hint", role: "status" });
    this.button = h("button", { type: "button", class: "primary wide", onclick: () => void this.save() }, "Save", h("kbd", {}, "Enter"));
    this.suggested = h("button", { type: "button", class: "wide", hidden: true, onclick: () => this.#suggestions() }, "Take all suggestions", h("kbd", {}, "S"));
    this.backward = h("button", { type: "button", class: "plain", onclick: () => void this.turn(-1) }, "← Back");
    this.forward = h("button", { type: "button", class: "plain", onclick: () => void this.turn(1) }, "Forward →");
    show(this.#page());
    const { signal: ends } = this.scope;
    document.addEventListener("keydown", (event) => this.#key(event), { signal: ends });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#away() : this.#back()), { signal: ends });
    window.addEventListener("pagehide", () => this.#away(), { signal: ends });
    window.addEventListener("pageshow", () => this.#back(), { signal: ends });
    ends.addEventListener("abort", () => {
      this.#away();
      this.viewer.close();
    }, { once: true });
  }

  /** Undo, redo and delete, for those without a keyboard. */
  #buttons() {
    /** @type {[string, string, string, string, () => boolean][]} */
    const acts = [
      ["undo", "Undo", "Control+Z", "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6", () => this.outlines.undo()],
      ["redo", "Redo", "Control+Y", "M15 7l5 5-5 5M20 12H10a6 6 0 0 0-6 6", () => this.outlines.redo()],
      ["delete", "Delete", "Delete", "M5 7h14M10 4h4M7 7l1 13h8l1-13", () => this.outlines.remove()],
    ];
    return h("div", { class: "group" }, acts.map(([id, text, keys, path, act]) =>
      toolButton([id, text, keys, path], () => this.case && !this.saving && act() && this.#redraw())));
  }

  #page() {
    const { study, code, adjudicates } = this.me;
    return h("div", { class: "room annotating" },
      h("header", { class: "top" },
        h("div", { class: "title" }, h("b", {}, study.title), adjudicates && h("span", { class: "tag" }, "adjudication")),
        h("div", { class: "where" }, this.where, this.progress),
        h("div", { class: "buttons" },
          h("span", { class: "quiet" }, `${adjudicates ? "Adjudicator" : "Annotator"} ${code}`),
          h("button", { type: "button", class: "plain", title: "Help (?)", onclick: () => this.#help() }, "Help"),
          h("button", { type: "button", class: "plain", title: "All cases (T)", onclick: () => void this.list() }, "All cases"),
        ),
      ),
      this.viewer.element,
      h("aside", { class: "panel", "aria-label": "Your annotation" },
        h("div", { class: "scrolled" }, h("div", { class: "body", tabindex: "-1" }, this.context, this.panel.element)),
        h("div", { class: "foot" }, this.hint, this.suggested, this.button, h("nav", { class: "row", "aria-label": "Cases" }, this.backward, this.forward)),
      ),
    );
  }

  // --- a case -------------------------------------------------------------------------------------------------------

  /** @param {number} position */
  async open(position) {
    this.#away();
    this.caseScope.close();
    this.caseScope = new Scope(this.scope.signal);
    const { signal } = this.caseScope;
    this.case = null;
    this.drafts = null;
    this.watch.clear();
    this.panel.close();
    this.outlines.open([]);
    this.editor.suggestions = [];
    this.editor.open = null;
    this.viewer.clear();
    this.hint.textContent = "";
    document.body.removeAttribute("data-case");
    try {
      /** @type {Case} */
      const shown = await persist(() => get(`cases/${position}`, signal), signal);
      const views = this.#panes(shown);
      for (const view of views) picture(SESSION, position, view, this.scope.signal); // on their way by now
      this.#describe(shown);
      await this.viewer.open({ session: SESSION, position, views }, signal, this.scope.signal);
      if (signal.aborted) return;
      this.viewer.use(this.me.questions.shapes[0]);
      const content = shown.draft ?? shown.saved;
      this.case = shown;
      this.editor.suggestions = shown.saved ? [] : shown.suggestions;
      this.editor.others = new Map(shown.others.map(({ letter, content: said }) => [letter, said.shapes]));
      this.outlines.open(content?.shapes ?? []);
      this.drafts = new Drafts(`cases/${position}/draft`, signal, (error) => this.#draftRefused(error));
      this.panel.open(shown, content);
      this.#redraw();
      if (!document.hidden) this.watch.start();
      document.body.dataset.case = String(position);
      this.#ahead().catch(() => {}); // what cannot be fetched ahead of time is fetched in time
    } catch (error) {
      this.#no(error);
    }
  }

  /**
   * The pictures side by side; for the adjudicator each once an annotator.
   * @param {Case} shown
   * @returns {import("../pane.js").View[]}
   */
  #panes(shown) {
    const views = shown.views.map((view) => ({ ...view, boxes: [], heatmap: null }));
    if (!shown.others.length) return views;
    return views.flatMap((view) =>
      shown.others.map(({ letter }) => ({ ...view, owner: letter, caption: [`Annotator ${letter}`, views.length > 1 && `picture ${view.number}`, view.name].filter(Boolean).join(", ") })));
  }

  /** @param {Case} shown */
  #describe(shown) {
    const done = this.work.filter(({ state }) => state === "done").length;
    this.where.textContent = `Case ${shown.position} of ${this.work.length}`;
    this.progress.value = done;
    this.context.replaceChildren(...Object.entries(shown.context).map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value))));
    this.backward.disabled = this.#beside(-1) === undefined;
    this.forward.disabled = this.#beside(1) === undefined;
  }

  /**
   * The case before or after this one; for the adjudicator, that there is something to decide about.
   * @param {number} step
   */
  #beside(step) {
    const here = this.work.findIndex(({ position }) => position === this.#position);
    for (let at = here + step; at >= 0 && at < this.work.length; at += step) {
      if (!["waiting", "agreed"].includes(this.work[at].state)) return this.work[at].position;
    }
    return undefined;
  }

  get #position() {
    return Number(/\d+/.exec(this.where.textContent ?? "")?.[0] ?? 1);
  }

  async #ahead() {
    keepAround(SESSION, this.#position);
    const next = this.#beside(1);
    if (next === undefined) return;
    const { signal } = this.scope;
    /** @type {import("../types.js").ViewSize[]} */
    const views = await get(`cases/${next}/views`, signal);
    await Promise.allSettled(views.map((view) => picture(SESSION, next, view, signal).whole()));
  }

  /** @param {number} step -1 for the case before, 1 for the case after */
  async turn(step) {
    const to = this.#beside(step);
    if (to === undefined || this.saving) return;
    await this.drafts?.flush(); // what was begun is kept before it leaves the screen
    if (!this.scope.closed) await this.open(to);
  }

  async list() {
    await this.drafts?.flush();
    if (this.scope.closed) return;
    try {
      /** @type {import("./types.js").Whereabouts} */
      const { work } = await persist(() => get("work", this.scope.signal), this.scope.signal);
      this.ears.list(work);
    } catch (error) {
      this.#no(error);
    }
  }

  // --- what is said ---------------------------------------------------------------------------------------------------

  #changed() {
    this.panel.said = this.outlines.shapes.length ? null : this.panel.said;
    this.#keep();
    this.panel.draw();
  }

  #keep() {
    if (!this.case) return;
    const empty = !this.panel.begun && !this.case.saved;
    this.drafts?.change(empty ? { content: {}, revises: this.case.revision } : { content: this.panel.content, revises: this.case.revision });
    this.#tell();
  }

  #redraw() {
    this.viewer?.overlay();
    this.panel?.draw();
    this.#tell();
  }

  #tell() {
    if (!this.case) return;
    this.hint.textContent = this.panel.missing;
    this.suggested.hidden = !this.editor.waiting.length;
  }

  /** @param {string} letter */
  take(letter) {
    const other = this.case?.others.find((each) => each.letter === letter);
    if (!other || !this.case) return false;
    this.outlines.replace(other.content.shapes);
    this.panel.open(this.case, other.content);
    this.#keep();
    this.#redraw();
    return true;
  }

  #suggestions() {
    const { waiting } = this.editor;
    for (const one of waiting) this.editor.accept(one);
    return waiting.length > 0;
  }

  async save() {
    if (!this.case || this.saving) return;
    const { missing } = this.panel;
    if (missing) return say(missing, "alarm");
    const { position, revision } = this.case;
    const { signal } = this.caseScope;
    const seconds = this.watch.stop();
    this.saving = true;
    try {
      this.drafts?.stop();
      const sent = { content: this.panel.content, revises: revision, seconds, receipt: name() }; // one name, however often it is sent
      /** @type {import("./types.js").Stored} */
      const reply = await persist(() => post(`cases/${position}/annotations`, sent, signal), signal, "Not saved yet: the server does not answer. Trying again …");
      this.work = reply.work;
    } catch (error) {
      this.saving = false;
      if (ended(error)) return;
      this.watch.back(seconds);
      this.watch.start();
      this.#keep();
      if (error instanceof Refused && (error.status === 409 || error.status === 422)) say(error.message, "alarm", 12);
      else this.#no(error);
      return;
    }
    this.saving = false;
    const next = after(this.work, position);
    if (next === undefined) this.ears.list(this.work);
    else await this.open(next);
  }

  /** What was saved of this case before. */
  async history() {
    if (!this.case) return;
    const { signal } = this.caseScope;
    try {
      /** @type {import("./types.js").Version[]} */
      const versions = await persist(() => get(`cases/${this.case?.position}/history`, signal), signal);
      const dialog = h("dialog", { class: "help", onclose: () => dialog.remove() },
        h("h2", {}, "Saved before"),
        versions.length ? h("ul", { class: "versions" }, versions.map(({ revision, saved_at, content }) =>
          h("li", {}, h("button", { type: "button", class: "plain", onclick: () => (this.#again(content), dialog.close()) },
            `${revision}: ${new Date(saved_at).toLocaleString()}, ${content.status === "lesions" ? `${content.shapes.length} outline${content.shapes.length > 1 ? "s" : ""}` : content.status === "none" ? "no lesion" : "not usable"}`)))) : h("p", {}, "Nothing yet."),
        h("form", { method: "dialog" }, h("button", { class: "primary" }, "Close")),
      );
      document.body.append(dialog);
      signal.addEventListener("abort", () => dialog.close(), { once: true });
      dialog.showModal();
    } catch (error) {
      this.#no(error);
    }
  }

  /** @param {import("./types.js").Content} content */
  #again(content) {
    if (!this.case) return;
    this.outlines.replace(content.shapes);
    this.panel.open(this.case, content);
    this.#keep();
    this.#redraw();
  }

  /** @param {unknown} error */
  #draftRefused(error) {
    if (error instanceof Refused && error.status === 409) return; // the case has been saved, which is worth more
    if (error instanceof Refused && error.status === 422) say(error.message, "alarm");
    else this.#no(error);
  }

  /** @param {unknown} error */
  #no(error) {
    if (!ended(error) && !this.scope.closed) this.ears.refused(error);
  }

  #away() {
    this.drafts?.part();
    if (this.watch.running) this.watch.back(this.watch.stop());
  }

  #back() {
    if (!document.hidden && this.case && !this.saving) this.watch.start();
  }

  // --- keys -----------------------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.case || document.querySelector("dialog[open]")) return;
    if (typing(event)) return void (event.key === "Escape" && event.target instanceof HTMLElement && event.target.blur());
    if (event.repeat && event.key === "Enter") return event.preventDefault();
    const pressed = event.target instanceof HTMLButtonElement && ["Enter", " "].includes(event.key);
    if (pressed && !this.editor.open) return;
    if (this.#did(event)) event.preventDefault();
  }

  #help() {
    help(this.me.adjudicates, this.me.questions.instructions, this.viewer.tools);
  }

  /** @param {KeyboardEvent} event */
  #did(event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (plain && /^[1-9]$/.test(event.key)) return this.panel.digit(Number(event.key));
    if (plain && this.case?.others.some(({ letter }) => letter === event.key.toUpperCase())) return this.take(event.key.toUpperCase());
    if (this.editor.open || !meant(event)) return this.viewer.key(event);
    switch (meant(event)) {
      case "save": return void this.save(), true;
      case "back": return void this.turn(-1), true;
      case "forward": return void this.turn(1), true;
      case "list": return void this.list(), true;
      case "history": return void this.history(), true;
      case "help": return this.#help(), true;
      case "suggestions": return this.#suggestions();
      case "status-none": return this.panel.say("none"), this.#tell(), true;
      case "status-unusable": return this.panel.say("unusable"), this.#tell(), true;
      case "escape": return (this.outlines.chosen = null), this.#redraw(), true;
      default: return false;
    }
  }
}

/**
 * The next case to do after one, from the beginning where there is none after it.
 * @param {Task[]} work
 * @param {number} [position]
 */
export function after(work, position = 0) {
  const due = work.filter(({ state }) => TO_DO.includes(state));
  return (due.find((task) => task.position > position) ?? due[0])?.position;
}
