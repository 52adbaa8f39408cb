// Which language the page speaks: the reader's own choice in this browser, the study's for them, or the browser's.

import { h } from "./dom.js";
import { LANGUAGES, known, speak, spoken, t } from "./language.js";

const KEPT = "osteon-language";

function chosen() {
  try {
    return localStorage.getItem(KEPT) ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

/**
 * Speak from now on.
 * @param {string} [told] the language that the study has for this reader
 */
export async function settle(told = "") {
  const code = known([chosen(), told, ...navigator.languages].filter(Boolean));
  if (code !== spoken()) speak(code, code === "en" ? {} : (await import(`./languages/${code}.js`)).default);
  document.documentElement.lang = code;
  document.title = t("Reading room");
}

/** The switch; the page is loaded anew, and what was begun is kept as on every way out of it. */
export function languages() {
  const select = h("select", { class: "languages", "aria-label": t("Language"), title: t("Language"), onchange: () => {
    try {
      localStorage.setItem(KEPT, select.value);
    } catch {
      // a browser that keeps nothing
    }
    location.reload();
  } }, Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code, selected: code === spoken() }, name)));
  return select;
}
