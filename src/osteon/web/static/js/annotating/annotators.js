// The administrator's page: how far everybody has come, and their links. Nothing of what they drew.

import { Refused, enter, get, persist, post, whoami } from "../api.js";
import { ask, element, h, say, show } from "../dom.js";
import { door } from "../door.js";
import { Scope, ended } from "../scope.js";
import { pause } from "../trouble.js";

/** @typedef {import("./types.js").Progress} Progress */

const EVERY = 15000;
const page = new Scope();
let screen = new Scope(page.signal);

async function begin() {
  const token = location.hash.slice(1);
  try {
    if (token) await persist(() => enter(token, page.signal), page.signal);
    await opened();
  } catch (error) {
    out(error, token !== "");
  }
}

/**
 * @param {unknown} error
 * @param {boolean} [told]
 */
function out(error, told = false) {
  if (ended(error)) return;
  if (!(error instanceof Refused && (error.status === 401 || error.status === 403))) return say(error instanceof Error ? error.message : String(error), "alarm", 0);
  screen.close();
  screen = new Scope(page.signal);
  const { signal } = screen;
  door(told ? error.message : "", signal, async (token) => {
    const { role } = await enter(token, signal);
    if (role !== "admin") location.replace("/");
    else await opened();
  });
}

async function opened() {
  screen.close();
  screen = new Scope(page.signal);
  const { signal } = screen;
  /** @type {import("./types.js").AdministratorMe} */
  const me = await persist(() => whoami("office/me", signal), signal);
  show(h("main", { class: "administration" },
    h("p", { class: "quiet" }, me.study.title),
    h("h1", { tabindex: "-1", "data-focus": true }, "Progress"),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, ["Person", "Cases", "Seconds a case (median)", "Last seen", "Link"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", { id: "rows" }))),
  ));
  void watch(signal);
}

/** @param {AbortSignal} signal */
async function watch(signal) {
  try {
    for (;;) {
      await draw(signal);
      await pause(EVERY, signal);
    }
  } catch (error) {
    out(error);
  }
}

/** @param {AbortSignal} signal */
async function draw(signal) {
  /** @type {Progress[]} */
  const rows = await persist(() => get("office/progress", signal), signal);
  element("rows").replaceChildren(...rows.map((row) => h("tr", {},
    h("th", { scope: "row" }, row.code, row.adjudicates && h("span", { class: "quiet" }, " adjudicator")),
    h("td", {}, row.adjudicates ? `${row.done} decided` : [h("progress", { max: row.cases, value: row.done }), ` ${row.done} of ${row.cases}`]),
    h("td", {}, row.seconds ?? ""),
    h("td", {}, row.seen_at ? new Date(row.seen_at).toLocaleString() : "never"),
    h("td", { class: "actions" },
      h("button", { type: "button", onclick: () => void invite(row.code, signal) }, "New link"),
      row.invited ? h("button", { type: "button", onclick: () => void revoke(row.code, signal) }, "End link") : h("span", { class: "quiet" }, "no link")),
  )));
}

/**
 * @param {string} code
 * @param {AbortSignal} signal
 */
async function invite(code, signal) {
  try {
    if (!(await ask(`A new link for ${code}?`, "The old one ends at once, and every browser signed in with it.", [["No", false], ["New link", true]], signal))) return;
    const { token } = await post(`office/people/${code}/invite`, undefined, signal);
    await ask(`The link of ${code}`, h("p", {}, h("code", {}, `${location.origin}/#${token}`)), [["Close", false]], signal);
    await draw(signal);
  } catch (error) {
    out(error);
  }
}

/**
 * @param {string} code
 * @param {AbortSignal} signal
 */
async function revoke(code, signal) {
  try {
    if (!(await ask(`End the link of ${code}?`, "They are signed out at once.", [["No", false], ["End it", true]], signal))) return;
    await post(`office/people/${code}/revoke`, undefined, signal);
    await draw(signal);
  } catch (error) {
    out(error);
  }
}

void begin();
