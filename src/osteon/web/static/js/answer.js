// The question on the page: a binary call, a confidence, and where the protocol asks for them a box and a comment.

import { Answering } from "./answering.js";
import { h } from "./dom.js";
import { mark, t } from "./language.js";

const FIVE = [mark("surely not"), mark("probably not"), mark("uncertain"), mark("probably"), mark("surely")];
/** @type {Record<string, string>} */
const SAYS = {
  waiting: mark("Please wait for the model's advice."),
  call: mark("Please choose a diagnosis."),
  confidence: mark("Please say how sure you are."),
  box: mark("Please draw a box around the lesion: the tool Draw box (D) is on."),
  contradiction: mark("The diagnosis and “no lesion” contradict each other; please change one of them."),
  choice: mark("Please choose your answer now that you have seen the model's advice."),
  unchanged: mark("Nothing has been changed."),
};

/** @typedef {import("./types.js").Case} Case */
/** @typedef {import("./types.js").Question} Question */

export class AnswerForm {
  /**
   * @param {Question} question
   * @param {{ changed: () => void, save: (answer: Answering["answer"]) => void, wantBox: () => void, eraseBox: () => void }} room
   */
  constructor(question, room) {
    this.question = question;
    this.room = room;
    this.state = new Answering(question);
    this.busy = false;
    this.hint = h("p", { class: "hint", "aria-live": "polite" });
    this.save = h("button", { type: "submit", form: "answer", class: "primary wide", title: `${t("Save")} (Enter)` }, t("Save and go on"));
    this.change = h("button", { type: "button", class: "wide", title: `${t("Change this answer")} (C)`, onclick: () => this.revise() }, t("Change this answer"), " ", h("kbd", {}, "C"));
    this.undo = h("button", { type: "button", class: "link", onclick: () => this.leaveAsItIs() }, t("Leave it as it is"));
    this.keep = h("button", { type: "button", onclick: () => this.keepEarlier() }, t("Keep"), " ", h("kbd", {}, "K"));
    this.earlierText = h("span", {});
    const moves = question.design === "sequential" || question.advice === "on-demand";
    this.earlier = moves ? h("div", { class: "earlier absent", "aria-live": "polite" }, this.earlierText, this.keep) : null;
    this.fields = h("fieldset", { class: "fields", "aria-label": t("Your answer") },
      question.call && this.#call(),
      question.scale === "5-point" ? this.#points() : this.#slider(),
      question.draw_box && this.#box(),
      question.comment && this.#comment(),
    );
    this.element = h("form", { class: "answer", id: "answer", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), this.submit()) },
      h("h2", { id: "asked" }, t(question.asked)), this.fields,
    );
    this.foot = h("div", { class: "send" }, h("div", { class: "row says" }, this.hint, this.undo), this.save, this.change);
    this.render();
  }

  #call() {
    this.calls = this.question.answers.map((_, value) => h("input", { type: "radio", name: "call", value, onclick: () => this.#set({ call: value }) }));
    const { calls } = this;
    return h("fieldset", { class: "call" },
      h("legend", { class: "quiet" }, t("Your diagnosis")),
      this.question.answers.map((text, value) => h("label", { class: "choice" }, calls[value], h("span", {}, t(text), h("kbd", {}, value ? "Y" : "N")))),
    );
  }

  #slider() {
    const [no, yes] = this.question.answers.map((answer) => t(answer));
    const slider = h("input", {
      type: "range", min: 0, max: 100, step: 1, value: 50, class: "unset", id: "confidence", "aria-describedby": "ends",
      oninput: () => this.#set({ confidence: Number(slider.value) }),
      onpointerup: () => this.#set({ confidence: Number(slider.value) }),
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === " " && (event.preventDefault(), this.#set({ confidence: Number(slider.value) })),
    });
    this.slider = slider;
    this.number = h("output", { for: "confidence" }, "–");
    return h("div", { class: "confidence" },
      h("label", { class: "row", for: "confidence" }, h("span", { class: "quiet" }, t("How sure are you that it is {answer}?", { answer: yes })), this.number),
      slider,
      h("div", { class: "row ends", id: "ends" }, h("span", {}, `0 ${t("surely {answer}", { answer: no })}`), h("span", {}, `100 ${t("surely {answer}", { answer: yes })}`)),
    );
  }

  #points() {
    this.points = FIVE.map((_, index) => h("input", { type: "radio", name: "confidence", value: index + 1, onclick: () => this.#set({ confidence: index + 1 }) }));
    const { points } = this;
    return h("fieldset", { class: "points" },
      h("legend", { class: "quiet" }, t("How sure are you that it is {answer}?", { answer: t(this.question.answers[1]) })),
      FIVE.map((text, index) => h("label", { class: "choice" }, points[index], h("span", {}, h("b", {}, index + 1), t(text)))),
    );
  }

  #box() {
    this.boxState = h("span", { class: "quiet" });
    this.erase = h("button", { type: "button", class: "link", onclick: () => this.room.eraseBox() }, t("remove"));
    this.draw = h("button", { type: "button", class: "link", onclick: () => this.room.wantBox() }, t("draw"));
    this.none = h("button", { type: "button", class: "link", onclick: () => this.#noLesion() }, t("no lesion"));
    return h("div", { class: "row box-row" }, this.boxState, this.erase, this.draw, this.question.no_lesion && this.none);
  }

  #comment() {
    const comment = h("textarea", { id: "comment", rows: 1, maxlength: 2000, oninput: () => this.#set({ comment: comment.value }) });
    this.comment = comment;
    return h("div", { class: "comment" }, h("label", { class: "quiet", for: "comment" }, t("Comment (optional)")), comment);
  }

  /**
   * Start on a case; `ready` is said when it can be answered.
   * @param {Case} shown
   * @param {boolean} passed whether the reader has come back to it
   */
  open(shown, passed) {
    this.state.open(shown);
    this.hint.textContent = "";
    this.save.textContent = shown.step < shown.steps ? t("Save, then see the advice") : passed ? t("Save") : t("Save and go on");
    this.render();
  }

  /** No case is on the screen. */
  close() {
    this.state.close();
    this.hint.textContent = "";
    this.render();
  }

  adviceAsked() {
    this.state.adviceAsked();
    this.render();
  }

  /** @param {number} at */
  adviceOnScreen(at) {
    this.state.adviceOnScreen(at);
    this.render();
  }

  revise() {
    this.state.revise();
    this.hint.textContent = "";
    this.render();
    (this.calls?.[this.state.values.call ?? 0] ?? this.slider ?? this.points?.[0])?.focus();
  }

  leaveAsItIs() {
    this.state.leaveAsItIs();
    this.hint.textContent = "";
    this.room.changed();
    this.render();
  }

  keepEarlier() {
    if (!this.state.keep(performance.now())) return;
    this.#changed();
    this.save.focus();
  }

  /** @param {import("./types.js").Box | null} box */
  setBox(box) {
    this.#set({ box, no_lesion: false });
  }

  #noLesion() {
    this.room.eraseBox();
    this.#set({ no_lesion: true });
  }

  /** @param {Partial<import("./answering.js").Values>} part */
  #set(part) {
    if (this.busy || !this.state.set(part, performance.now())) return this.render();
    this.#changed();
  }

  #changed() {
    const { call, confidence } = this.state.values;
    const middle = this.points ? 3 : 50;
    const apart = this.calls && call !== null && confidence !== null && (call ? confidence < middle : confidence > middle);
    this.hint.textContent = apart ? t("Diagnosis and confidence point different ways.") : "";
    this.render();
    this.room.changed();
  }

  /** Show what has been chosen, and what can be. */
  render() {
    const { state } = this;
    const { call, confidence, box, comment, no_lesion } = state.values;
    this.calls?.forEach((radio, value) => (radio.checked = call === value));
    this.points?.forEach((radio, index) => (radio.checked = confidence === index + 1));
    if (this.slider && this.number) {
      this.slider.value = String(confidence ?? 50);
      this.slider.classList.toggle("unset", confidence === null);
      this.number.textContent = confidence === null ? "–" : String(Math.round(confidence));
    }
    if (this.boxState && this.erase && this.draw && this.none) {
      const done = box ? t("A box is drawn") : no_lesion ? t("No lesion to draw around") : "";
      this.boxState.textContent = done || t("Needed: a box around the lesion");
      this.boxState.classList.toggle("wanted", !done);
      this.erase.hidden = !done;
      this.draw.hidden = this.none.hidden = done !== "";
    }
    if (this.comment && this.comment.value !== comment) this.comment.value = comment;
    const closed = !state.ready || this.busy;
    this.fields.disabled = closed;
    this.save.hidden = state.mode === "stored";
    this.save.disabled = this.busy || state.mode === "blank";
    this.change.hidden = state.mode !== "stored" || !this.question.revise;
    this.undo.hidden = state.mode !== "revising" || this.busy;
    this.element.dataset.mode = this.busy ? "saving" : state.mode === "blank" || state.mode === "stored" ? state.mode : state.ready ? "open" : "waiting";
    const earlier = state.before && state.ready ? state.before : null;
    if (!this.earlier) return;
    this.earlier.classList.toggle("absent", !earlier);
    if (earlier) this.earlierText.textContent = t("Before the advice: {answer}", { answer: this.#said(earlier) });
  }

  /** @param {import("./answering.js").Values} values */
  #said({ call, confidence }) {
    const words = [call === null ? "" : t(this.question.answers[call]), confidence === null ? "" : String(Math.round(confidence))];
    return words.filter(Boolean).join(", ");
  }

  submit() {
    if (this.busy) return;
    const { missing } = this.state;
    if (missing === "stored") return;
    if (missing) {
      this.hint.textContent = missing === "box" && this.question.no_lesion ? `${t(SAYS.box)} ${t("Or say that there is no lesion.")}` : t(SAYS[missing]);
      if (missing === "call") this.calls?.[0].focus();
      else if (missing === "confidence") (this.slider ?? this.points?.[0])?.focus();
      else if (missing === "box") this.room.wantBox();
      return;
    }
    this.hint.textContent = "";
    this.room.save(this.state.answer);
  }

  /** @param {boolean} waits */
  set waiting(waits) {
    this.busy = waits;
    this.render();
  }

  /**
   * Do what a key means; false where it is not the form's. A key that is held down saves nothing.
   * @param {import("./keys.js").Act} act
   * @param {KeyboardEvent} event
   */
  act(act, event) {
    const [least, most, step] = this.points ? [1, 5, 1] : [0, 100, 5];
    const digit = Number(event.key);
    if (act === "save") {
      if (event.repeat) return true;
      if (event.target instanceof HTMLButtonElement) return false;
      this.submit();
    } else if (act === "less" || act === "more") {
      const now = this.state.values.confidence ?? (least + most) / 2;
      this.#set({ confidence: Math.min(Math.max(Math.round(now + (act === "more" ? step : -step)), least), most) });
    } else if (event.repeat) return false;
    else if (this.calls && (act === "negative" || act === "positive")) this.#set({ call: act === "positive" ? 1 : 0 });
    else if (act === "confidence" && (!this.points || (digit >= 1 && digit <= 5))) this.#set({ confidence: digit * (this.points ? 1 : 10) });
    else if (act === "keep" && this.state.before) this.keepEarlier();
    else if (act === "change" && this.state.mode === "stored" && this.question.revise) this.revise();
    else return false;
    return true;
  }
}
