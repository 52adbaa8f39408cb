// The administrator's page: how far everybody has come, and their links. Nothing of what they drew.

import { Frame } from "../administering/frame.js";
import { get, persist, post, whoami } from "../api.js";
import { ask, element, h, show } from "../dom.js";

/** @typedef {import("./types.js").Progress} Progress */

const frame = new Frame(opened);

/** @param {AbortSignal} signal */
async function opened(signal) {
  /** @type {import("./types.js").AdministratorMe} */
  const me = await persist(() => whoami("office/me", signal), signal);
  show(h("main", { class: "administration" },
    h("p", { class: "quiet" }, me.study.title),
    h("h1", { tabindex: "-1", "data-focus": true }, "Progress"),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, ["Person", "Cases", "Seconds a case (median)", "Last seen", "Link"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", { id: "rows" }))),
  ));
  void frame.watch(draw, signal);
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
    frame.out(error);
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
    frame.out(error);
  }
}

void frame.begin();
