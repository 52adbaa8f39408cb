// A worker: fetches a picture, unpacks it to 16-bit values, and halves it again and again for the lower zooms, unless
// its half is there already.

import { pyramid, unfold } from "./grey.js";

/**
 * @typedef {{ id: number, url: string, width: number, height: number, alone: boolean, headers: Record<string, string> }} Order
 * @typedef {{ id: number, stop: true }} Stop
 * @typedef {{ id: number, levels?: import("./grey.js").Level[], failed?: string, status?: number }} Delivery
 */

/** @type {Map<number, AbortController>} */
const under = new Map();
const send = /** @type {(delivery: Delivery, moved?: Transferable[]) => void} */ (
  (delivery, moved = []) => self.postMessage(delivery, { transfer: moved })
);

/** @param {MessageEvent<Order | Stop>} event */
self.onmessage = async ({ data }) => {
  if ("stop" in data) return under.get(data.id)?.abort();
  const { id, url, width, height, alone, headers } = data;
  const controller = new AbortController();
  under.set(id, controller);
  try {
    const reply = await fetch(url, { credentials: "same-origin", headers, signal: controller.signal });
    if (!reply.ok) return send({ id, failed: `picture refused (${reply.status})`, status: reply.status });
    const planes = new Uint8Array(await reply.arrayBuffer());
    if (planes.length !== 2 * width * height) throw new Error("picture incomplete");
    const whole = { values: unfold(planes, width, height), width, height };
    const levels = alone ? [whole] : pyramid(whole);
    send({ id, levels }, levels.map((level) => level.values.buffer));
  } catch (error) {
    send({ id, failed: error instanceof Error ? error.message : String(error) });
  } finally {
    under.delete(id);
  }
};
