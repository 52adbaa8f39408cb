// The administrator's page: how far every reader has come, and their links. No readings.

import { Refused, enter, get, post, whoami } from "./api.js";
import { h, say, show } from "./dom.js";
import { door } from "./screens.js";

const EVERY = 15000;
const STAGES = {
  before: "questionnaire before", reading: "reading", review: "reviewing", washout: "wash-out", after: "questionnaire after", done: "finished",
};
let timer = 0;

async function begin() {
  const token = location.hash.slice(1);
  try {
    await opened(token ? await enter(token) : await whoami());
  } catch (error) {
    if (error instanceof Refused && error.status === 401) door(opened, token ? error.message : "");
    else say(error.message, "alarm", 0);
  }
}

async function opened(me) {
  if (me.role !== "admin") return location.replace("/");
  clearInterval(timer);
  timer = setInterval(() => draw(me), EVERY);
  return draw(me);
}

async function draw(me) {
  try {
    const rows = await get("readers");
    if (!document.querySelector(".office")) show(office(me));
    document.querySelector(".office tbody").replaceChildren(...rows.map((row) => line(me, row)));
    const finished = rows.filter(({ stage }) => stage === "done").length;
    document.querySelector(".office .sum").textContent = `${finished} of ${rows.length} readers have finished.`;
  } catch (error) {
    if (error instanceof Refused && error.status === 401) {
      clearInterval(timer);
      door(opened, error.message);
    } else say("The server cannot be reached. Trying again …", "alarm");
  }
}

function office(me) {
  const head = ["Reader", "Experience", "Session", "Stage", "Cases read", "Median time", "Last seen", "Invitation"];
  return h("main", { class: "office" },
    h("p", { class: "quiet" }, me.study.title, me.study.synthetic && " · synthetic pictures"),
    h("h1", { tabindex: "-1", "data-focus": true }, "Progress of the readers"),
    h("p", { class: "sum" }),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Progress by reader" },
      h("table", {}, h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody"))),
    h("p", { class: "quiet" }, "This page never shows readings. A new link ends the old one and every browser that is signed in with it."),
  );
}

function line(me, row) {
  const when = (text) => (text ? new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "–");
  return h("tr", {},
    h("th", { scope: "row" }, row.code),
    h("td", {}, row.experience === null ? "–" : `${row.experience} years`),
    h("td", {}, `${row.session} of ${row.sessions}`),
    h("td", {}, STAGES[row.stage], row.opens_at && h("span", { class: "quiet" }, `until ${when(row.opens_at)}`)),
    h("td", {}, h("progress", { max: row.cases, value: row.read, "aria-label": `Cases read by ${row.code}` }), ` ${row.read} / ${row.cases}`),
    h("td", {}, row.seconds === null ? "–" : `${row.seconds} s`),
    h("td", {}, when(row.seen_at)),
    h("td", { class: "actions" },
      !row.invited && h("span", { class: "quiet" }, "ended"),
      h("button", { type: "button", onclick: () => renew(me, row.code) }, "New link"),
      row.invited && h("button", { type: "button", onclick: () => revoke(me, row.code) }, "End"),
    ),
  );
}

async function renew(me, code) {
  if (!(await sure(`Give ${code} a new link?`, "Their old link stops working at once."))) return;
  const { token } = await post(`readers/${code}/invite`);
  const text = `${location.origin}/#${token}`;
  const field = h("input", { type: "text", readonly: true, value: text, "aria-label": `New link of ${code}`, onfocus: () => field.select() });
  await asked(h("h2", {}, `New link of ${code}`), h("p", {}, "It is shown this once; the server keeps only its fingerprint."), field, [["Close", true]]);
  await draw(me);
}

async function revoke(me, code) {
  if (!(await sure(`End the link of ${code}?`, "They are signed out everywhere. What they have stored stays."))) return;
  await post(`readers/${code}/revoke`);
  await draw(me);
}

const sure = (question, detail) => asked(h("h2", {}, question), h("p", {}, detail), null, [["Cancel", false], ["Yes", true]]);

/** A dialog; resolves to the value of the button that was pressed, false when it was dismissed. */
function asked(title, text, extra, buttons) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "help", onclose: () => (dialog.remove(), resolve(dialog.returnValue === "true")) },
      title, text, extra,
      h("form", { method: "dialog", class: "row" }, buttons.map(([label, value]) => h("button", { value: String(value), class: value ? "primary" : "" }, label))),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

// a link pasted into this very tab changes the hash alone, which loads nothing
addEventListener("hashchange", () => location.hash && location.reload());

begin();
