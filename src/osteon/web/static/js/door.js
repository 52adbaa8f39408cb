// The way in: a card that asks for the invitation.

import { Refused } from "./api.js";
import { h, say, show } from "./dom.js";
import { t } from "./language.js";

/** @param {...import("./dom.js").Child} content */
export function card(...content) {
  return h("main", { class: "card" }, ...content);
}

/** @param {string} text */
export function heading(text) {
  return h("h1", { tabindex: "-1", "data-focus": true }, text);
}

/** @param {unknown} error */
function words(error) {
  return error instanceof Refused ? error.message : t("The server cannot be reached. Please try again.");
}

/**
 * Ask for the invitation.
 * @param {string} message
 * @param {AbortSignal} signal
 * @param {(token: string) => Promise<void>} entered
 * @param {import("./dom.js").Child} [above] stands over it
 */
export function door(message, signal, entered, above) {
  const field = h("input", { id: "token", type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", required: true });
  const form = h(
    "form",
    {
      onsubmit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        try {
          await entered(field.value.trim().replace(/^.*#/, ""));
        } catch (error) {
          if (!signal.aborted) say(words(error), "alarm");
        }
      },
    },
    h("label", { for: "token" }, t("Your invitation link, or the part of it after the # sign")),
    field,
    h("button", { class: "primary" }, t("Sign in")),
  );
  show(card(above, heading(document.title), message && h("p", { class: "alarm-text", role: "alert" }, message), h("p", { class: "quiet" }, t("Please open the link you were sent, or paste it here.")), form));
}
