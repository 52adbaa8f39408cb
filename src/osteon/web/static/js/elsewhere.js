// One writer: when the reader goes on in another window, this one says so, and can be taken up again.

import { room } from "./api.js";
import { h } from "./dom.js";
import { t } from "./language.js";

const channel = typeof BroadcastChannel === "function" ? new BroadcastChannel("osteon-room") : null;
/** @type {HTMLDialogElement | null} */
let open = null;

/**
 * Tell the other windows of this browser that this one is written in now.
 * @param {string} code of the reader
 */
export function here(code) {
  open?.close();
  open = null;
  channel?.postMessage({ code, room });
}

/**
 * Listen for other windows of this browser.
 * @param {(code: string) => void} taken told which reader goes on elsewhere
 */
export function listen(taken) {
  channel?.addEventListener("message", ({ data }) => data?.room !== room && taken(String(data?.code)));
}

/**
 * Say that the reader goes on elsewhere, over whatever is on the page.
 * @param {() => void} goOn told when they want to go on here
 */
export function elsewhere(goOn) {
  if (open) return;
  const dialog = h("dialog", { class: "help elsewhere", oncancel: (/** @type {Event} */ event) => event.preventDefault() },
    h("h2", { tabindex: "-1", autofocus: true }, t("You go on in another window")), // not the button: keys may be on their way
    h("p", {}, t("This study is open in another window or at another machine, and answers are stored from there alone. What you had begun here was kept and is there.")),
    h("button", { type: "button", class: "primary", onclick: goOn }, t("Go on here instead")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  open = dialog;
  dialog.showModal();
}
