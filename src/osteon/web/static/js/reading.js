// The reading room: opens a case, keeps the time it is on the screen, sends the answer and goes on.
//
// What goes on in it belongs to the room or to the case that is open, and ends with that. While the server does not answer
// nothing leaves the screen: the room is left only when the server says that the reader's place is elsewhere.

import { Refused, get, name, parting, persist, post } from "./api.js";
import { Advice } from "./advice.js";
import { AnswerForm } from "./answer.js";
import { say, show, typing } from "./dom.js";
import { Drafts } from "./drafts.js";
import { HeatBar } from "./heatbar.js";
import { help, loose, meant } from "./keys.js";
import { t } from "./language.js";
import { Layout } from "./layout.js";
import { keepAround, picture } from "./pictures.js";
import { Scope, ended } from "./scope.js";
import { Viewer } from "./viewer.js";
import { Watch } from "./watch.js";

/**
 * @typedef {import("./types.js").Case} Case
 * @typedef {import("./types.js").Me} Me
 * @typedef {import("./types.js").Stored} Stored
 */

export class ReadingRoom {
  /**
   * @param {Me} me what the server says of the reader
   * @param {AbortSignal} signal of the screen
   * @param {{ leave: (me: Me) => void, refused: (error: unknown) => void }} ears told when the stage is no longer one of
   *   reading, and when the server says no
   */
  constructor(me, signal, { leave, refused }) {
    this.me = me;
    this.leave = leave;
    this.refused = refused;
    this.scope = new Scope(signal);
    /** @type {Scope} of the case that is open */
    this.caseScope = new Scope(this.scope.signal);
    /** @type {Case | null} */
    this.case = null;
    /** @type {Drafts | null} */
    this.drafts = null;
    /** @type {Promise<unknown>} the server knows that the case is on the screen */
    this.shown = Promise.resolve();
    this.watch = new Watch();
    /** @type {Set<() => void>} */
    this.awaited = new Set();
    const { question } = me;
    /** @type {HeatBar | null} */
    this.heat = question.heatmap ? new HeatBar((maps, strength) => this.viewer?.setHeat(maps, strength)) : null;
    /** @type {Viewer} */
    this.viewer = new Viewer({ draws: question.draw_box, mayDraw: () => this.form.state.ready && !this.form.busy, extra: this.heat?.element });
    /** @type {AnswerForm} */
    this.form = new AnswerForm(question, {
      changed: () => this.#changed(),
      save: (answer) => void this.#save(answer),
      wantBox: () => this.viewer.use("box"),
      eraseBox: () => {
        this.viewer.box = null;
        this.form.setBox(null);
      },
    });
    this.viewer.onbox = (box) => this.form.setBox(box);
    this.advice = new Advice(question, this.heat, {
      asked: () => this.form.adviceAsked(),
      onScreen: (at) => this.form.adviceOnScreen(at),
      refused: (error) => this.#no(error),
      present: (until) => this.#present(until),
    });
    this.page = new Layout(me, { viewer: this.viewer.element, slot: this.advice.element, earlier: this.form.earlier, form: this.form.element, foot: this.form.foot }, {
      backward: () => void this.#turn(-1),
      forward: () => void this.#turn(1),
      overview: () => this.leave(this.me),
      pause: () => this.pause(),
      resume: () => this.resume(),
      help: () => help(this.viewer.tools),
    });
    show(this.page.element);
    const { signal: ends } = this.scope;
    document.addEventListener("keydown", (event) => this.#key(event), { signal: ends });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#away() : this.#back()), { signal: ends });
    window.addEventListener("pagehide", () => this.#away(), { signal: ends });
    window.addEventListener("pageshow", () => this.#back(), { signal: ends });
    ends.addEventListener("abort", () => this.#end(), { once: true });
  }

  close() {
    this.scope.close();
  }

  #end() {
    this.#away();
    this.viewer.close();
    this.page.close();
    document.body.classList.remove("paused");
  }

  /** @param {unknown} error */
  #no(error) {
    if (!ended(error) && !this.scope.closed) this.refused(error);
  }

  // --- a case -----------------------------------------------------------------------------------------------------

  /**
   * Show a case; the clock starts when its pictures are on the screen.
   * @param {number} position
   */
  async open(position) {
    this.#away();
    this.caseScope.close();
    this.caseScope = new Scope(this.scope.signal);
    const { signal } = this.caseScope;
    const old = this.case;
    this.case = null;
    this.drafts = null;
    this.watch.clear();
    this.advice.clear();
    this.form.close();
    if (old?.position !== position) this.viewer.clear();
    performance.mark("case-asked");
    try {
      /** @type {Case} */
      const shown = await persist(() => get(`cases/${position}`, signal), signal);
      for (const view of shown.views) picture(shown.session, position, view, this.scope.signal); // on their way by now
      this.page.describe(shown, { stage: this.me.stage, revise: this.me.question.revise });
      this.advice.describe(shown);
      const same = old?.position === position && old.session === shown.session;
      if (!same) await this.viewer.open(shown, signal, this.scope.signal);
      await this.#present(signal);
      if (signal.aborted) return;
      this.case = shown;
      this.drafts = new Drafts(`cases/${position}/draft`, signal, (error) => this.#draftRefused(error));
      this.form.open(shown, position < this.me.stage.position);
      this.advice.offer(shown, signal);
      this.viewer.box = this.form.state.values.box;
      performance.measure("case-on-screen", "case-asked");
      document.body.dataset.case = `${shown.session}.${position}.${shown.step}`;
      this.#look();
      await this.shown;
      await this.advice.begin();
      this.#ahead(position + 1).catch(() => {}); // what cannot be fetched ahead of time is fetched in time
    } catch (error) {
      this.#no(error);
    }
  }

  /** The case is on the screen: the clock starts, and the server is told. An answer waits until it knows. */
  #look() {
    if (!this.case) return;
    const { position } = this.case;
    const { signal } = this.caseScope;
    this.watch.start();
    const told = persist(() => post(`cases/${position}/shown`, undefined, signal), signal);
    told.catch((error) => this.#no(error));
    this.shown = told;
  }

  /** @param {number} position */
  async #ahead(position) {
    if (!this.case) return;
    const { session } = this.case;
    const { signal } = this.scope;
    keepAround(session, this.case.position);
    if (position !== this.me.stage.position + 1 || position > this.me.stage.cases) return;
    /** @type {import("./types.js").ViewSize[]} */
    const views = await get(`cases/${position}/views`, signal);
    await Promise.allSettled(views.map((view) => picture(session, position, view, signal).whole()));
    document.body.dataset.ready = String(position);
  }

  /** @param {number} step -1 for the case before, 1 for the case after */
  async #turn(step) {
    const button = step < 0 ? this.page.backward : this.page.forward;
    if (!this.case || this.form.busy || button.disabled) return;
    const { position } = this.case;
    const { signal } = this.caseScope;
    await this.drafts?.flush(); // what was begun is kept before it leaves the screen
    if (!signal.aborted) await this.open(position + step);
  }

  // --- answers and drafts -------------------------------------------------------------------------------------------

  #changed() {
    if (!this.case) return;
    const { session, step } = this.case;
    this.drafts?.change({ session, step, ...this.form.state.draft });
  }

  /** @param {unknown} error */
  #draftRefused(error) {
    // 409: the case has its answer by now, which is worth more than the draft
    if (error instanceof Refused && error.status === 409) return;
    if (error instanceof Refused && error.status === 422) say(error.message, "alarm");
    else this.#no(error);
  }

  /** @param {import("./answering.js").Answering["answer"]} answer */
  async #save(answer) {
    if (!this.case) return;
    const { position, session, step } = this.case;
    const { signal } = this.caseScope;
    const seconds = this.watch.stop();
    this.form.waiting = true;
    try {
      await this.shown;
      this.drafts?.stop();
      const sent = { ...answer, session, step, seconds, receipt: name() }; // one name, however often it is sent
      /** @type {Stored} */
      const reply = await persist(() => post(`cases/${position}/answers`, sent, signal), signal, t("Not saved yet: the server does not answer. Trying again …"));
      this.me = { ...this.me, question: reply.question, stage: reply.stage };
    } catch (error) {
      if (ended(error)) return;
      this.form.waiting = false;
      this.watch.back(seconds);
      this.watch.start();
      this.#changed();
      if (error instanceof Refused && (error.status === 409 || error.status === 422)) await this.#notStored(error);
      else this.#no(error);
      return;
    }
    this.form.waiting = false;
    if (this.me.stage.name === "reading") await this.open(this.me.stage.position);
    else this.leave(this.me);
  }

  /**
   * The server will not have this answer: keep the form where it is still the place to give one.
   * @param {Refused} error
   */
  async #notStored(error) {
    if (!this.case) return;
    const { position, step } = this.case;
    const { signal } = this.caseScope;
    try {
      /** @type {Case} */
      const now = await persist(() => get(`cases/${position}`, signal), signal);
      const last = now.answers.find((answer) => answer.step === step)?.revision ?? null;
      if (now.step === step && last === this.form.state.revises) say(error.message, "alarm");
      else this.#no(error);
    } catch (other) {
      this.#no(other);
    }
  }

  // --- time -------------------------------------------------------------------------------------------------------

  /** The reader turns away: tell how long the case was on the screen, and keep what was begun. */
  #away() {
    this.drafts?.part();
    if (!this.watch.running || !this.case) return;
    const seconds = this.watch.stop();
    const { signal } = this.caseScope;
    // seconds that cannot be told now go with the answer
    parting("POST", `cases/${this.case.position}/left`, { seconds }).catch(() => signal.aborted || this.watch.back(seconds));
  }

  #back() {
    if (document.hidden || this.page.curtain.open) return;
    for (const go of [...this.awaited]) go();
    // an answer that is on its way has had its look
    if (this.case && !this.form.busy && !this.watch.running) this.#look();
  }

  /**
   * Resolves when the reader can see the page.
   * @param {AbortSignal} signal
   * @returns {Promise<void>}
   */
  #present(signal) {
    if (!document.hidden && !this.page.curtain.open) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const go = () => {
        this.awaited.delete(go);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.awaited.add(go);
      signal.addEventListener("abort", go, { once: true });
    });
  }

  pause() {
    if (this.page.curtain.open) return;
    this.#away();
    this.viewer.element.inert = true;
    document.body.classList.add("paused");
    this.page.curtain.showModal();
  }

  resume() {
    this.page.curtain.close();
    this.viewer.element.inert = false;
    document.body.classList.remove("paused");
    this.#back();
  }

  // --- keys -------------------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.repeat && event.key === "Enter" && !typing(event)) return event.preventDefault();
    if (!this.case || document.querySelector("dialog[open]") || (typing(event) && !loose(event))) return;
    if (this.#did(event)) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #did(event) {
    const act = meant(event);
    if (act === "pause") this.pause();
    else if (act === "help") help(this.viewer.tools);
    else if (act === "back") void this.#turn(-1);
    else if (act === "forward") void this.#turn(1);
    else return (act && (this.advice.act(act) || this.form.act(act, event))) || this.viewer.key(event);
    return true;
  }
}
