// The screens before anything is asked: consent, and instructions, in the study's own words.

import { persist, post } from "./api.js";
import { h, show } from "./dom.js";
import { card, heading } from "./door.js";
import { t } from "./language.js";
import { languages } from "./speaking.js";

/**
 * @typedef {import("./types.js").Me} Me
 * @typedef {import("./screens.js").Ears} Ears
 */

/** @param {Me} me */
const above = (me) => h("div", { class: "row" }, h("p", { class: "quiet" }, me.study.title), languages());

/** @param {string} text parted by empty lines */
const paragraphs = (text) => text.trim().split(/\n\s*\n/).map((part) => h("p", { class: "told" }, part));

/**
 * Send what was decided, once, and go on.
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} signal
 * @param {Ears} ears
 */
async function send(path, body, signal, { done, refused }) {
  for (const button of document.querySelectorAll("main button")) button.setAttribute("disabled", "");
  try {
    done(await persist(() => post(path, body, signal), signal, t("Not saved yet: the server does not answer. Trying again …")));
  } catch (error) {
    refused(error);
  }
}

/**
 * Ask whether the reader takes part.
 * @param {Me} me
 * @param {AbortSignal} signal
 * @param {Ears} ears
 */
export function consent(me, signal, ears) {
  /** @param {boolean} agreed */
  const say = (agreed) => void send("consent", { agreed }, signal, ears);
  show(card(above(me), heading(t("Taking part")), paragraphs(me.stage.text), h("div", { class: "decision" },
    h("button", { type: "button", class: "primary", onclick: () => say(true) }, t("I agree to take part")),
    h("button", { type: "button", onclick: () => say(false) }, t("I do not take part")),
  )));
}

/**
 * The reader does not take part.
 * @param {Me} me
 */
export function declined(me) {
  show(card(above(me), heading(t("You do not take part")),
    h("p", {}, t("Thank you for your time. Nothing but this decision was stored; you can close this page. If you change your mind, please ask whoever invited you."))));
}

/**
 * Tell what is to be done.
 * @param {Me} me
 * @param {AbortSignal} signal
 * @param {Ears} ears
 */
export function instructions(me, signal, ears) {
  show(card(above(me), heading(t("Instructions")), paragraphs(me.stage.text),
    h("button", { type: "button", class: "primary", onclick: () => void send("instructions", undefined, signal, ears) }, t("Go on"))));
}
