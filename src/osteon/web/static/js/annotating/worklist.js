// The work list: every case, how it stands, and where to go on.

import { h, show } from "../dom.js";
import { heading } from "../door.js";
import { after } from "./room.js";

/**
 * @typedef {import("./types.js").Me} Me
 * @typedef {import("./types.js").Task} Task
 */

/** @type {Record<Task["state"], string>} */
const WORDS = { open: "to do", begun: "begun", done: "done", waiting: "not yet annotated by all", agreed: "agreed", differ: "to decide" };

/**
 * @param {Me} me
 * @param {(position: number) => void} open
 */
export function worklist({ study, code, work, adjudicates, questions }, open) {
  const next = after(work);
  const count = (/** @type {string[]} */ ...states) => work.filter(({ state }) => states.includes(state)).length;
  const said = adjudicates
    ? `${count("differ", "begun")} to decide, ${count("done")} decided, ${count("agreed")} agreed, ${count("waiting")} not yet annotated by all.`
    : `${count("done")} of ${work.length} cases are done${count("begun") ? `, ${count("begun")} begun` : ""}.`;
  show(h("main", { class: "card worklist" },
    h("p", { class: "quiet" }, `${study.title}: ${adjudicates ? "adjudicator" : "annotator"} ${code}`),
    heading(next === undefined ? (adjudicates && count("waiting") ? "Nothing to decide yet" : "All done, thank you") : adjudicates ? "Adjudication" : "Your cases"),
    questions.instructions && h("p", { class: "instructions" }, questions.instructions),
    h("p", {}, said),
    h("progress", { max: work.length, value: count("done", "agreed"), "aria-label": "Cases done" }),
    next !== undefined && h("button", { type: "button", class: "primary", onclick: () => open(next) }, count("done", "begun") ? "Go on" : "Start"),
    h("nav", { class: "numbers", "aria-label": "Cases" }, work.map(({ position, state, why }) =>
      h("button", { type: "button", class: state, disabled: ["waiting", "agreed"].includes(state), title: [WORDS[state], why].filter(Boolean).join(": "), "aria-label": `Case ${position}: ${WORDS[state]}`, onclick: () => open(position) }, position))),
    h("p", { class: "legend quiet" }, adjudicates ? "Amber: to decide. Blue: decided." : "Amber: begun, not saved. Blue: done; you may open a case again and change it."),
  ));
}
