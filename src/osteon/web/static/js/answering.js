// An answer in the making, without any page: what has been chosen, when, and what is still missing.

import { clean } from "./words.js";

/**
 * @typedef {import("./types.js").Case} Case
 * @typedef {import("./types.js").Box} Box
 * @typedef {import("./types.js").Question} Question
 * @typedef {{ confidence: number | null, call: number | null, box: Box | null, comment: string, no_lesion: boolean }} Values
 * @typedef {"stored" | "waiting" | "call" | "confidence" | "box" | "contradiction" | "choice" | "unchanged"} Missing
 */

/** @returns {Values} */
const blank = () => ({ confidence: null, call: null, box: null, comment: "", no_lesion: false });

export class Answering {
  /** @param {Pick<Question, "call" | "draw_box" | "no_lesion" | "advice">} question */
  constructor(question) {
    this.question = question;
    /** @type {"blank" | "stored" | "answering" | "revising"} */
    this.mode = "blank";
    this.values = blank();
    this.initial = blank();
    /** @type {Values | null} what was chosen before the advice came, to be kept or not */
    this.before = null;
    /** @type {number | null} the number of the answer that is to be changed */
    this.revises = null;
    this.awaitsAdvice = false;
    /** @type {number | null} when the advice came on the screen */
    this.advisedAt = null;
    /** @type {number | null} seconds from then to the last choice */
    this.acted = null;
  }

  /**
   * Start on a case: afresh, where it was left, or with the answer that it has.
   * @param {Case} shown
   */
  open(shown) {
    const last = shown.answers.find(({ step }) => step === shown.step);
    const first = shown.answers.find(({ step }) => step < shown.step);
    const { draft } = shown;
    this.mode = last && !draft ? "stored" : last ? "revising" : "answering";
    this.revises = last?.revision ?? null;
    this.before = first ? { ...blank(), confidence: first.confidence, call: first.call } : null;
    this.awaitsAdvice = shown.aided && (this.question.advice === "shown" || shown.advised);
    this.advisedAt = null;
    // the unaided answer is not an aided one: of it only what it does not decide is there to begin with
    const { confidence, call, ...rest } = this.#taken(last ?? first);
    this.initial = { ...blank(), ...rest, ...(last ? { confidence, call } : {}) };
    this.values = draft ? { confidence: draft.confidence ?? null, call: draft.call ?? null, box: draft.box ?? null, comment: draft.comment ?? "", no_lesion: draft.no_lesion ?? false } : { ...this.initial };
    this.acted = shown.aided ? (draft?.acted ?? null) : null;
  }

  /**
   * What a stored answer holds: without a box, where one can be left out, it says that there is no lesion.
   * @param {import("./types.js").OwnAnswer | undefined} given
   * @returns {Values}
   */
  #taken(given) {
    if (!given) return blank();
    const { confidence, call, box, comment } = given;
    return { confidence, call, box, comment, no_lesion: this.question.draw_box && this.question.no_lesion && box === null };
  }

  close() {
    this.mode = "blank";
    this.values = blank();
    this.before = null;
  }

  /** Whether something can be chosen now. */
  get ready() {
    return (this.mode === "answering" || this.mode === "revising") && !(this.awaitsAdvice && this.advisedAt === null);
  }

  /** The advice has been asked for: nothing is chosen before it is there. */
  adviceAsked() {
    this.awaitsAdvice = true;
    this.advisedAt = null;
  }

  /**
   * The advice is on the screen. What was chosen before it is set aside: it takes an act to make it the answer again.
   * @param {number} at milliseconds of a clock that is never set
   */
  adviceOnScreen(at) {
    this.advisedAt = at;
    this.awaitsAdvice = true;
    const chosen = this.values.call !== null || this.values.confidence !== null;
    if (this.mode !== "answering" || this.acted !== null || !chosen) return;
    this.before = { ...this.values };
    this.values = { ...this.values, call: null, confidence: null };
  }

  /** The reader chooses to change a stored answer. */
  revise() {
    if (this.mode === "stored") this.mode = "revising";
  }

  /** The reader leaves it as it is after all. */
  leaveAsItIs() {
    if (this.mode !== "revising") return;
    this.mode = "stored";
    this.values = { ...this.initial };
    this.acted = null;
  }

  /**
   * Choose or write something; false when it is not the time.
   * @param {Partial<Values>} part
   * @param {number} at
   */
  set(part, at) {
    if (!this.ready) return false;
    this.values = { ...this.values, ...part };
    if (part.box) this.values.no_lesion = false;
    if (part.no_lesion) this.values.box = null;
    if (this.advisedAt !== null) this.acted = Math.max(at - this.advisedAt, 0) / 1000;
    return true;
  }

  /**
   * Choose again what was chosen before the advice.
   * @param {number} at
   */
  keep(at) {
    if (!this.before) return false;
    const { call, confidence } = this.before;
    return this.set({ call: call ?? this.values.call, confidence: confidence ?? this.values.confidence }, at);
  }

  /** @returns {Missing | null} what stands between this and an answer */
  get missing() {
    if (this.mode === "stored" || this.mode === "blank") return "stored";
    if (!this.ready) return "waiting";
    if (this.question.call && this.values.call === null) return "call";
    if (this.values.confidence === null) return "confidence";
    if (this.question.draw_box && this.values.box === null && !this.values.no_lesion) return "box";
    if (this.question.draw_box && this.values.no_lesion && this.values.call === 1) return "contradiction";
    if (this.mode === "revising" && same(this.values, this.initial)) return "unchanged";
    if (this.advisedAt !== null && this.acted === null) return "choice";
    return null;
  }

  /** The answer as it is sent. */
  get answer() {
    const { call, box, comment } = this.values;
    return {
      confidence: this.values.confidence,
      call: this.question.call ? call : null,
      box: this.question.draw_box ? box : null,
      comment: clean(comment).trim(),
      no_lesion: this.question.draw_box && this.values.no_lesion,
      revises: this.revises,
      acted: this.acted,
    };
  }

  /** What is worth keeping of it, empty where nothing was begun. */
  get draft() {
    const begun = (this.mode === "answering" || this.mode === "revising") && !same(this.values, this.initial);
    return begun ? { ...this.values, comment: clean(this.values.comment), revises: this.revises, acted: this.acted } : { revises: this.revises };
  }
}

/**
 * @param {Values} a
 * @param {Values} b
 */
function same(a, b) {
  const sides = /** @type {const} */ (["view", "x0", "y0", "x1", "y1"]);
  const boxes = a.box && b.box ? sides.every((side) => a.box?.[side] === b.box?.[side]) : a.box === b.box;
  return a.confidence === b.confidence && a.call === b.call && a.comment.trim() === b.comment.trim() && a.no_lesion === b.no_lesion && boxes;
}
