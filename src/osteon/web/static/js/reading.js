// The reading room: opens a case, keeps the time it is on the screen, sends the answer and goes on.

import { deliver, get, post } from "./api.js";
import { h, icon, say, show, typing } from "./dom.js";
import { Advice } from "./advice.js";
import { AnswerForm } from "./answer.js";
import { keepAround, picture } from "./pictures.js";
import { Viewer } from "./viewer.js";

const PAUSE = "M8 5v14M16 5v14";
const HELP = [
  ["N / Y", "the first or the second answer"],
  ["0 – 9", "confidence in tens (1 – 5 on the short scale); comma and full stop move it"],
  ["Enter", "save and go on"],
  ["[ / ]", "the case before, the case after"],
  ["A / H", "the model's advice, its heat map (where there is advice)"],
  ["W, M, L, D", "tools: window, move, measure, draw box; Delete removes"],
  ["I, R", "invert, reset the window"],
  ["F, O, + / −", "fit, 1:1, zoom"],
  ["B, V", "the lesion's box, one view or all"],
  ["Arrows", "with a picture in focus: move it; with Shift: window; with a drawing tool: draw, with Alt: shift"],
  ["P", "pause"],
];

/** Seconds for which something has been on the screen; stops while the reader is away. */
class Watch {
  #since = null;

  start() {
    this.#since = performance.now();
  }

  /** Stop and tell the seconds, or null when it was not running. */
  stop() {
    if (this.#since === null) return null;
    const seconds = (performance.now() - this.#since) / 1000;
    this.#since = null;
    return Math.min(seconds, 86400);
  }
}

export class ReadingRoom {
  /** `me` is what the server says of the reader; `leave` is called when the stage is no longer one of reading. */
  constructor(me, leave) {
    this.me = me;
    this.leave = leave;
    this.watch = new Watch();
    this.viewer = new Viewer();
    this.form = new AnswerForm(me.question, {
      onsave: (answer) => this.#save(answer),
      onerasebox: () => (this.viewer.box = null),
    });
    this.viewer.onbox = (box) => this.form.setBox(box);
    this.advice = new Advice(me.question, this.viewer);
    this.#build();
    this.events = new AbortController();
    const { signal } = this.events;
    document.addEventListener("keydown", (event) => this.#key(event), { signal });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#away() : this.#back()), { signal });
    window.addEventListener("pagehide", () => this.#away(), { signal });
  }

  close() {
    this.events.abort();
    this.viewer.close();
  }

  #build() {
    this.where = h("h1", { tabindex: "-1", "data-focus": true });
    this.progress = h("progress", { max: this.me.stage.cases, value: 0, "aria-label": "Cases answered" });
    this.arm = h("p", { class: "arm" });
    this.context = h("dl", { class: "context" });
    this.backward = h("button", { type: "button", class: "plain", onclick: () => this.open(this.case.position - 1) }, "← Back");
    this.forward = h("button", { type: "button", class: "plain", onclick: () => this.open(this.case.position + 1) }, "Forward →");
    this.curtain = h("dialog", { class: "curtain", oncancel: (event) => event.preventDefault() },
      h("h2", {}, "Paused"),
      h("p", {}, "The clock stands still. Everything you have saved is stored: you may close this page and go on later, also at another machine, with the same link."),
      h("button", { type: "button", class: "primary", onclick: () => this.resume() }, "Go on"),
    );
    this.help = h("dialog", { class: "help" },
      h("h2", {}, "Keys"),
      h("dl", {}, HELP.map(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)])),
      h("p", { class: "quiet" }, "Mouse: drag for the window, wheel to zoom, right button or Shift to move. Touch: one finger for the tool, two to move and zoom."),
      h("form", { method: "dialog" }, h("button", { class: "primary" }, "Close")),
    );
    const { stage, study } = this.me;
    const round = stage.sessions > 1 ? `Session ${stage.session} of ${stage.sessions}` : "";
    show(
      h("div", { class: "room" },
        h("header", { class: "top" },
          h("div", { class: "title" }, h("b", {}, study.title), study.synthetic && h("span", { class: "tag" }, "synthetic pictures"), h("span", { class: "quiet" }, round)),
          h("div", { class: "where" }, this.where, this.progress),
          h("div", { class: "buttons" },
            h("span", { class: "quiet" }, `Reader ${this.me.code}`),
            h("button", { type: "button", class: "plain", title: "Keys (?)", onclick: () => this.help.showModal() }, "Keys"),
            h("button", { type: "button", class: "plain", title: "Pause (P)", onclick: () => this.pause() }, icon(PAUSE), "Pause"),
          ),
        ),
        this.viewer.element,
        h("aside", { class: "panel", "aria-label": "Your reading" },
          this.arm, this.context, this.advice.element, this.form.element,
          h("nav", { class: "row", "aria-label": "Cases" }, this.backward, this.forward),
        ),
        this.curtain,
        this.help,
      ),
    );
  }

  // --- a case -----------------------------------------------------------------------------------------------------

  /** Show a case; the clock starts when its pictures are on the screen. */
  async open(position) {
    this.#away();
    this.advice.clear();
    performance.mark("case-asked");
    try {
      await this.#open(position);
    } catch (error) {
      this.leave(error);
    }
  }

  async #open(position) {
    const shown = await get(`cases/${position}`);
    const samePictures = this.case?.position === position && this.case.session === shown.session;
    this.case = shown;
    for (const view of shown.views) picture(shown.session, position, view).soon.catch(() => {}); // on their way by now
    this.#describe(shown);
    const given = shown.answers.find(({ step }) => step === shown.step) ?? shown.answers.at(-1);
    this.form.open(given, { first: shown.step < shown.steps, last: position < this.me.stage.position });
    if (!samePictures) await this.viewer.open(shown, { mayDraw: this.me.question.draw_box, failed: this.leave });
    if (this.case !== shown) return;
    this.viewer.box = given?.box ?? null;
    performance.measure("case-on-screen", "case-asked");
    document.body.dataset.case = `${shown.session}.${position}.${shown.step}`;
    await this.#started();
    await this.advice.open(shown);
    this.#ahead(position + 1).catch(() => {}); // what cannot be fetched ahead of time is fetched in time
  }

  #describe(shown) {
    const { stage } = this.me;
    this.where.textContent = `Case ${shown.position} of ${stage.cases}`;
    this.progress.value = stage.position - 1;
    const twice = shown.steps > 1 ? (shown.step === 1 ? "First reading, " : "Second reading, ") : "";
    this.arm.textContent = `${twice}${shown.aided ? "with the model's advice" : "without advice"}`.replace(/^./, (letter) => letter.toUpperCase());
    this.arm.classList.toggle("aided", shown.aided);
    this.context.replaceChildren(
      ...Object.entries(shown.context).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    );
    const open = Math.min(stage.position, stage.cases);
    this.backward.hidden = !this.me.question.revise || shown.position === 1;
    this.forward.hidden = shown.position >= open;
  }

  /** The pictures are on the screen: the clock starts, and the server is told. An answer waits until it knows. */
  #started() {
    this.watch.start();
    this.shown = post(`cases/${this.case.position}/shown`);
    return this.shown;
  }

  async #ahead(position) {
    const { session } = this.case;
    keepAround(session, this.case.position);
    if (position !== this.me.stage.position + 1 || position > this.me.stage.cases) return;
    const views = await get(`cases/${position}/views`);
    await Promise.allSettled(views.map((view) => picture(session, position, view).whole()));
    document.body.dataset.ready = position;
  }

  async #save(answer) {
    const seconds = this.watch.stop() ?? 0;
    const { position, session, step } = this.case;
    this.form.waiting = true;
    try {
      await this.shown;
      const sent = { ...answer, session, step, seconds, receipt: receipt() };
      const reply = await deliver(`cases/${position}/answers`, sent, () => say("Not saved yet: the server does not answer. Trying again …", "alarm", 0));
      say("");
      this.me = { ...this.me, ...reply };
    } catch (error) {
      this.leave(error);
      return;
    } finally {
      this.form.waiting = false;
    }
    if (this.me.stage.name === "reading") this.open(this.me.stage.position);
    else this.leave();
  }

  // --- time -------------------------------------------------------------------------------------------------------

  /** The reader turns away: tell how long the case was on the screen. */
  #away() {
    const seconds = this.watch.stop();
    if (seconds === null) return;
    post(`cases/${this.case.position}/left`, { seconds }, { keepalive: true }).catch(() => {});
  }

  async #back() {
    if (this.case && !this.curtain.open) await this.#started().catch((error) => this.leave(error));
  }

  pause() {
    this.#away();
    this.viewer.element.inert = true;
    document.body.classList.add("paused");
    this.curtain.showModal();
  }

  resume() {
    this.curtain.close();
    this.viewer.element.inert = false;
    document.body.classList.remove("paused");
    this.#back();
  }

  // --- keys -------------------------------------------------------------------------------------------------------

  #key(event) {
    if (!this.case || this.curtain.open || this.help.open || typing(event) && !loose(event)) return;
    const key = event.key.toLowerCase();
    if (key === "p") this.pause();
    else if (key === "?") this.help.showModal();
    else if (key === "[" && !this.backward.hidden) this.open(this.case.position - 1);
    else if (key === "]" && !this.forward.hidden) this.open(this.case.position + 1);
    else if (!this.advice.key(event) && !this.form.key(event) && !this.viewer.key(event)) return;
    event.preventDefault();
  }
}

/** Keys that mean nothing to a slider go to the room. */
function loose(event) {
  return event.target.type === "range" && !/^(arrow|page|home|end|tab| )/i.test(event.key);
}

/** A name of its own for each answer, so that one that is sent twice is stored once. */
function receipt() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
