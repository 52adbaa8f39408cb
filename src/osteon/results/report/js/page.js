// Elements made by hand, and the numbers of the run that stand on the page.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {object} Model
 * @property {string} name
 * @property {string} colour
 * @property {Record<string, number>} rules cut-offs that were fixed on development, by what they were chosen by
 * @property {[number, number] | null} line intercept and slope of the recalibration
 * @property {number[]} p each case's probability
 */

/**
 * @typedef {object} Told what the report tells its script; cases are in the order of scores.csv
 * @property {number} level of the intervals
 * @property {number} quantile the normal one of that level
 * @property {string} positive
 * @property {Model[]} models those of the first comparison lead
 * @property {{title: string, places: number[]}[]} strata
 * @property {number[]} place of each case
 * @property {string} label "0" and "1", one a case
 * @property {number[]} patient number of each case's patient
 * @property {{at: number[], models: Record<string, {sd: (number | null)[], range: (number | null)[]}>} | null} spread under
 *   changed boxes, of the cases at these places
 * @property {Shown | null} shown
 */

/**
 * @typedef {object} Shown pictures of the cases at these places
 * @property {number[]} at
 * @property {[number, number, number, number][]} box as shares of width and height
 * @property {string[]} picture address
 * @property {string[]} map address; empty where there is none
 * @property {string} mapped whose maps they are
 */

/**
 * What the report tells; null where the run has no table of scores.
 * @returns {Told | null}
 */
export function told() {
  const text = document.getElementById("told")?.textContent;
  return text ? JSON.parse(text) : null;
}

/**
 * Make an element: attributes by name, `on...` functions as listeners, false and null left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null | false)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

/**
 * Make an element of a drawing; see h.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null | false)} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function s(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Record<string, any>} attributes
 * @param {(Node | string | null | false)[]} children
 * @returns {E}
 */
function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== false) element.append(child);
  return element;
}

/**
 * Put a section before another one, and its title into the contents.
 * @param {string} id
 * @param {string} title
 * @param {string} before id of the section that follows
 * @param {...(Node | string)} content
 */
export function section(id, title, before, ...content) {
  const next = document.getElementById(before) ?? document.querySelector("main > footer");
  const made = h("section", { id, class: "alive", "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), ...content);
  next?.before(made);
  const entry = h("li", { class: "alive" }, h("a", { href: `#${id}` }, title));
  const below = document.querySelector(`nav a[href="#${before}"]`)?.closest("li");
  if (below) below.before(entry);
  else document.querySelector("nav ol")?.append(entry);
  return made;
}
