// The corners of a ROC curve, each with the cut-off that gives it.

/** @typedef {{cut: number, sensitivity: number, specificity: number}} Corner */

/**
 * Every point of the empirical curve, from calling nobody to calling all.
 * @param {import("./counting.js").Among} cases
 * @returns {Corner[]} empty where there is one class only
 */
export function corners({ truth, score }) {
  const order = Array.from(score.keys()).sort((a, b) => score[b] - score[a]);
  const positives = truth.reduce((sum, one) => sum + one, 0);
  const others = truth.length - positives;
  if (!positives || !others) return [];
  const found = [{ cut: Infinity, sensitivity: 0, specificity: 1 }];
  let [hits, alarms] = [0, 0];
  order.forEach((i, place) => {
    if (truth[i]) hits++;
    else alarms++;
    const last = place + 1 === order.length || score[order[place + 1]] < score[i];
    if (last) found.push({ cut: score[i], sensitivity: hits / positives, specificity: 1 - alarms / others });
  });
  return found;
}

/**
 * Where a cut-off lies on a curve: the corner of the least cut-off that is not below it.
 * @param {Corner[]} curve by falling cut-offs
 * @param {number} cut
 */
export function at(curve, cut) {
  let [low, high] = [0, curve.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (curve[middle].cut >= cut) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * The next cut-off along a curve, or the last one before.
 * @param {Corner[]} curve
 * @param {number} cut
 * @param {number} step
 */
export function along(curve, cut, step) {
  return curve[Math.min(curve.length - 1, Math.max(1, at(curve, cut) + step))].cut;
}
