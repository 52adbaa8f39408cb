// Open a case: its radiograph with box and map, every model's answer, and how far a changed box moves it.

import { h, section } from "./page.js";
import { number } from "./numbers.js";
import { sortable } from "./sorting.js";

/**
 * @typedef {import("./page.js").Model} Model
 * @typedef {import("./page.js").Told} Told
 */

/** Which cases are shown, by what the chosen model calls them at its own fixed cut-off. */
const KINDS = /** @type {Record<string, (called: boolean, positive: boolean) => boolean>} */ ({
  "all of them": () => true,
  "called wrongly": (called, positive) => called !== positive,
  "missed: positive, called negative": (called, positive) => positive && !called,
  "false alarms: negative, called positive": (called, positive) => called && !positive,
});
/** In which order. */
const ORDERS = /** @type {Record<string, (told: Told, model: Model) => (i: number) => number>} */ ({
  "the wrongest first": (told, model) => (i) => -Math.abs(model.p[i] - Number(told.label[i])),
  "the highest probability first": (_, model) => (i) => -model.p[i],
  "closest to the cut-off first": (_, model) => (i) => Math.abs(model.p[i] - (cutOf(model) ?? 0.5)),
  "by number": () => (i) => i,
});
/** Pixels of the screen that a picture may take. */
const [WIDE, HIGH] = [320, 440];
const KEYS = /** @type {Record<string, (at: number, count: number) => number>} */ ({
  ArrowRight: (at) => at + 1, ArrowLeft: (at) => at - 1, Home: () => 0, End: (_, count) => count - 1,
});

/**
 * Put the cases on the page: those that models met sealed, or all where there are no such.
 * @param {Told} told
 */
export function openCases(told) {
  const outside = told.place.flatMap((place, i) => (place > 0 ? [i] : []));
  const every = outside.length ? outside : told.place.map((_, i) => i);
  let model = told.models[0];
  let centre = -1;
  let [kind, order] = [Object.keys(KINDS)[0], Object.keys(ORDERS)[0]];
  let withMap = false;
  let found = every;
  let at = 0;

  const where = h("p", { class: "row", "aria-live": "polite" });
  const view = h("div", { class: "case", tabindex: "0", role: "group", "aria-label": "The case; arrow keys lead to the next and the one before" });
  const jump = h("input", { type: "number", min: "1", max: String(told.place.length), "aria-label": "Number of a case",
    onchange: () => go(found.indexOf(jump.valueAsNumber - 1)) });

  function choose() {
    const cut = cutOf(model);
    const key = ORDERS[order](told, model);
    found = every.filter((i) => (centre < 0 || told.place[i] === centre) && (kind === Object.keys(KINDS)[0] || cut !== null)
      && KINDS[kind](model.p[i] >= (cut ?? 0), told.label[i] === "1"));
    found.sort((a, b) => key(a) - key(b) || a - b);
    go(0);
  }

  /** @param {number} place */
  function go(place) {
    const there = place >= 0 || !found.length;
    at = Math.max(0, Math.min(found.length - 1, there ? place : at));
    const i = found[at];
    where.replaceChildren(!there ? "That case is not among those shown. " : "", found.length ? `${at + 1} of ${found.length}` : "No case is like that.");
    view.replaceChildren(...(found.length ? [pictureOf(told, i, withMap, (on) => ((withMap = on), go(at))), answersOf(told, i, model)] : []));
    jump.value = found.length ? String(i + 1) : "";
    before.disabled = at <= 0;
    next.disabled = at >= found.length - 1;
  }

  /** @type {(label: string, names: string[], pick: (place: number) => void) => HTMLElement} */
  const list = (label, names, pick) => h("label", {}, `${label} `, h("select", { "aria-label": label,
    onchange: (/** @type {Event} */ event) => (pick(/** @type {HTMLSelectElement} */ (event.target).selectedIndex), choose()) }, ...names.map((name) => h("option", {}, name))));
  const before = h("button", { type: "button", onclick: () => go(at - 1) }, "← Before");
  const next = h("button", { type: "button", onclick: () => go(at + 1) }, "Next →");
  const titles = told.strata.filter(({ places }) => places.length === 1 && (places[0] > 0 || !outside.length));
  const controls = h("div", { class: "panel" }, h("div", { class: "row" },
    list("Model", told.models.map(({ name }) => name), (place) => (model = told.models[place])),
    titles.length > 1 ? list("Centre", ["all", ...titles.map(({ title }) => title)], (place) => (centre = place ? titles[place - 1].places[0] : -1)) : null,
    list("Cases", Object.keys(KINDS), (place) => (kind = Object.keys(KINDS)[place])),
    list("Order", Object.keys(ORDERS), (place) => (order = Object.keys(ORDERS)[place]))),
    h("div", { class: "row" }, before, next, where, h("label", {}, "Case ", jump)));
  const whole = section("cases", "Open a case", document.getElementById("examples") ? "examples" : "methods",
    h("p", {}, "Every external case with what each model says of it. A case's number is its place in ",
      h("a", { class: "file", href: "scores.csv" }, "scores.csv"), "; nobody is named here. Arrow keys lead from case to case."), controls, view);
  whole.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    const move = KEYS[event.key];
    if (!move || target.closest("select, input") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (found.length) go(Math.max(0, move(at, found.length)));
  });
  choose();
}

/**
 * @param {Told} told
 * @param {number} i
 * @param {boolean} withMap
 * @param {(on: boolean) => void} mapped
 */
function pictureOf(told, i, withMap, mapped) {
  const shown = told.shown;
  const place = shown ? shown.at.indexOf(i) : -1;
  if (!shown || place < 0) return h("p", { class: "none" }, "The run keeps no picture of this case.");
  const [x0, y0, x1, y1] = shown.box[place].map((share) => 100 * share);
  const picture = h("img", { src: shown.picture[place], alt: `Radiograph of case ${i + 1}`,
    // As large as there is room for, whatever its form.
    onload: () => (picture.style.width = `${picture.naturalWidth * Math.min(WIDE / picture.naturalWidth, HIGH / picture.naturalHeight)}px`),
    onerror: () => figure.replaceChildren(h("p", { class: "none" }, "This picture lies in the run's folder, and this file is not there: ", h("code", {}, shown.picture[place]))) });
  const box = h("span", { class: "box", style: `left:${x0}%;top:${y0}%;width:${x1 - x0}%;height:${y1 - y0}%` });
  const map = shown.map[place];
  const heat = map && withMap ? h("span", { class: "tint" }, h("img", { src: map, alt: `Map of ${shown.mapped}` })) : null;
  const figure = h("div", { class: "radiograph" }, picture, heat, box);
  const choice = map ? h("label", {}, h("input", { type: "checkbox", checked: withMap,
    onchange: (/** @type {Event} */ event) => mapped(/** @type {HTMLInputElement} */ (event.target).checked) }), ` where ${shown.mapped} looks`) : null;
  return h("div", {}, figure, choice);
}

/**
 * @param {Told} told
 * @param {number} i
 * @param {Model} model
 */
function answersOf(told, i, model) {
  const positive = told.label[i] === "1";
  const stratum = told.strata.find(({ places }) => places.length === 1 && places[0] === told.place[i]);
  const changed = told.spread ? told.spread.at.indexOf(i) : -1;
  const rows = told.models.map((one) => {
    const cut = cutOf(one);
    const called = cut === null ? "–" : (one.p[i] >= cut) === positive ? "right" : "wrong";
    const moved = changed < 0 ? null : told.spread?.models[one.name];
    return h("tr", { class: one === model ? "chosen" : "" }, h("th", { scope: "row" }, one.name), h("td", { class: "number" }, number(one.p[i])),
      h("td", { class: "bar", "aria-hidden": "true" }, h("span", { class: "track" }, h("span", { class: "fill", style: `--model:${one.colour};width:${100 * one.p[i]}%` }),
        cut === null ? null : h("span", { class: "cut", style: `left:${100 * cut}%` }))),
      h("td", { class: "text" }, called), told.spread ? h("td", { class: "number" }, moved ? number(moved.sd[changed]) : "–") : null,
      told.spread ? h("td", { class: "number" }, moved ? number(moved.range[changed]) : "–") : null);
  });
  const heads = ["Model", "Probability", "", "Call", ...(told.spread ? ["SD under changed boxes", "Range"] : [])];
  const table = h("table", {},
    h("caption", {}, h("span", {}, h("b", {}, `Case ${i + 1}.`), ` ${stratum ? `${stratum.title}; ` : ""}${told.positive}: ${positive ? "yes" : "no"}. The line in a bar is the model's fixed cut-off.`)),
    h("thead", {}, h("tr", {}, ...heads.map((head, place) => h("th", { scope: "col", class: place === 1 || place > 3 ? "number" : "text" }, head)))), h("tbody", {}, ...rows));
  sortable(table);
  return h("div", { class: "table", role: "region", "aria-label": "What every model says of the case", tabindex: "0" }, table);
}

/**
 * The cut-off that was fixed on development, the first of them; null where there is none.
 * @param {Model} model
 */
function cutOf(model) {
  return Object.values(model.rules)[0] ?? null;
}
