// The screens between readings: invitation, questionnaires, review, wash-out, thanks.

import { Refused, enter, post } from "./api.js";
import { h, say, show } from "./dom.js";

function card(...content) {
  return h("main", { class: "card" }, content);
}

function heading(text) {
  return h("h1", { tabindex: "-1", "data-focus": true }, text);
}

/** Ask for the invitation. */
export function door(entered, message = "") {
  const field = h("input", { id: "token", type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", required: true });
  const form = h(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          entered(await enter(field.value.trim().replace(/^.*#/, "")));
        } catch (error) {
          say(error.message, "alarm");
        }
      },
    },
    h("label", { for: "token" }, "Your invitation link, or the part of it after the # sign"),
    field,
    h("button", { class: "primary" }, "Sign in"),
  );
  show(card(heading("Reading room"), message && h("p", { class: "alarm-text", role: "alert" }, message), h("p", { class: "quiet" }, "Please open the link you were sent, or paste it here."), form));
}

/** A questionnaire, stored as a whole. */
export function questionnaire(me, done) {
  const { name, items } = me.stage;
  const first = name === "before";
  const fields = items.map((item) => field(item));
  const form = h(
    "form",
    {
      class: "questionnaire",
      onsubmit: async (event) => {
        event.preventDefault();
        const answers = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
        try {
          done(await post(`questionnaires/${name}`, { answers }));
        } catch (error) {
          if (error instanceof Refused && error.status === 409) say(error.message, "alarm");
          else done(null, error);
        }
      },
    },
    fields,
    h("button", { class: "primary" }, first ? "Start reading" : "Finish"),
  );
  show(
    card(
      h("p", { class: "quiet" }, me.study.title),
      heading(first ? "Before you start" : "Before you go"),
      h("p", {}, first ? introduction(me) : "A few questions about reading with the model's advice."),
      form,
    ),
  );
}

function introduction({ question, stage, code }) {
  const sessions = stage.sessions > 1
    ? `You will read ${stage.cases} cases in each of ${stage.sessions} sessions, at least ${Number(question.washout_days)} days apart.`
    : `You will read ${stage.cases} cases, each first without and then with the model's advice.`;
  return `You are reader ${code}. ${sessions} You can pause at any time and go on at another machine. First, a few questions about you and such software.`;
}

function field(item) {
  const id = `item-${item.id}`;
  const required = item.required;
  if (item.kind === "scale") {
    const ends = ["disagree", "", "", "", "agree"];
    return h(
      "fieldset",
      { class: "scale" },
      h("legend", {}, item.text),
      [1, 2, 3, 4, 5].map((value) =>
        h("label", { class: "choice" }, h("input", { type: "radio", name: item.id, value, required }), h("span", {}, h("b", {}, value), ends[value - 1])),
      ),
    );
  }
  const label = h("label", { for: id }, item.text);
  if (item.kind === "choice")
    return h("div", { class: "field" }, label, h("select", { id, name: item.id, required }, h("option", { value: "" }, "Please choose"), item.choices.map((text) => h("option", {}, text))));
  if (item.kind === "number")
    return h("div", { class: "field" }, label, h("input", { id, name: item.id, type: "number", min: 0, step: "any", required }));
  return h("div", { class: "field" }, label, h("textarea", { id, name: item.id, rows: 3, maxlength: 2000, required }));
}

/** All cases are answered: go back to one, or close the session. */
export function review(me, { open, done }) {
  const { cases, session, sessions } = me.stage;
  const close = async () => {
    try {
      done(await post("close", { session }));
    } catch (error) {
      done(null, error);
    }
  };
  show(
    card(
      h("p", { class: "quiet" }, me.study.title),
      heading(`All ${cases} cases are answered`),
      h("p", {}, me.question.revise
        ? "You may go back to any of them. Once you close the session, nothing in it can be changed."
        : "Close the session to finish it."),
      me.question.revise && h("nav", { class: "numbers", "aria-label": "Cases" }, Array.from({ length: cases }, (_, i) => h("button", { type: "button", onclick: () => open(i + 1) }, i + 1))),
      h("button", { type: "button", class: "primary", onclick: close }, sessions > 1 ? `Close session ${session}` : "Close the session"),
    ),
  );
}

/** The next session is not open yet. */
export function washout(me) {
  const opens = new Date(me.stage.opens_at);
  const date = opens.toLocaleString(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" });
  const days = Math.ceil((opens - Date.now()) / 86400000);
  show(
    card(
      h("p", { class: "quiet" }, me.study.title),
      heading("Thank you: the first session is complete"),
      h("p", {}, "Between the sessions there is a pause, so that you meet the cases afresh."),
      h("p", { class: "date" }, h("strong", {}, date), h("span", { class: "quiet" }, days > 1 ? `in ${days} days` : "within a day")),
      h("p", {}, "Come back then with the same link. You can close this page now."),
    ),
  );
}

/** The reader is done. */
export function thanks(me) {
  show(
    card(
      h("p", { class: "quiet" }, me.study.title),
      heading("Thank you"),
      h("p", {}, "All your readings are stored. There is nothing more to do; you can close this page."),
    ),
  );
}
