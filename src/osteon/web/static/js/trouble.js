// What the reader sees while the server does not answer: what is wrong, and a way to try at once.

import { h } from "./dom.js";
import { t } from "./language.js";

/** @type {Map<object, string>} */
const troubles = new Map();
/** @type {Set<() => void>} */
const waiting = new Set();

/**
 * Something fails, and is tried again.
 * @param {object} trial
 * @param {string} text
 */
export function begin(trial, text) {
  troubles.set(trial, text);
  draw();
}

/**
 * It has been done, or is no longer wanted.
 * @param {object} trial
 */
export function end(trial) {
  if (troubles.delete(trial)) draw();
}

/**
 * Wait, or less when the reader or the network gives a reason to try at once; an error when the work is ended.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const over = () => {
      clearTimeout(timer);
      waiting.delete(done);
      signal.removeEventListener("abort", stop);
    };
    const done = () => (over(), resolve());
    const stop = () => (over(), reject(signal.reason));
    const timer = setTimeout(done, milliseconds);
    waiting.add(done);
    signal.addEventListener("abort", stop);
  });
}

/** Try at once whatever waits for its next try. */
export function nudge() {
  for (const done of [...waiting]) done();
}

function draw() {
  const place = document.getElementById("trouble");
  if (!place) return;
  const texts = [...new Set(troubles.values())];
  if (place.dataset.texts === texts.join("\n")) return;
  place.dataset.texts = texts.join("\n");
  place.replaceChildren(
    ...(texts.length ? [h("div", { class: "message alarm" }, texts.map((text) => h("p", {}, text)), h("button", { type: "button", onclick: nudge }, t("Try now")))] : []),
  );
}

if (typeof addEventListener === "function") addEventListener("online", nudge);
