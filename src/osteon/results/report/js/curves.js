// ROC curves of the chosen models with their cut-offs on them; whoever points at a curve reads what its cut-off gives.

import { h, s } from "./page.js";
import { number } from "./numbers.js";
import { along, at } from "./roc.js";

/**
 * @typedef {import("./page.js").Model} Model
 * @typedef {import("./roc.js").Corner} Corner
 */

const SIDE = 200;
const STEPS = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 });

/**
 * Draw a panel for each chosen centre.
 * @param {HTMLElement} place
 * @param {import("./page.js").Told} told
 * @param {import("./cutoff.js").Chosen} chosen
 * @param {Map<Model, Corner[][]>} curves
 * @param {(model: Model, cut: number) => void} moved
 */
export function drawCurves(place, told, chosen, curves, moved) {
  const focused = place.contains(document.activeElement) ? document.activeElement?.getAttribute("data-stratum") : null;
  place.replaceChildren(...chosen.strata.map((stratum) => {
    const drawn = chosen.models.map((model) => ({ model, curve: /** @type {Corner[][]} */ (curves.get(model))[stratum], cut: Number(chosen.cuts.get(model)) }));
    return panel(told.strata[stratum].title, stratum, drawn.filter(({ curve }) => curve.length), moved);
  }));
  if (focused !== null) /** @type {HTMLElement | null} */ (place.querySelector(`[data-stratum="${focused}"]`))?.focus();
}

/**
 * @param {string} title
 * @param {number} stratum
 * @param {{model: Model, curve: Corner[], cut: number}[]} drawn
 * @param {(model: Model, cut: number) => void} moved
 */
function panel(title, stratum, drawn, moved) {
  const said = h("p", { class: "said" });
  const probe = s("circle", { r: 4, class: "probe", visibility: "hidden" });
  const first = drawn[0];
  const started = first && first.curve[at(first.curve, first.cut)];
  const picture = s("svg", { viewBox: `-22 -6 ${SIDE + 30} ${SIDE + 38}`, class: "sketch roc", tabindex: first ? "0" : null, "data-stratum": stratum,
    role: "slider", "aria-label": `ROC curve, ${title}: cut-off of ${first?.model.name ?? "no model"}`, "aria-valuemin": 0, "aria-valuemax": 1,
    "aria-valuenow": first ? first.cut : 0, "aria-valuetext": first && started ? wordsOf(first.model, { ...started, cut: first.cut }) : "not estimable" },
    s("path", { class: "axis", d: `M0 0V${SIDE}H${SIDE}` }), s("path", { class: "rule chance", d: `M0 ${SIDE}L${SIDE} 0` }),
    s("text", { class: "tick", x: SIDE / 2, y: SIDE + 26, "text-anchor": "middle" }, "1 − specificity"),
    s("text", { class: "tick", x: -8, y: SIDE / 2, "text-anchor": "middle", transform: `rotate(-90 -8 ${SIDE / 2})` }, "sensitivity"),
    ...[0, 1].flatMap((end) => [s("text", { class: "tick", x: end * SIDE, y: SIDE + 13, "text-anchor": "middle" }, String(end))]),
    ...drawn.flatMap(({ model, curve, cut }) => {
      const here = curve[at(curve, cut)];
      return [s("polyline", { points: curve.map((one) => `${xOf(one).toFixed(1)},${yOf(one).toFixed(1)}`).join(" "), fill: "none", stroke: model.colour, "stroke-width": 2 }),
        s("circle", { cx: xOf(here), cy: yOf(here), r: 5.5, fill: model.colour, class: "here" })];
    }), probe);
  const rest = () => {
    probe.setAttribute("visibility", "hidden");
    said.replaceChildren(...drawn.map(({ model, curve, cut }) => h("span", {}, wordsOf(model, { ...curve[at(curve, cut)], cut }))));
    if (!drawn.length) said.replaceChildren("One class only: there is no curve.");
  };
  picture.addEventListener("pointermove", (event) => {
    const { model, corner } = nearest(picture, drawn, event);
    if (!model || !corner) return;
    probe.setAttribute("cx", String(xOf(corner)));
    probe.setAttribute("cy", String(yOf(corner)));
    probe.setAttribute("visibility", "visible");
    said.replaceChildren(h("span", {}, wordsOf(model, corner)));
  });
  picture.addEventListener("pointerleave", rest);
  picture.addEventListener("click", (event) => {
    const { model, corner } = nearest(picture, drawn, event);
    if (model && corner) moved(model, Math.min(1, corner.cut));
  });
  picture.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || !first) return;
    event.preventDefault();
    moved(first.model, along(first.curve, first.cut, step));
  });
  rest();
  return h("div", { class: "curve" }, h("h3", {}, title), picture, said);
}

/**
 * The corner that lies nearest to the pointer.
 * @param {SVGSVGElement} picture
 * @param {{model: Model, curve: Corner[]}[]} drawn
 * @param {MouseEvent} event
 */
function nearest(picture, drawn, event) {
  const matrix = picture.getScreenCTM();
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix?.inverse());
  /** @type {{model: Model | null, corner: Corner | null, far: number}} */
  let found = { model: null, corner: null, far: Infinity };
  for (const { model, curve } of drawn) {
    for (const corner of curve) {
      const far = (xOf(corner) - point.x) ** 2 + (yOf(corner) - point.y) ** 2;
      if (far < found.far && corner.cut !== Infinity) found = { model, corner, far };
    }
  }
  return found;
}

/** @param {Corner} corner */
function xOf({ specificity }) {
  return SIDE * (1 - specificity);
}

/** @param {Corner} corner */
function yOf({ sensitivity }) {
  return SIDE * (1 - sensitivity);
}

/**
 * @param {Model} model
 * @param {Corner} corner
 */
function wordsOf(model, { cut, sensitivity, specificity }) {
  return `${model.name}: cut-off ${number(cut)}, sensitivity ${number(sensitivity)}, specificity ${number(specificity)}`;
}
