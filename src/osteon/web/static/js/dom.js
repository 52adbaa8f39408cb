// Elements made by hand: text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | false | null | undefined} Piece */
/** @typedef {Piece | (Piece | (Piece | Piece[])[])[]} Child text, elements, and lists of them within lists */
/** @typedef {Record<string, any>} Attributes */

/**
 * Make an element: attributes by name, `on...` functions as listeners, false and null left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

/**
 * Make an icon from the path of a 24 x 24 drawing.
 * @param {string} path
 */
export function icon(path) {
  const drawing = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return dressed(drawing, { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, []);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 * @returns {E}
 */
function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...flat(children));
  return element;
}

/**
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
function flat(children) {
  return children.flatMap((child) => {
    if (Array.isArray(child)) return flat(child);
    if (child === null || child === undefined || child === false) return [];
    return [typeof child === "number" ? String(child) : child];
  });
}

/**
 * Put a screen on the page and move the focus to its heading, so that a screen reader starts there.
 * @param {...Node} content
 */
export function show(...content) {
  const page = element("page");
  page.replaceChildren(...content);
  const heading = page.querySelector("[data-focus]");
  if (heading instanceof HTMLElement) heading.focus({ preventScroll: true });
}

/**
 * Say something at the foot of the page; the same element speaks to screen readers.
 * @param {string} text
 * @param {"note" | "alarm"} [kind]
 * @param {number} [seconds] 0: until something else is said
 */
export function say(text, kind = "note", seconds = 6) {
  const place = element("messages");
  const message = text ? h("p", { class: `message ${kind}` }, text) : null;
  place.replaceChildren(...(message ? [message] : []));
  if (message && seconds) setTimeout(() => message.remove(), seconds * 1000);
}

/**
 * One of the page's fixed places.
 * @param {string} id
 */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no ${id}`);
  return found;
}

/**
 * Whether a key press belongs to a field that the reader is filling.
 * @param {Event} event
 */
export function typing(event) {
  const target = event.target instanceof Element ? event.target.closest("input, textarea, select") : null;
  return Boolean(target) && !(target instanceof HTMLInputElement && ["radio", "checkbox", "button"].includes(target.type));
}

/**
 * Ask in a dialog; resolves to the value of the button that was pressed, false when it was dismissed.
 * @param {string} title
 * @param {Child} content
 * @param {[string, boolean][]} buttons label and value
 * @param {AbortSignal} [signal] takes the dialog away
 * @returns {Promise<boolean>}
 */
export function ask(title, content, buttons, signal) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "help", onclose: () => (dialog.remove(), resolve(dialog.returnValue === "true")) },
      h("h2", {}, title), content,
      h("form", { method: "dialog", class: "row" }, buttons.map(([label, value]) => h("button", { value: String(value), class: value ? "primary" : "" }, label))),
    );
    document.body.append(dialog);
    signal?.addEventListener("abort", () => dialog.close("false"), { once: true });
    dialog.showModal();
  });
}
