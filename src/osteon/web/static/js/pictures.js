// Pictures on their way: two workers fetch and unpack; the case on the screen and its neighbours are kept.

import { Refused, Unreachable, headers } from "./api.js";
import { t } from "./language.js";

/**
 * @typedef {import("./grey.js").Level} Level
 * @typedef {import("./types.js").ViewSize} ViewSize
 * @typedef {import("./types.js").View} View
 * @typedef {{ soon: Promise<(Level | null)[]>, whole: () => Promise<Level[]> }} Picture
 */

const workers = [0, 1].map(() => new Worker("/static/js/decode.js", { type: "module" }));
/** @type {Map<number, { resolve: (levels: Level[]) => void, reject: (error: unknown) => void }>} */
const waiting = new Map();
/** @type {Map<string, Picture>} */
const kept = new Map();
let count = 0;

for (const worker of workers) {
  /** @param {MessageEvent<import("./decode.js").Delivery>} event */
  worker.onmessage = ({ data: { id, levels, failed, status } }) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (levels) asked?.resolve(levels);
    else asked?.reject(status ? new Refused(status, t("A picture of this case could not be sent.")) : new Unreachable(failed));
  };
}

/**
 * @param {string} url
 * @param {import("./types.js").Size} size
 * @param {AbortSignal} signal
 * @param {boolean} [alone] only the picture itself, without its halves
 * @returns {Promise<Level[]>}
 */
function fetched(url, { width, height }, signal, alone = false) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const id = (count += 1);
    const worker = workers[id % workers.length];
    const stop = () => {
      waiting.delete(id);
      worker.postMessage({ id, stop: true });
      reject(signal.reason);
    };
    signal.addEventListener("abort", stop, { once: true });
    const free = () => signal.removeEventListener("abort", stop);
    waiting.set(id, { resolve: (levels) => (free(), resolve(levels)), reject: (error) => (free(), reject(error)) });
    worker.postMessage({ id, url, width, height, alone, headers: headers() });
  });
}

/**
 * One picture of a case of the open session; a picture asked for before is not asked for again.
 *
 * Its levels come as `soon`, for a large picture all but the first, the picture at full size; and all of them when
 * `whole` is called, which is better not done before the first are on the screen. Both can be asked again after a failure.
 * @param {number} session
 * @param {number} position
 * @param {ViewSize} view
 * @param {AbortSignal} signal of the room: pictures outlast the case that asks first
 * @returns {Picture}
 */
export function picture(session, position, view, signal) {
  const key = `${session}/${position}/${view.number}`;
  const known = kept.get(key);
  if (known) return known;
  const url = `/api/cases/${position}/pictures/${view.number}`;
  const first = (view.half ? fetched(`${url}?part=half`, view.half, signal) : fetched(url, view, signal)).catch((error) => {
    kept.delete(key);
    throw error;
  });
  /** @type {Promise<Level[]> | null} */
  let whole = view.half ? null : first;
  const rest = async () => {
    try {
      return [...(await fetched(url, view, signal, true)), ...(await first)];
    } catch (error) {
      whole = null;
      throw error;
    }
  };
  const made = {
    soon: first.then((levels) => (view.half ? [null, ...levels] : levels)),
    whole: () => (whole ??= rest()),
  };
  made.soon.catch(() => {}); // whoever waits for it is told
  kept.set(key, made);
  return made;
}

/**
 * The heat map of one picture; never kept, since the server records each look.
 * @param {number} position
 * @param {View} view
 * @param {AbortSignal} signal
 */
export async function heatmap(position, view, signal) {
  if (!view.heatmap) throw new Error("no heat map");
  const [map] = await fetched(`/api/cases/${position}/heatmaps/${view.number}`, view.heatmap, signal);
  return map;
}

/**
 * Let go of all pictures but those of this case and its neighbours.
 * @param {number} session
 * @param {number} position
 */
export function keepAround(session, position) {
  for (const key of kept.keys()) {
    const [ofSession, ofPosition] = key.split("/").map(Number);
    if (ofSession !== session || Math.abs(ofPosition - position) > 1) kept.delete(key);
  }
}

/** Let go of all pictures: somebody else may read here next. */
export function forget() {
  kept.clear();
}
