// The question: a binary call, a confidence, and where the protocol asks for them a box and a comment.

import { h } from "./dom.js";

const FIVE = ["surely not", "probably not", "uncertain", "probably", "surely"];

export class AnswerForm {
  /** `question` is the protocol's; `onsave` gets the answer when it is complete. */
  constructor(question, { onsave, onerasebox }) {
    this.question = question;
    this.onsave = onsave;
    this.confidence = null;
    this.call = null;
    this.hint = h("p", { class: "hint", "aria-live": "polite" });
    this.save = h("button", { type: "submit", class: "primary", title: "Save (Enter)" }, "Save and go on");
    this.element = h(
      "form",
      { class: "answer", onsubmit: (event) => (event.preventDefault(), this.submit()) },
      h("h2", { id: "asked" }, question.asked),
      question.call && this.#call(),
      question.scale === "5-point" ? this.#points() : this.#slider(),
      question.draw_box && this.#box(onerasebox),
      question.comment && this.#comment(),
      h("div", { class: "send" }, this.hint, this.save),
    );
  }

  #call() {
    this.calls = this.question.answers.map((text, value) =>
      h("input", { type: "radio", name: "call", value, onchange: () => this.#set({ call: value }) }),
    );
    return h(
      "fieldset",
      { class: "call" },
      h("legend", { class: "quiet" }, "Your diagnosis"),
      this.question.answers.map((text, value) =>
        h("label", { class: "choice" }, this.calls[value], h("span", {}, text, h("kbd", {}, value ? "Y" : "N"))),
      ),
    );
  }

  #slider() {
    const [no, yes] = this.question.answers;
    this.slider = h("input", {
      type: "range", min: 0, max: 100, step: 1, value: 50, class: "unset", id: "confidence",
      "aria-describedby": "ends",
      oninput: () => this.#set({ confidence: Number(this.slider.value) }),
      onpointerup: () => this.#set({ confidence: Number(this.slider.value) }),
      onkeydown: (event) => event.key === " " && (event.preventDefault(), this.#set({ confidence: Number(this.slider.value) })),
    });
    this.number = h("output", { for: "confidence" }, "–");
    return h(
      "div",
      { class: "confidence" },
      h("label", { class: "row", for: "confidence" }, h("span", { class: "quiet" }, `How sure are you that it is ${yes}?`), this.number),
      this.slider,
      h("div", { class: "row ends", id: "ends" }, h("span", {}, `0 surely ${no}`), h("span", {}, `100 surely ${yes}`)),
    );
  }

  #points() {
    this.points = FIVE.map((text, index) =>
      h("input", { type: "radio", name: "confidence", value: index + 1, onchange: () => this.#set({ confidence: index + 1 }) }),
    );
    return h(
      "fieldset",
      { class: "points" },
      h("legend", { class: "quiet" }, `How sure are you that it is ${this.question.answers[1]}?`),
      FIVE.map((text, index) => h("label", { class: "choice" }, this.points[index], h("span", {}, h("b", {}, index + 1), text))),
    );
  }

  #box(onerasebox) {
    this.boxState = h("span", { class: "quiet" });
    this.erase = h("button", { type: "button", class: "link", hidden: true, onclick: onerasebox }, "remove");
    return h("div", { class: "row box-row" }, this.boxState, this.erase);
  }

  #comment() {
    this.comment = h("textarea", { id: "comment", rows: 2, maxlength: 2000 });
    return h("div", { class: "comment" }, h("label", { class: "quiet", for: "comment" }, "Comment (optional)"), this.comment);
  }

  /** Start afresh, or from an earlier answer. */
  open(given, { first, last }) {
    this.confidence = null;
    this.call = null;
    this.box = null;
    for (const radio of [...(this.calls ?? []), ...(this.points ?? [])]) radio.checked = false;
    if (this.slider) {
      this.slider.value = 50;
      this.slider.classList.add("unset");
      this.number.textContent = "–";
    }
    if (this.comment) this.comment.value = given?.comment ?? "";
    if (given) this.#set({ confidence: given.confidence, call: given.call });
    this.hint.textContent = "";
    this.save.textContent = first ? "Save, then see the advice" : last ? "Save" : "Save and go on";
  }

  setBox(box) {
    this.box = box;
    if (!this.boxState) return;
    this.boxState.textContent = box ? "A box is drawn" : "No box yet: use the tool Draw box";
    this.erase.hidden = !box;
  }

  #set({ confidence = this.confidence, call = this.call }) {
    this.confidence = confidence;
    this.call = call;
    if (this.calls && call !== null) this.calls[call].checked = true;
    if (confidence !== null) {
      if (this.points) this.points[confidence - 1].checked = true;
      if (this.slider) {
        this.slider.value = confidence;
        this.slider.classList.remove("unset");
        this.number.textContent = Math.round(confidence);
      }
    }
    const middle = this.points ? 3 : 50;
    const apart = this.calls && call !== null && confidence !== null && (call ? confidence < middle : confidence > middle);
    this.hint.textContent = apart ? "Your diagnosis and your confidence point in different directions." : "";
  }

  submit() {
    if (this.busy) return;
    const missing = this.question.call && this.call === null ? this.calls[0] : this.confidence === null ? this.slider ?? this.points[0] : null;
    if (missing) {
      this.hint.textContent = missing === this.calls?.[0] ? "Please choose a diagnosis." : "Please say how sure you are.";
      missing.focus();
      return;
    }
    this.onsave({
      confidence: this.confidence,
      call: this.question.call ? this.call : null,
      box: this.question.draw_box ? this.box ?? null : null,
      comment: this.comment?.value.trim() ?? "",
    });
  }

  set waiting(waits) {
    this.busy = waits;
    this.save.disabled = waits;
  }

  /** N and Y choose, digits set the confidence, comma and full stop move it, Enter saves; true when it was one of these. */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const key = event.key.toLowerCase();
    const least = this.points ? 1 : 0;
    const most = this.points ? 5 : 100;
    if (this.calls && (key === "n" || key === "y")) this.#set({ call: key === "y" ? 1 : 0 });
    else if (/^[0-9]$/.test(key) && (!this.points || (key >= "1" && key <= "5"))) this.#set({ confidence: Number(key) * (this.points ? 1 : 10) });
    else if (key === "," || key === ".") {
      const now = this.confidence ?? (least + most) / 2;
      const step = (key === "." ? 1 : -1) * (this.points ? 1 : 5);
      this.#set({ confidence: Math.min(Math.max(Math.round(now + step), least), most) });
    } else if (key === "enter" && event.target.tagName !== "BUTTON") this.submit();
    else return false;
    return true;
  }
}
