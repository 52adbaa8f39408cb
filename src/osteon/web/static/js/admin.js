// The administrator's page: how far every reader has come, their links, and the wash-out. No readings.

import { Frame } from "./administering/frame.js";
import { Refused, get, persist, post, whoami } from "./api.js";
import { ask, element, h, say, show } from "./dom.js";
import { ended } from "./scope.js";

/**
 * @typedef {import("./types.js").AdministratorMe} AdministratorMe
 * @typedef {import("./types.js").ReaderProgress} Row
 * @typedef {import("./types.js").Protocol} Protocol
 */

/** @type {Record<string, string>} */
const STAGES = {
  consent: "consent", declined: "does not take part", instructions: "instructions", before: "questionnaire before", reading: "reading", review: "reviewing", washout: "wash-out", after: "questionnaire after", done: "finished",
};
const frame = new Frame(opened);

/** @param {AbortSignal} signal */
async function opened(signal) {
  /** @type {AdministratorMe} */
  const me = await persist(() => whoami("office/me", signal), signal);
  const protocol = h("section", { class: "protocol", "aria-label": "Protocol" });
  show(overview(me, protocol));
  await protocolOf(protocol, signal);
  void frame.watch(draw, signal);
}

/** @param {AbortSignal} signal */
async function draw(signal) {
  /** @type {Row[]} */
  const rows = await persist(() => get("readers", signal), signal);
  const body = document.querySelector(".administration tbody");
  body?.replaceChildren(...rows.map((row) => line(row, signal)));
  const finished = rows.filter(({ stage }) => stage === "done").length;
  element("sum").textContent = `${finished} of ${rows.length} readers have finished.`;
}

/**
 * @param {AdministratorMe} me
 * @param {HTMLElement} protocol
 */
function overview(me, protocol) {
  const head = ["Reader", "Experience", "Session", "Stage", "Cases read", "Median time", "Last seen", "Invitation"];
  return h("main", { class: "administration" },
    h("p", { class: "quiet" }, me.study.title, me.study.synthetic && " · synthetic pictures"),
    h("h1", { tabindex: "-1", "data-focus": true }, "Progress of the readers"),
    h("p", { id: "sum" }),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Progress by reader" },
      h("table", {}, h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody"))),
    h("p", { class: "quiet" }, "This page never shows readings. A new link ends the old one and every browser that is signed in with it."),
    protocol,
  );
}

/** @param {string | null} text */
const when = (text) => (text ? new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "–");
/** @param {number} count */
const years = (count) => `${count} ${count === 1 ? "year" : "years"}`;

/**
 * @param {Row} row
 * @param {AbortSignal} signal
 */
function line(row, signal) {
  return h("tr", {},
    h("th", { scope: "row" }, row.code),
    h("td", {}, row.experience === null ? "–" : years(row.experience)),
    h("td", {}, `${row.session} of ${row.sessions}`),
    h("td", {}, STAGES[row.stage] ?? row.stage, row.opens_at && h("span", { class: "quiet" }, `until ${when(row.opens_at)}`)),
    h("td", {}, h("progress", { max: row.cases, value: row.read, "aria-label": `Cases read by ${row.code}` }), ` ${row.read} / ${row.cases}`),
    h("td", {}, row.seconds === null ? "–" : `${row.seconds} s`),
    h("td", {}, when(row.seen_at)),
    h("td", { class: "actions" },
      !row.invited && h("span", { class: "quiet" }, "ended"),
      h("button", { type: "button", onclick: () => void acting(() => renew(row.code, signal)) }, "New link"),
      row.invited && h("button", { type: "button", onclick: () => void acting(() => revoke(row.code, signal)) }, "End"),
    ),
  );
}

/** @param {() => Promise<void>} act */
async function acting(act) {
  try {
    await act();
  } catch (error) {
    if (error instanceof Refused && error.status !== 401 && error.status !== 403) say(error.message, "alarm");
    else if (error instanceof Refused || ended(error)) frame.out(error);
    else say("The server cannot be reached. Please try again.", "alarm");
  }
}

/**
 * @param {string} code
 * @param {AbortSignal} signal
 */
async function renew(code, signal) {
  if (!(await sure(`Give ${code} a new link?`, "Their old link stops working at once.", signal))) return;
  const { token } = await post(`readers/${code}/invite`, undefined, signal);
  const text = `${location.origin}/#${token}`;
  const field = h("input", { type: "text", readonly: true, value: text, "aria-label": `New link of ${code}`, onfocus: () => field.select() });
  await ask(`New link of ${code}`, [h("p", {}, "It is shown this once; the server keeps only its fingerprint."), field], [["Close", true]], signal);
  await draw(signal);
}

/**
 * @param {string} code
 * @param {AbortSignal} signal
 */
async function revoke(code, signal) {
  if (!(await sure(`End the link of ${code}?`, "They are signed out everywhere. What they have stored stays.", signal))) return;
  await post(`readers/${code}/revoke`, undefined, signal);
  await draw(signal);
}

/**
 * @param {string} question
 * @param {string} detail
 * @param {AbortSignal} signal
 */
const sure = (question, detail, signal) => ask(question, h("p", {}, detail), [["Cancel", false], ["Yes", true]], signal);

// --- the protocol -----------------------------------------------------------------------------------------------------

/**
 * @param {HTMLElement} place
 * @param {AbortSignal} signal
 */
async function protocolOf(place, signal) {
  protocolShown(place, await persist(() => get("office/protocol", signal), signal), signal);
}

/**
 * The wash-out, and what was changed of it.
 * @param {HTMLElement} place
 * @param {Protocol} protocol
 * @param {AbortSignal} signal
 */
function protocolShown(place, { sessions, washout_days: now, changes }, signal) {
  if (sessions < 2) return;
  const days = h("input", { type: "number", id: "days", min: 0, max: 3650, step: "any", value: now, required: true });
  const reason = h("input", { type: "text", id: "reason", maxlength: 400, minlength: 3, required: true });
  /** @param {Event} event */
  const change = (event) => {
    event.preventDefault();
    void acting(async () => {
      const detail = `It is ${now} days now. The change holds for every reader who has not started the second session, and is written down with its reason.`;
      if (!(await sure(`Set the wash-out to ${days.value} days?`, detail, signal))) return;
      protocolShown(place, await post("office/washout", { days: Number(days.value), reason: reason.value }, signal), signal);
      await draw(signal);
    });
  };
  place.replaceChildren(
    h("h2", {}, "Wash-out"),
    h("p", {}, `At least ${now} days between the sessions.`),
    h("form", { class: "washout-form", onsubmit: change },
      h("label", { for: "days" }, "Days"), days, h("label", { for: "reason" }, "Reason"), reason, h("button", {}, "Change")),
    ...(changes.length === 0 ? [] : [h("ul", { class: "quiet" }, changes.map((made) =>
      h("li", {}, `${when(made.at)}: from ${made.before} to ${made.after} days. ${made.reason}`)))]),
  );
}

// a link pasted into this very tab changes the hash alone, which loads nothing
addEventListener("hashchange", () => location.hash && location.reload());

void frame.begin();
