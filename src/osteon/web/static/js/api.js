// Talking to the server. Every request carries this page's own token, and the name of this window: there is one writer.

import { Backoff } from "./backoff.js";
import { t } from "./language.js";
import * as trouble from "./trouble.js";

/** A request that has had no answer for so long is given up, and tried again. */
const PATIENCE = 30000;

/** This window's name. */
export const room = name();
let csrf = "";

/** The server said no; `status` says which no. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {number} [after] milliseconds that the server asks to wait
   */
  constructor(status, message, after = 0) {
    super(message);
    this.status = status;
    this.after = after;
  }
}

/** No answer came. */
export class Unreachable extends Error {}

/** A random name of 128 bits. */
export function name() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What every request carries. */
export function headers() {
  return { "x-csrf-token": csrf, "x-room": room };
}

/**
 * What a server asks to wait, in milliseconds and within reason; nothing where it says it in another way than seconds.
 * @param {string | null} text
 */
export function patience(text) {
  const seconds = Number(text);
  return Number.isFinite(seconds) ? Math.min(Math.max(1000 * seconds, 0), 4 * PATIENCE) : 0;
}

/**
 * Whether to try again makes sense.
 * @param {unknown} error
 */
export function temporary(error) {
  return error instanceof Unreachable || (error instanceof Refused && (error.status === 429 || error.status >= 500));
}

/**
 * What the server says, in the reader's language.
 * @param {{ error?: string, template?: string, values?: Record<string, string | number> }} content
 */
const refusal = ({ error, template, values }) => t(template ?? error ?? "The server could not answer.", values);

/**
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, signal?: AbortSignal, keepalive?: boolean }} options
 */
async function call(method, path, { body, signal, keepalive = false }) {
  const limit = new AbortController();
  const stop = () => limit.abort(signal?.reason);
  if (signal?.aborted) throw signal.reason;
  signal?.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(() => limit.abort(new Unreachable("no answer in time")), PATIENCE);
  try {
    const reply = await fetch(`/api/${path}`, {
      method,
      headers: { accept: "application/json", ...headers(), ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      keepalive,
      signal: limit.signal,
    });
    const content = await reply.json().catch((error) => {
      if (reply.ok || limit.signal.aborted) throw error; // a reply that was cut off
      return {};
    });
    if (!reply.ok) throw new Refused(reply.status, refusal(content), patience(reply.headers.get("retry-after")));
    return content;
  } catch (error) {
    if (error instanceof Refused) throw error;
    if (signal?.aborted) throw signal.reason;
    throw error instanceof Unreachable ? error : new Unreachable(String(error));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** @type {(path: string, signal: AbortSignal) => Promise<any>} */
export const get = (path, signal) => call("GET", path, { signal });
/** @type {(path: string, body: unknown, signal: AbortSignal) => Promise<any>} */
export const post = (path, body, signal) => call("POST", path, { body, signal });
/** @type {(path: string, body: unknown, signal: AbortSignal) => Promise<any>} */
export const put = (path, body, signal) => call("PUT", path, { body, signal });

/**
 * Last words, sent even while the page is going away.
 * @param {"POST" | "PUT"} method
 * @param {string} path
 * @param {unknown} body
 */
export const parting = (method, path, body) => call(method, path, { body, keepalive: true });

/**
 * Do what must not be lost: over and over, ever more slowly, until it is done, refused for good, or no longer wanted.
 * @template T
 * @param {() => Promise<T>} work
 * @param {AbortSignal} signal of the screen or the case that the work belongs to
 * @param {string} [text] what the reader is told while it fails
 * @returns {Promise<T>}
 */
export async function persist(work, signal, text = t("The server cannot be reached. Trying again …")) {
  const backoff = new Backoff();
  const trial = {};
  try {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!temporary(error)) throw error;
        trouble.begin(trial, text);
        await trouble.pause(backoff.next(error instanceof Refused ? error.after : 0), signal);
      }
    }
  } finally {
    trouble.end(trial);
  }
}

/**
 * Who is signed in, and where they stand. `path` is the page's own.
 * @param {"me" | "office/me"} path
 * @param {AbortSignal} signal
 */
export async function whoami(path, signal) {
  const me = await get(path, signal);
  csrf = me.csrf;
  return me;
}

/**
 * Sign in with the token after the hash sign of an invitation, and take it out of the address bar.
 * @param {string} token
 * @param {AbortSignal} signal
 * @returns {Promise<import("./types.js").Entered>}
 */
export async function enter(token, signal) {
  try {
    return await post("enter", { token }, signal);
  } finally {
    if (!signal.aborted) history.replaceState(null, "", location.pathname);
  }
}
