// The screens between readings: questionnaires, review, wash-out, thanks.

import { Refused, get, persist, post } from "./api.js";
import { card, heading } from "./door.js";
import { Drafts } from "./drafts.js";
import { ask, h, say, show } from "./dom.js";
import { spoken, t } from "./language.js";
import { ended } from "./scope.js";
import { languages } from "./speaking.js";
import { clean } from "./words.js";

/**
 * @typedef {import("./types.js").Me} Me
 * @typedef {import("./types.js").Whereabouts} Whereabouts
 * @typedef {{ done: (whereabouts: Whereabouts) => void, refused: (error: unknown) => void }} Ears
 */

/**
 * A questionnaire, stored as a whole; what is filled in is kept meanwhile.
 * @param {Me} me
 * @param {AbortSignal} signal
 * @param {Ears} ears
 */
export function questionnaire(me, signal, { done, refused }) {
  const { name, items, filled } = me.stage;
  const first = name === "before";
  const drafts = new Drafts(`questionnaires/${name}/draft`, signal, (error) => {
    if (!(error instanceof Refused && error.status === 409)) refused(error);
  });
  const button = h("button", { class: "primary" }, first ? t("Start reading") : t("Finish"));
  const given = () =>
    Object.fromEntries([...new FormData(form)].flatMap(([key, value]) => (typeof value === "string" && value !== "" ? [[key, clean(value)]] : [])));
  const form = h(
    "form",
    {
      class: "questionnaire",
      oninput: () => drafts.change({ answers: given() }),
      onsubmit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        if (button.disabled) return;
        button.disabled = true;
        drafts.stop();
        try {
          const answers = given();
          done(await persist(() => post(`questionnaires/${name}`, { answers }, signal), signal, t("Not saved yet: the server does not answer. Trying again …")));
        } catch (error) {
          if (ended(error)) return;
          button.disabled = false;
          if (error instanceof Refused && error.status === 409) {
            say(error.message, "alarm");
            drafts.change({ answers: given() });
          } else refused(error);
        }
      },
    },
    items.map((item) => field(item, filled[item.id] ?? "")),
    button,
  );
  addEventListener("pagehide", () => drafts.part(), { signal });
  document.addEventListener("visibilitychange", () => document.hidden && drafts.part(), { signal });
  show(
    card(
      h("div", { class: "row" }, h("p", { class: "quiet" }, me.study.title), languages()),
      heading(first ? t("Before you start") : t("Before you go")),
      h("p", {}, first ? introduction(me) : t("A few questions about reading with the model's advice.")),
      form,
    ),
  );
}

/** @param {Me} me */
function introduction({ question, stage, code }) {
  const { cases, sessions } = stage;
  return [
    t("You are reader {reader}.", { reader: code }),
    sessions > 1
      ? t({
          one: "You will read {cases} cases in each of {sessions} sessions, at least {n} day apart.",
          other: "You will read {cases} cases in each of {sessions} sessions, at least {n} days apart.",
        }, { cases, sessions, n: Number(question.washout_days) })
      : t("You will read {cases} cases, each first without and then with the model's advice.", { cases }),
    t("You can pause at any time and go on at another machine. First, a few questions about you and such software."),
  ].join(" ");
}

/**
 * @param {import("./types.js").Item} item
 * @param {string} filled
 */
function field(item, filled) {
  const id = `item-${item.id}`;
  const required = item.required;
  if (item.kind === "scale") {
    const ends = [t("disagree"), "", "", "", t("agree")];
    return h(
      "fieldset",
      { class: "scale" },
      h("legend", {}, t(item.text)),
      [1, 2, 3, 4, 5].map((value) =>
        h("label", { class: "choice" }, h("input", { type: "radio", name: item.id, value, required, checked: filled === String(value) }), h("span", {}, h("b", {}, value), ends[value - 1])),
      ),
    );
  }
  const label = h("label", { for: id }, t(item.text));
  if (item.kind === "choice")
    return h("div", { class: "field" }, label, h("select", { id, name: item.id, required }, h("option", { value: "" }, t("Please choose")), item.choices.map((text) => h("option", { value: text, selected: text === filled }, t(text)))));
  if (item.kind === "number")
    return h("div", { class: "field" }, label, h("input", { id, name: item.id, type: "number", min: 0, step: "any", required, value: filled }));
  return h("div", { class: "field" }, label, h("textarea", { id, name: item.id, rows: 3, maxlength: 2000, required }, filled));
}

/**
 * All cases are answered: go back to one, or close the session.
 * @param {Me} me
 * @param {AbortSignal} signal
 * @param {Ears & { open: (position: number) => void }} ears
 */
export function review(me, signal, { open, done, refused }) {
  const { cases, session, sessions, drafts } = me.stage;
  const title = sessions > 1 ? t("Close session {session}", { session }) : t("Close the session");
  const close = async () => {
    try {
      /** @type {Me} */
      const now = await persist(() => get("me", signal), signal);
      if (!(await ask(title, sure(now), [[t("Not yet"), false], [t("Close it"), true]], signal)) || signal.aborted) return;
      done(await persist(() => post("close", { session }, signal), signal));
    } catch (error) {
      refused(error);
    }
  };
  const numbers = Array.from({ length: cases }, (_, index) => index + 1);
  show(
    card(
      h("div", { class: "row" }, h("p", { class: "quiet" }, me.study.title), languages()),
      heading(t({ one: "The case is answered", other: "All {n} cases are answered" }, { n: cases })),
      h("p", {}, me.question.revise
        ? t("You may go back to any of them. Once you close the session, nothing in it can be changed.")
        : t("Close the session to finish it.")),
      drafts.length > 0 && h("p", { class: "alarm-text" }, begun(drafts)),
      me.question.revise && h("nav", { class: "numbers", "aria-label": t("Cases") }, numbers.map((number) =>
        h("button", { type: "button", class: drafts.includes(number) ? "begun" : "", onclick: () => open(number) }, number))),
      h("button", { type: "button", class: "primary", onclick: () => void close() }, title),
    ),
  );
}

/** @param {Me} me */
function sure({ stage, question }) {
  const open = stage.open ? t({ one: "{n} case is still open.", other: "{n} cases are still open." }, { n: stage.open }) : t("No case is open.");
  return [
    h("p", {}, open, " ", t("{answered} of {cases} are answered.", { answered: stage.cases - stage.open, cases: stage.cases })),
    stage.drafts.length > 0 && h("p", { class: "alarm-text" }, begun(stage.drafts), " ", t("It will be lost.")),
    h("p", {}, question.revise ? t("Once the session is closed, none of its answers can be looked at or changed.") : t("This cannot be undone.")),
  ];
}

/** @param {number[]} positions */
function begun(positions) {
  return t({
    one: "You began to change the answer to case {cases} and did not save it.",
    other: "You began to change the answers to cases {cases} and did not save them.",
  }, { cases: positions.join(", "), n: positions.length });
}

/**
 * The next session is not open yet.
 * @param {Me} me
 * @param {AbortSignal} signal
 * @param {() => void} again looks whether it is
 */
export function washout(me, signal, again) {
  const opens = new Date(me.stage.opens_at ?? 0);
  const date = opens.toLocaleString(spoken(), { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" });
  const days = Math.ceil((opens.getTime() - Date.now()) / 86400000);
  document.addEventListener("visibilitychange", () => !document.hidden && Date.now() > opens.getTime() && again(), { signal });
  show(
    card(
      h("div", { class: "row" }, h("p", { class: "quiet" }, me.study.title), languages()),
      heading(t("Thank you: the first session is complete")),
      h("p", {}, t("Between the sessions there is a pause, so that you meet the cases afresh.")),
      h("p", { class: "date" }, h("strong", {}, date), h("span", { class: "quiet" }, days > 1 ? t({ one: "in {n} day", other: "in {n} days" }, { n: days }) : t("within a day"))),
      h("p", {}, t("Come back then with the same link. You can close this page now.")),
    ),
  );
}

/**
 * The reader is done.
 * @param {Me} me
 */
export function thanks(me) {
  show(
    card(
      h("div", { class: "row" }, h("p", { class: "quiet" }, me.study.title), languages()),
      heading(t("Thank you")),
      h("p", {}, t("All your readings are stored. There is nothing more to do; you can close this page.")),
    ),
  );
}
