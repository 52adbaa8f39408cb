// What is said of a case beside its pictures: whether there is a lesion, labels, fields, a comment.

import { h, icon } from "../dom.js";
import { clean } from "../words.js";
import { COLOURS, OWNERS } from "./editor.js";
import { area, bounds } from "../shapes.js";

/**
 * @typedef {import("./types.js").Case} Case
 * @typedef {import("./types.js").Questions} Questions
 * @typedef {import("./types.js").SentContent} Content
 * @typedef {import("./types.js").Field} Field
 * @typedef {import("./outlines.js").Outlines} Outlines
 * @typedef {"lesions" | "none" | "unusable"} Status
 */

const BIN = "M5 7h14M10 4h4M7 7l1 13h8l1-13";

export class Panel {
  /**
   * @param {Questions} questions
   * @param {Outlines} outlines
   * @param {{ changed: () => void, take: (letter: string) => void, redraw: () => void, view: () => number }} ears
   */
  constructor(questions, outlines, ears) {
    this.questions = questions;
    this.outlines = outlines;
    this.ears = ears;
    /** @type {Case | null} */
    this.case = null;
    /** @type {Status | null} said outright; otherwise there are lesions where some are drawn */
    this.said = null;
    this.reason = "";
    /** @type {Record<string, { label: string, fields: Record<string, string> }>} */
    this.lesions = {};
    /** @type {Record<string, Record<string, string>>} */
    this.pictures = {};
    /** @type {Record<string, string>} */
    this.fields = {};
    this.element = h("div", { class: "annotation" });
    this.comment = h("textarea", { id: "comment", rows: 2, maxlength: 2000, oninput: () => ears.changed() });
  }

  /** @returns {Status | null} */
  get status() {
    return this.outlines.shapes.length ? "lesions" : this.said;
  }

  /**
   * @param {Case} shown
   * @param {import("./types.js").Content | null} content
   */
  open(shown, content) {
    this.case = shown;
    this.said = content?.status === "lesions" ? null : content?.status ?? null;
    this.reason = content?.reason ?? "";
    this.lesions = structuredClone(content?.lesions ?? {});
    this.pictures = structuredClone(content?.pictures ?? {});
    this.fields = { ...content?.fields };
    this.comment.value = content?.comment ?? "";
    this.draw();
  }

  close() {
    this.case = null;
    this.element.replaceChildren();
  }

  /** @param {number} lesion */
  label(lesion) {
    return this.lesions[lesion]?.label ?? "";
  }

  /** @param {string} status */
  say(status) {
    if (this.outlines.shapes.length) return false;
    this.said = this.said === status ? null : /** @type {Status} */ (status);
    this.ears.changed();
    this.draw();
    return true;
  }

  /**
   * A digit: the label of the chosen lesion (of the only one, where none is chosen), or the reason.
   * @param {number} digit
   */
  digit(digit) {
    if (this.status === "unusable") {
      const reason = this.questions.unusable[digit - 1];
      if (reason) this.#set(() => (this.reason = reason));
      return Boolean(reason);
    }
    const label = this.questions.labels[digit - 1];
    const { shapes, selected } = this.outlines;
    const lesion = selected?.lesion ?? (new Set(shapes.map((shape) => shape.lesion)).size === 1 ? shapes[0].lesion : undefined);
    if (!label || lesion === undefined) return false;
    this.#set(() => (this.#lesion(lesion).label = label));
    return true;
  }

  /** @param {() => void} change */
  #set(change) {
    change();
    this.ears.changed();
    this.draw();
    this.ears.redraw();
  }

  /** @param {number} lesion */
  #lesion(lesion) {
    return (this.lesions[lesion] ??= { label: "", fields: {} });
  }

  /** All that is said, as it is sent. @returns {Content} */
  get content() {
    const shapes = this.outlines.toJSON();
    const drawn = new Set(shapes.map((shape) => String(shape.lesion)));
    const lesions = Object.fromEntries([...drawn].map((lesion) => [lesion, this.lesions[lesion] ?? { label: "", fields: {} }]));
    const { status } = this;
    return {
      status, reason: status === "unusable" ? this.reason : "", shapes, lesions,
      pictures: this.pictures, fields: this.fields, comment: clean(this.comment.value),
    };
  }

  /** Whether anything has been said. */
  get begun() {
    const { status, comment } = this.content;
    const filled = (/** @type {Record<string, string>} */ fields) => Object.values(fields).some(Boolean);
    return Boolean(status || comment || filled(this.fields) || Object.values(this.pictures).some(filled));
  }

  /** What is missing, in words; empty for nothing. */
  get missing() {
    const { questions, status } = this;
    if (!status && this.case?.others.length) return "Take what one of them drew, or draw the lesion yourself.";
    if (!status) return questions.shapes[0] === "box" ? "Draw the lesion (D), or say that there is none (X)." : "Outline the lesion (G), or say that there is none (X).";
    if (status === "unusable" && !questions.unusable.includes(this.reason)) return "Choose why the case is not usable.";
    const needed = (/** @type {string} */ of) => questions.fields.filter((field) => field.of === of && field.required);
    if (status === "lesions") {
      for (const lesion of new Set(this.outlines.shapes.map((shape) => shape.lesion))) {
        const said = this.lesions[lesion];
        if (questions.labels.length && !said?.label) return `Choose a label for lesion ${lesion} (1 – ${questions.labels.length}).`;
        const field = needed("lesion").find(({ id }) => !said?.fields[id]?.trim());
        if (field) return `Fill in ${field.text || field.id} of lesion ${lesion}.`;
      }
    }
    if (status === "unusable") return "";
    for (const { number } of this.case?.views ?? []) {
      const field = needed("picture").find(({ id }) => !this.pictures[number]?.[id]?.trim());
      if (field) return `Fill in ${field.text || field.id} of picture ${number}.`;
    }
    const field = needed("case").find(({ id }) => !this.fields[id]?.trim());
    return field ? `Fill in ${field.text || field.id}.` : "";
  }

  // --- what is on the page -------------------------------------------------------------------------------------------

  draw() {
    if (!this.case) return;
    const { questions, status } = this;
    const active = document.activeElement instanceof HTMLElement && this.element.contains(document.activeElement) ? document.activeElement.id : "";
    const drawn = this.outlines.shapes.length > 0;
    const tile = (/** @type {Status} */ value, /** @type {string} */ text, /** @type {string} */ key) =>
      h("button", { type: "button", class: "tile", "aria-pressed": String(status === value), disabled: drawn && value !== "lesions", onclick: () => value !== "lesions" && this.say(value) }, text, h("kbd", {}, key));
    const lesions = [...new Set(this.outlines.shapes.map((shape) => shape.lesion))].sort((a, b) => a - b);
    this.element.replaceChildren(
      ...this.#others(),
      h("div", { class: "status", role: "group", "aria-label": "Whether there is a lesion" },
        tile("lesions", drawn ? `${lesions.length} lesion${lesions.length > 1 ? "s" : ""}` : "Lesion", "D"), tile("none", "No lesion", "X"), tile("unusable", "Not usable", "U")),
      ...(status === "unusable" ? [this.#tiles("Why", questions.unusable, this.reason, (reason) => (this.reason = reason))] : []),
      ...lesions.map((lesion) => this.#card(lesion)),
      ...(status === "unusable" ? [] : [...this.#ofPicture(), ...this.#fields("case", "", this.fields, "case")]),
      h("div", { class: "comment" }, h("label", { class: "quiet", for: "comment" }, "Comment"), this.comment),
    );
    if (active) document.getElementById(active)?.focus();
  }

  /** What annotators said, for the adjudicator to take. */
  #others() {
    const { others, why } = /** @type {Case} */ (this.case);
    if (!others.length) return [];
    const words = { lesions: "lesion", none: "no lesion", unusable: "not usable" };
    return [
      h("p", { class: "differ" }, why),
      h("div", { class: "others" }, others.map(({ letter, content }, index) => {
        const labels = Object.values(content.lesions).map((lesion) => lesion.label).filter(Boolean).join(", ");
        const said = `${words[content.status ?? "none"]}${labels ? `: ${labels}` : ""}${content.reason ? `: ${content.reason}` : ""}`;
        return h("button", { type: "button", class: "tile", onclick: () => this.ears.take(letter) },
          dot(OWNERS[index % OWNERS.length]), h("span", {}, `Take ${letter}`), h("span", { class: "quiet" }, said), h("kbd", {}, letter));
      })),
    ];
  }

  /** @param {number} lesion */
  #card(lesion) {
    const { questions, outlines } = this;
    const mine = outlines.shapes.map((shape, index) => ({ shape, index })).filter(({ shape }) => shape.lesion === lesion);
    const said = this.#lesion(lesion);
    const chosen = outlines.selected?.lesion === lesion;
    return h("section", { class: `lesion${chosen ? " chosen" : ""}`, "aria-label": `Lesion ${lesion}` },
      mine.map(({ shape, index }) => h("div", { class: "row" },
        h("button", { type: "button", class: "plain outline", onclick: () => this.#choose(index) }, dot(COLOURS[(lesion - 1) % COLOURS.length]), h("b", {}, `Lesion ${lesion}`), h("span", { class: "quiet" }, this.#size(shape))),
        h("button", { type: "button", class: "plain", "aria-label": `Delete lesion ${lesion} on picture ${shape.view}`, onclick: () => (this.#choose(index), this.outlines.remove()) }, icon(BIN)),
      )),
      questions.labels.length > 0 && this.#tiles(`Label of lesion ${lesion}`, questions.labels, said.label, (label) => (said.label = label)),
      this.#fields("lesion", `l${lesion}`, said.fields, `lesion ${lesion}`),
    );
  }

  /** @param {number} index */
  #choose(index) {
    this.outlines.chosen = index;
    this.draw();
    this.ears.redraw();
  }

  /** @param {import("./outlines.js").Shape} shape */
  #size(shape) {
    const views = this.case?.views ?? [];
    const spacing = views.find((view) => view.number === shape.view)?.spacing;
    const [x0, y0, x1, y1] = bounds(shape);
    const where = views.length > 1 ? `picture ${shape.view}, ` : "";
    if (spacing) return `${where}${((x1 - x0) * spacing[1]).toFixed(0)} × ${((y1 - y0) * spacing[0]).toFixed(0)} mm`;
    return `${where}${(x1 - x0).toFixed(0)} × ${(y1 - y0).toFixed(0)} px${shape.kind === "polygon" ? `, ${area(shape).toFixed(0)} px²` : ""}`;
  }

  /**
   * @param {string} legend
   * @param {string[]} choices
   * @param {string} value
   * @param {(value: string) => void} set
   */
  #tiles(legend, choices, value, set) {
    return h("div", { class: "labels", role: "group", "aria-label": legend }, choices.map((choice, index) =>
      h("button", { type: "button", class: "tile", "aria-pressed": String(choice === value), onclick: () => this.#set(() => set(choice)) }, choice, h("kbd", {}, index + 1))));
  }

  #ofPicture() {
    const view = this.ears.view();
    const fields = (this.pictures[view] ??= {});
    const several = (this.case?.views.length ?? 1) > 1;
    return this.#fields("picture", `p${view}`, fields, several ? `picture ${view}` : "");
  }

  /**
   * @param {"lesion" | "picture" | "case"} of
   * @param {string} prefix
   * @param {Record<string, string>} values
   * @param {string} whose
   */
  #fields(of, prefix, values, whose) {
    return this.questions.fields.filter((field) => field.of === of).map((field) => {
      const id = `field-${prefix}-${field.id}`;
      const changed = (/** @type {Event} */ event) => {
        values[field.id] = clean(/** @type {HTMLInputElement} */ (event.target).value);
        this.ears.changed();
      };
      const text = `${field.text || field.id}${of === "picture" && whose ? ` (${whose})` : ""}${field.required ? " *" : ""}`;
      return h("div", { class: "field" }, h("label", { for: id }, text), input(field, id, values[field.id] ?? "", changed));
    });
  }
}

/**
 * @param {Field} field
 * @param {string} id
 * @param {string} value
 * @param {(event: Event) => void} changed
 */
function input(field, id, value, changed) {
  if (field.kind === "choice")
    return h("select", { id, onchange: changed }, h("option", { value: "" }, "–"), field.choices.map((choice) => h("option", { selected: choice === value }, choice)));
  if (field.kind === "number") return h("input", { id, type: "number", step: "any", value, oninput: changed });
  return h("input", { id, type: "text", maxlength: 400, value, oninput: changed });
}

/** @param {string} colour */
function dot(colour) {
  const place = icon("M4 4h16v16H4z");
  place.style.color = colour;
  place.classList.add("dot");
  return place;
}
