// What every room's administrator page does: come in by the link, show the door where nobody is signed in, look again.

import { Refused, enter, persist } from "../api.js";
import { say } from "../dom.js";
import { door } from "../door.js";
import { Scope, ended } from "../scope.js";
import { pause } from "../trouble.js";

const EVERY = 15000;

export class Frame {
  #page = new Scope();
  #screen = new Scope(this.#page.signal);
  #opened;

  /** @param {(signal: AbortSignal) => Promise<void>} opened shows the page, whenever somebody has come in */
  constructor(opened) {
    this.#opened = opened;
  }

  async begin() {
    const token = location.hash.slice(1);
    try {
      if (token) await persist(() => enter(token, this.#page.signal), this.#page.signal);
      await this.#open();
    } catch (error) {
      this.out(error, token !== "");
    }
  }

  async #open() {
    await this.#opened(this.#anew());
  }

  #anew() {
    this.#screen.close();
    this.#screen = new Scope(this.#page.signal);
    return this.#screen.signal;
  }

  /**
   * @param {unknown} error
   * @param {boolean} [told]
   */
  out(error, told = false) {
    if (ended(error)) return;
    if (!(error instanceof Refused && (error.status === 401 || error.status === 403))) {
      say(error instanceof Error ? error.message : String(error), "alarm", 0);
      return;
    }
    const signal = this.#anew();
    door(told ? error.message : "", signal, async (token) => {
      const { role } = await enter(token, signal);
      if (role !== "admin") location.replace("/");
      else await this.#open();
    });
  }

  /**
   * Look again and again.
   * @param {(signal: AbortSignal) => Promise<void>} draw
   * @param {AbortSignal} signal
   */
  async watch(draw, signal) {
    try {
      for (;;) {
        await draw(signal);
        await pause(EVERY, signal);
      }
    } catch (error) {
      this.out(error);
    }
  }
}
