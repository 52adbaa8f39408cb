// Move the cut-off of a model and see what it gives at every centre.

import { h, section } from "./page.js";
import { number, range } from "./numbers.js";
import { among, atCut, benefit, predictive, recalibrated } from "./counting.js";
import { corners } from "./roc.js";
import { sortable } from "./sorting.js";
import { drawCurves } from "./curves.js";

/**
 * @typedef {import("./page.js").Model} Model
 * @typedef {import("./page.js").Told} Told
 * @typedef {import("./counting.js").Among} Among
 */

/**
 * @typedef {object} Chosen what the reader has chosen
 * @property {Model[]} models in the order of the report
 * @property {number[]} strata
 * @property {Map<Model, number>} cuts
 * @property {number | null} prevalence as stated; null: as it is in the cases
 */

/** The columns of numbers. */
const COLUMNS = ["Positive", "Sensitivity", "Specificity", "PPV", "NPV", "LR+", "LR−", "TP", "FP", "TN", "FN", "Net benefit"];

/**
 * Put the explorer on the page.
 * @param {Told} told
 */
export function explore(told) {
  const cuts = new Map(told.models.map((model) => [model, Object.values(model.rules)[0] ?? median(model.p)]));
  /** @type {Chosen} */
  const chosen = { models: told.models.slice(0, 1), strata: told.strata.map((_, i) => i), cuts, prevalence: null };
  const cases = new Map(told.models.map((model) => [model, told.strata.map((stratum) => inStratum(told, model, stratum.places))]));
  const curves = new Map(told.models.map((model) => [model, /** @type {Among[]} */ (cases.get(model)).map(corners)]));
  const results = h("div", { class: "table", role: "region", "aria-label": "What the cut-offs give", tabindex: "0" });
  const panels = h("div", { class: "curves" });
  const rows = new Map(told.models.map((model) => [model, control(model, moved)]));
  let waiting = 0;

  /**
   * A cut-off was moved.
   * @param {Model} model
   * @param {number} cut
   */
  function moved(model, cut) {
    chosen.cuts.set(model, cut);
    rows.get(model)?.show(cut);
    // One drawing a frame, however fast the slider goes.
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(draw);
  }

  function draw() {
    results.replaceChildren(tableOf(told, chosen, cases));
    sortable(/** @type {HTMLTableElement} */ (results.firstElementChild));
    drawCurves(panels, told, chosen, curves, moved);
  }

  /** @type {(title: string, names: [string, boolean, (on: boolean) => void][]) => HTMLElement} */
  const choices = (title, names) => h("fieldset", {}, h("legend", {}, title),
    ...names.map(([name, on, pick]) => h("label", {}, h("input", { type: "checkbox", checked: on,
      onchange: (/** @type {Event} */ event) => (pick(/** @type {HTMLInputElement} */ (event.target).checked), draw()) }), ` ${name}`)));

  const models = choices("Models", told.models.map((model, i) => [model.name, i === 0, (on) => {
    chosen.models = told.models.filter((one) => (one === model ? on : chosen.models.includes(one)));
    rows.get(model)?.line.toggleAttribute("hidden", !on);
  }]));
  const centres = choices("Centres", told.strata.map((stratum, i) => [stratum.title, true, (on) => {
    chosen.strata = told.strata.map((_, k) => k).filter((k) => (k === i ? on : chosen.strata.includes(k)));
  }]));
  told.models.forEach((model, i) => rows.get(model)?.line.toggleAttribute("hidden", i !== 0));
  const rules = [...new Set(told.models.flatMap((model) => Object.keys(model.rules)))];
  const points = h("p", { class: "row" }, "Set to what was fixed on development: ", ...rules.map((rule) =>
    h("button", { type: "button", onclick: () => told.models.forEach((model) => rule in model.rules && moved(model, model.rules[rule])) }, rule)));
  const prevalence = h("label", { class: "row" }, "Share of positive cases, % ", h("input", { type: "number", min: "0.1", max: "99.9", step: "any", placeholder: "as in the cases", class: "wide",
    oninput: (/** @type {Event} */ event) => {
      const share = /** @type {HTMLInputElement} */ (event.target).valueAsNumber / 100;
      chosen.prevalence = share > 0 && share < 1 ? share : null;
      draw();
    } }), " for the predictive values");
  section("cut-off", "Move the cut-off", "discrimination",
    h("p", {}, "What every model calls at any cut-off, at every centre. At first the cut-offs are those that were fixed on ",
      "development, with the numbers that the table of operating points has. A cut-off that is chosen after looking at external cases ",
      "describes them; it is no test. Net benefit is that of acting on positive calls at the risk that the cut-off is after recalibration; ",
      "beside it, that of acting on every case. LR: likelihood ratio of a positive and of a negative call."),
    h("div", { class: "panel" }, h("div", { class: "choices" }, models, centres), ...Array.from(rows.values(), (row) => row.line), points, prevalence),
    results, panels);
  draw();
}

/**
 * Slider and number of a model's cut-off. A step of the slider is the next probability that the model gave.
 * @param {Model} model
 * @param {(model: Model, cut: number) => void} moved
 */
function control(model, moved) {
  const steps = [...new Set(model.p)].sort((a, b) => a - b);
  const nearest = (/** @type {number} */ cut) => {
    const place = steps.findIndex((one) => one >= cut);
    return place < 0 ? steps.length - 1 : place;
  };
  const label = `Cut-off of ${model.name}`;
  const slider = h("input", { type: "range", min: "0", max: String(steps.length - 1), step: "1", "aria-label": label,
    oninput: () => moved(model, steps[slider.valueAsNumber]) });
  const field = h("input", { type: "number", min: "0", max: "1", step: "0.001", "aria-label": `${label}, as a number`,
    onchange: () => field.value !== "" && moved(model, Math.min(1, Math.max(0, field.valueAsNumber))) });
  const line = h("div", { class: "row slider", style: `--model: ${model.colour}` }, h("span", {}, model.name), slider, field);
  /** @param {number} cut */
  function show(cut) {
    slider.value = String(nearest(cut));
    slider.setAttribute("aria-valuetext", number(cut));
    field.value = cut.toFixed(3);
  }
  show(Object.values(model.rules)[0] ?? median(model.p));
  return { line, show };
}

/**
 * @param {Told} told
 * @param {Chosen} chosen
 * @param {Map<Model, Among[]>} cases
 */
function tableOf(told, chosen, cases) {
  const body = h("tbody");
  for (const model of chosen.models) {
    const cut = /** @type {number} */ (chosen.cuts.get(model));
    const risk = recalibrated(cut, model.line);
    const title = `${model.name} at cut-off ${number(cut)}${model.line ? `, a risk of ${number(100 * risk, 1)}% after recalibration` : ""}`;
    body.append(h("tr", { class: "group" }, h("th", { scope: "colgroup", colspan: COLUMNS.length + 1 }, title)));
    for (const stratum of chosen.strata) {
      const found = atCut(/** @type {Among[]} */ (cases.get(model))[stratum], cut, told);
      body.append(rowOf(told.strata[stratum].title, found, chosen.prevalence, benefit(found, risk)));
    }
  }
  const stated = chosen.prevalence === null ? "" : ` Predictive values where ${number(100 * chosen.prevalence, 1)}% of cases are ${told.positive}; their limits are those of the likelihood ratios.`;
  return h("table", {}, h("caption", {}, h("span", {}, h("b", {}, "What the cut-offs give."), ` ${told.level * 100}% intervals as in the tables.${stated}`)),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "text" }, "Centre"), ...COLUMNS.map((name) => h("th", { scope: "col", class: "number" }, name)))), body);
}

/**
 * @param {string} centre
 * @param {ReturnType<typeof atCut>} found
 * @param {number | null} prevalence as stated
 * @param {{model: number, all: number}} gain
 */
function rowOf(centre, found, prevalence, gain) {
  const { tp, fp, tn, fn } = found;
  const values = prevalence === null ? found : predictive(found, prevalence);
  const told = [found.sensitivity, found.specificity, values.ppv, values.npv, found.lrPositive, found.lrNegative];
  return h("tr", {}, h("th", { scope: "row" }, centre), h("td", { class: "number" }, String(tp + fn), h("small", {}, `of ${tp + fp + tn + fn}`)),
    ...told.map(({ value, limits }) => Number.isNaN(value) ? h("td", { class: "number none" }, "not estimable")
      : h("td", { class: "number" }, number(value), h("small", {}, range(limits)))),
    ...[tp, fp, tn, fn].map((count) => h("td", { class: "number" }, String(count))),
    h("td", { class: "number" }, number(gain.model), h("small", {}, `all: ${number(gain.all)}`)));
}

/**
 * @param {Told} told
 * @param {Model} model
 * @param {number[]} places
 */
function inStratum(told, model, places) {
  const which = told.place.flatMap((place, i) => (places.includes(place) ? [i] : []));
  return among(which, (i) => Number(told.label[i]), (i) => model.p[i], (i) => told.patient[i]);
}

/** @param {number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
