// The form of a served model: what was chosen goes to this server, and what the model says is shown beneath.

import { h } from "./dom.js";

/** Milliseconds after which a question is given up. */
const PATIENCE = 300_000;
const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
const answer = /** @type {HTMLElement} */ (document.getElementById("answer"));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  answer.replaceChildren("Asking …");
  try {
    const reply = await fetch("/predict", { method: "POST", body: question(), signal: AbortSignal.timeout(PATIENCE) });
    const said = await reply.json();
    answer.replaceChildren(reply.ok ? shown(said) : h("p", { class: "alarm" }, said.error));
  } catch {
    answer.replaceChildren(h("p", { class: "alarm" }, "The server does not answer."));
  }
  button.disabled = false;
});

/** What the form holds, as the server takes it; what is empty is left out. */
function question() {
  const filled = new FormData(form);
  const sent = new FormData();
  const sides = ["x0", "y0", "x1", "y1"].map((side) => String(filled.get(side) ?? ""));
  if (sides.some((side) => side !== "")) sent.set("box", sides.join(","));
  for (const name of ["radiograph", "mask"]) {
    const file = filled.get(name);
    // Its name may be a patient's, and nobody needs it.
    if (file instanceof File && file.size) sent.set(name, file, name);
  }
  sent.set("unsteady", String(filled.get("unsteady") || 0));
  /** @type {Record<string, string | null>} */
  const columns = {};
  for (const input of form.querySelectorAll("input[data-column]")) {
    const { dataset, value } = /** @type {HTMLInputElement} */ (input);
    columns[String(dataset.column)] = value.trim() || null;
  }
  sent.set("columns", JSON.stringify(columns));
  return sent;
}

/**
 * What the model says, in rows.
 * @param {Record<string, any>} said
 */
function shown(said) {
  const rows = [[`Probability of ${said.positive}`, said.probability.toFixed(3)], ["Models of the folds", range(said.folds)]];
  if (said.recalibrated !== null) rows.push(["Recalibrated", said.recalibrated.toFixed(3)]);
  for (const [rule, call] of Object.entries(said.calls)) rows.push([`Called at '${rule}'`, String(call)]);
  if (said.set) rows.push(["Prediction set", said.set]);
  if (said.boxes) rows.push(["Under changed boxes", range(said.boxes)]);
  if (said.imputed.length) rows.push(["Filled in, not known", said.imputed.join(", ")]);
  const far = said.unlike && h("p", { class: "alarm" }, "UNLIKE the cases that the model was made from. Do not rely on it.");
  const table = h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value))));
  return h("div", {}, far, h("table", {}, table), h("p", { class: "quiet" }, said.notice));
}

/** @param {{ low: number, high: number }} spread */
function range(spread) {
  return `${spread.low.toFixed(3)} to ${spread.high.toFixed(3)}`;
}
