// Asynchronous work belongs to a screen, or to a case on it, and ends with it.

export class Scope {
  /** @param {AbortSignal} [outer] what this is a part of: it ends with that */
  constructor(outer) {
    this.controller = new AbortController();
    if (outer?.aborted) this.close();
    else outer?.addEventListener("abort", () => this.close(), { once: true, signal: this.signal });
  }

  get signal() {
    return this.controller.signal;
  }

  get closed() {
    return this.signal.aborted;
  }

  close() {
    this.controller.abort();
  }
}

/**
 * Whether an error only says that its work has been ended.
 * @param {unknown} error
 */
export function ended(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
