// What pages say, in the reader's language: English stands in the scripts, other languages in catalogues beside them.

/** @typedef {string | Record<string, string>} Entry a text, or one for each of the language's plurals of `{n}` */

/** @type {Record<string, string>} what can be chosen, each by its own name */
export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", ja: "日本語", "zh-Hans": "简体中文" };

/** @type {Record<string, Entry>} */
let catalogue = {};
let language = "en";
let plurals = new Intl.PluralRules(language);

/**
 * Speak a language from now on.
 * @param {string} code
 * @param {Record<string, Entry>} entries by their English
 */
export function speak(code, entries) {
  [language, catalogue, plurals] = [code, entries, new Intl.PluralRules(code)];
}

/** The code of the language that is spoken. */
export function spoken() {
  return language;
}

/**
 * The first language of a list that is known here; English where none is. Traditional characters are not simplified ones.
 * @param {readonly string[]} wanted tags as browsers send them
 */
export function known(wanted) {
  for (const tag of wanted) {
    const [base] = tag.toLowerCase().split("-");
    if (base === "zh" ? !/hant|tw|hk|mo/i.test(tag) : base in LANGUAGES) return base === "zh" ? "zh-Hans" : base;
  }
  return "en";
}

/**
 * Marks a text of a table, which is translated where it is shown.
 * @param {string} english
 */
export const mark = (english) => english;

/**
 * A text in the language that is spoken, with values put in the places that it gives them.
 * @param {Entry} english its plurals, where it counts something
 * @param {Record<string, string | number>} [values] by name; `n` is what is counted
 */
export function t(english, values = {}) {
  const entry = catalogue[typeof english === "string" ? english : english.other] ?? english;
  const text = typeof entry === "string" ? entry : entry[plurals.select(Number(values.n))] ?? entry.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
