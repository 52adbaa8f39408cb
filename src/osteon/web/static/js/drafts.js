// Half-filled answers on their way to the server: the newest, one at a time, soon after each change.

import { parting, persist, put } from "./api.js";
import { t } from "./language.js";
import { ended } from "./scope.js";

let turn = Date.now() % 1e9 | 0;

export class Drafts {
  /**
   * @param {string} path where they go
   * @param {AbortSignal} signal of the case or screen that they belong to
   * @param {(error: unknown) => void} refused told when the server will not keep them
   * @param {number} [pause] milliseconds from a change to its way
   */
  constructor(path, signal, refused, pause = 250) {
    this.path = path;
    this.signal = signal;
    this.refused = refused;
    this.pause = pause;
    /** @type {object | null} not on its way yet */
    this.newest = null;
    /** @type {object | null} on its way */
    this.moving = null;
    this.last = "";
    /** @type {Promise<void> | null} */
    this.sending = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    signal.addEventListener("abort", () => clearTimeout(this.timer), { once: true });
  }

  /**
   * Take down a change.
   * @param {object} content
   */
  change(content) {
    if (this.signal.aborted) return;
    this.newest = content;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), this.pause);
  }

  /** Send what has not been sent; resolves when the server has it, or will not have it. */
  flush() {
    clearTimeout(this.timer);
    this.sending ??= this.#send().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  async #send() {
    try {
      while (this.newest && !this.signal.aborted) {
        const content = this.newest;
        this.newest = null;
        const text = JSON.stringify(content);
        if (text === this.last) continue;
        this.moving = content;
        const body = { ...content, turn: (turn += 1) };
        await persist(() => put(this.path, body, this.signal), this.signal, t("What you have begun is not kept yet: the server does not answer. Trying again …"));
        this.last = text;
      }
    } catch (error) {
      if (!ended(error)) this.refused(error);
    } finally {
      this.moving = null;
    }
  }

  /** The page may be going away: send what the server does not have for certain, without waiting. */
  part() {
    clearTimeout(this.timer);
    const content = this.newest ?? this.moving;
    if (!content) return;
    parting("PUT", this.path, { ...content, turn: (turn += 1) }).then(
      () => {
        if (this.newest === content) this.newest = null;
      },
      () => this.newest && this.change(this.newest),
    );
  }

  /** The answer itself is on its way: nothing of the draft is wanted any more. */
  stop() {
    clearTimeout(this.timer);
    this.newest = null;
  }
}
