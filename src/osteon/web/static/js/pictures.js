// Pictures on their way: two workers fetch and unpack; the case on the screen and its neighbours are kept.

const workers = [0, 1].map(() => new Worker("/static/js/decode.js"));
const waiting = new Map();
const kept = new Map();
let count = 0;

for (const worker of workers) {
  worker.onmessage = ({ data: { id, levels, failed } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (failed) reject(new Error(failed));
    else resolve(levels);
  };
}

function fetched(url, { width, height }, alone = false) {
  return new Promise((resolve, reject) => {
    const id = (count += 1);
    waiting.set(id, { resolve, reject });
    workers[id % workers.length].postMessage({ id, url, width, height, alone });
  });
}

/**
 * One picture of a case of the open session; a picture asked for before is not asked for again.
 *
 * Its levels come as `soon`, for a large picture all but the first, the picture at full size; and all of them when
 * `whole` is called, which is better not done before the first are on the screen.
 */
export function picture(session, position, view) {
  const key = `${session}/${position}/${view.number}`;
  if (!kept.has(key)) {
    const url = `/api/cases/${position}/pictures/${view.number}`;
    const forget = (error) => {
      kept.delete(key);
      throw error;
    };
    const first = (view.half ? fetched(`${url}?part=half`, view.half) : fetched(url, view)).catch(forget);
    const soon = first.then((levels) => (view.half ? [null, ...levels] : levels));
    const rest = async () => [...(await fetched(url, view, true).catch(forget)), ...(await first)];
    let whole = view.half ? null : first;
    kept.set(key, { soon, whole: () => (whole ??= first.then(rest)) });
  }
  return kept.get(key);
}

/** The heat map of one picture; never kept, since the server records each look. */
export function heatmap(position, view) {
  return fetched(`/api/cases/${position}/heatmaps/${view.number}`, view.heatmap);
}

/** Let go of all pictures but those of this case and its neighbours. */
export function keepAround(session, position) {
  for (const key of kept.keys()) {
    const [ofSession, ofPosition] = key.split("/").map(Number);
    if (ofSession !== session || Math.abs(ofPosition - position) > 1) kept.delete(key);
  }
}
