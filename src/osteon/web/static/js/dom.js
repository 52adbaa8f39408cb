// Elements made by hand: text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: attributes by name, `on...` functions as listeners, false and null left out. */
export function h(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

/** Make an icon from the path of a 24 x 24 drawing. */
export function icon(path) {
  const drawing = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return dressed(drawing, { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, []);
}

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Put a screen on the page and move the focus to its heading, so that a screen reader starts there. */
export function show(...content) {
  const page = document.getElementById("page");
  page.replaceChildren(...content);
  page.querySelector("[data-focus]")?.focus({ preventScroll: true });
}

/** Say something at the foot of the page; the same element speaks to screen readers. */
export function say(text, kind = "note", seconds = 6) {
  const place = document.getElementById("messages");
  const message = text ? h("p", { class: `message ${kind}` }, text) : null;
  place.replaceChildren(...(message ? [message] : []));
  if (message && seconds) setTimeout(() => message.remove(), seconds * 1000);
}

/** Whether a key press belongs to a field that the reader is filling. */
export function typing(event) {
  const field = event.target.closest?.("input, textarea, select");
  return Boolean(field) && !["radio", "checkbox", "button"].includes(field.type);
}
