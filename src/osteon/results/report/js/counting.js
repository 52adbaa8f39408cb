// What a cut-off gives: counts, shares and ratios with the intervals of osteon.stats, which are those of the tables.

/**
 * @typedef {object} Estimate
 * @property {number} value NaN where it cannot be told
 * @property {[number, number] | null} limits
 */

/**
 * @typedef {object} Among the cases of a stratum
 * @property {Uint8Array} truth
 * @property {Float64Array} score
 * @property {Int32Array} patient numbers from 0, without a gap
 * @property {number} patients how many there are
 */

/**
 * @typedef {object} Level of confidence
 * @property {number} level
 * @property {number} quantile the normal one
 */

/** @type {Estimate} */
const UNKNOWN = Object.freeze({ value: NaN, limits: null });

/**
 * Some of the cases, with their patients numbered anew.
 * @param {ArrayLike<number>} cases
 * @param {(i: number) => number} truth
 * @param {(i: number) => number} score
 * @param {(i: number) => number} patient
 * @returns {Among}
 */
export function among(cases, truth, score, patient) {
  const every = Array.from(cases);
  const codes = renumbered(every.map(patient));
  return { truth: Uint8Array.from(every, truth), score: Float64Array.from(every, score), ...codes };
}

/**
 * @param {number[]} patient
 * @returns {{patient: Int32Array, patients: number}}
 */
function renumbered(patient) {
  /** @type {Map<number, number>} */
  const seen = new Map();
  const codes = Int32Array.from(patient, (one) => {
    if (!seen.has(one)) seen.set(one, seen.size);
    return /** @type {number} */ (seen.get(one));
  });
  return { patient: codes, patients: seen.size };
}

/**
 * All that a cut-off gives; cases are called positive at or above it.
 * @param {Among} cases
 * @param {number} cut
 * @param {Level} level
 */
export function atCut(cases, cut, level) {
  const { truth, score } = cases;
  let tp = 0, fp = 0, tn = 0, fn = 0;
  for (let i = 0; i < truth.length; i++) {
    if (score[i] >= cut) truth[i] ? tp++ : fp++;
    else truth[i] ? fn++ : tn++;
  }
  const one = tp + fn === 0 || fp + tn === 0; // in one class the other shares only repeat which class it is
  /** @type {(of: (i: number) => boolean, hit: (i: number) => boolean) => Estimate} */
  const of = (kept, hit) => share(cases, kept, hit, level);
  const called = (/** @type {number} */ i) => score[i] >= cut;
  const sick = (/** @type {number} */ i) => truth[i] === 1;
  return {
    tp, fp, tn, fn,
    sensitivity: of(sick, called),
    specificity: of((i) => !sick(i), (i) => !called(i)),
    ppv: one ? UNKNOWN : of(called, sick),
    npv: one ? UNKNOWN : of((i) => !called(i), (i) => !sick(i)),
    accuracy: one ? UNKNOWN : of(() => true, (i) => called(i) === sick(i)),
    ...(one ? { lrPositive: UNKNOWN, lrNegative: UNKNOWN } : ratios(cases, cut, { tp, fp, tn, fn }, level)),
  };
}

/**
 * The share of some cases that are hits, with Wilson's interval (1927); where patients have several cases, of the
 * effective number of cases (Rao & Scott 1992; Korn & Graubard 1998).
 * @param {Among} cases
 * @param {(i: number) => boolean} kept
 * @param {(i: number) => boolean} hit
 * @param {Level} level
 * @returns {Estimate}
 */
export function share(cases, kept, hit, level) {
  const which = [];
  for (let i = 0; i < cases.truth.length; i++) if (kept(i)) which.push(i);
  const n = which.length;
  if (!n) return UNKNOWN;
  const { patient, patients } = renumbered(which.map((i) => cases.patient[i]));
  const hits = which.reduce((sum, i) => sum + Number(hit(i)), 0);
  const value = hits / n;
  if (patients === n) return { value, limits: wilson(value, n, level.quantile) };
  if (hits === 0 || hits === n) return { value, limits: wilson(value, patients, level.quantile) };
  if (patients < 2) return UNKNOWN;
  const sums = new Float64Array(patients);
  which.forEach((i, at) => (sums[patient[at]] += Number(hit(i)) - value));
  const variance = ((patients / (patients - 1)) * squares(sums)) / n ** 2;
  let effective = n;
  if (variance > 0) {
    effective = Math.min(n, (value * (1 - value)) / variance);
    effective *= (level.quantile / student(level.level, patients - 1)) ** 2;
  }
  return { value, limits: wilson(value, effective, level.quantile) };
}

/**
 * Wilson's score interval.
 * @param {number} p
 * @param {number} n
 * @param {number} z
 * @returns {[number, number]}
 */
export function wilson(p, n, z) {
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = Math.sqrt((z ** 2 * p * (1 - p)) / n + (z ** 2 / (2 * n)) ** 2) / (1 + z ** 2 / n);
  return [p === 0 ? 0 : centre - half, p === 1 ? 1 : centre + half];
}

/**
 * Likelihood ratios of a positive and of a negative call, intervals on the log scale (Simel 1991); half a case is added
 * to each count where one of them is 0 (Haldane 1956).
 * @param {Among} cases
 * @param {number} cut
 * @param {{tp: number, fp: number, tn: number, fn: number}} counted
 * @param {Level} level
 */
function ratios(cases, cut, counted, level) {
  const more = Object.values(counted).includes(0) ? 0.5 : 0;
  const [tp, fn, fp, tn] = [counted.tp, counted.fn, counted.fp, counted.tn].map((count) => count + more);
  const clustered = cases.patients < cases.truth.length;
  const wide = clustered ? student(level.level, cases.patients - 1) : level.quantile;
  /** @type {(a: number, notA: number, b: number, notB: number, positive: boolean) => Estimate} */
  const ratio = (a, notA, b, notB, positive) => {
    const value = a / (a + notA) / (b / (b + notB));
    const plain = Math.sqrt(1 / a - 1 / (a + notA) + 1 / b - 1 / (b + notB));
    const se = clustered ? clusteredError(cases, cut, [a, a + notA, b, b + notB], positive) : plain;
    if (Number.isNaN(se)) return UNKNOWN;
    return { value, limits: [value * Math.exp(-wide * se), value * Math.exp(wide * se)] };
  };
  return { lrPositive: ratio(tp, fn, fp, tn, true), lrNegative: ratio(fn, tp, tn, fp, false) };
}

/**
 * Standard error of a logarithm of a ratio of shares, from each case's influence summed within patients.
 * @param {Among} cases
 * @param {number} cut
 * @param {[number, number, number, number]} counts hits and cases of the positives, then of the others
 * @param {boolean} positive whether positive calls are hits
 */
function clusteredError(cases, cut, [a, positives, b, others], positive) {
  const [sick, well] = [new Float64Array(cases.patients), new Float64Array(cases.patients)];
  /** @type {[Set<number>, Set<number>]} */
  const units = [new Set(), new Set()];
  for (let i = 0; i < cases.truth.length; i++) {
    const hit = cases.score[i] >= cut === positive;
    const at = cases.patient[i];
    if (cases.truth[i]) sick[at] += (hit ? 1 / a : 0) - 1 / positives;
    else well[at] += -(hit ? 1 / b : 0) + 1 / others;
    units[cases.truth[i] ? 0 : 1].add(at);
  }
  const [p, q] = units.map((unit) => unit.size);
  if (p < 2 || q < 2) return NaN;
  const all = cases.patients;
  const both = sick.reduce((sum, one, at) => sum + one * well[at], 0);
  const variance = (p / (p - 1)) * squares(sick) + (q / (q - 1)) * squares(well) + 2 * (all / (all - 1)) * both;
  return Math.sqrt(Math.max(0, variance));
}

/** @param {Float64Array} values */
function squares(values) {
  return values.reduce((sum, one) => sum + one * one, 0);
}

/** @type {Map<string, number>} */
const quantiles = new Map();

/**
 * Student's two-sided quantile.
 * @param {number} level
 * @param {number} df
 */
export function student(level, df) {
  const key = `${level} ${df}`;
  const before = quantiles.get(key);
  if (before !== undefined) return before;
  let [low, high] = [0, 2];
  while (within(high, df) < level) high *= 2;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (within(middle, df) < level) low = middle;
    else high = middle;
  }
  quantiles.set(key, (low + high) / 2);
  return (low + high) / 2;
}

/**
 * Student's probability between -t and t, as a finite sum (Abramowitz & Stegun 26.7.3 and 26.7.4).
 * @param {number} t
 * @param {number} df whole
 */
function within(t, df) {
  const angle = Math.atan(t / Math.sqrt(df));
  const cosine = Math.cos(angle);
  const odd = df % 2;
  let [term, sum] = [odd ? cosine : 1, 0];
  for (let k = odd ? 1 : 0; k <= df - 2; k += 2) {
    sum += term;
    term *= ((k + 1) / (k + 2)) * cosine ** 2;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

/**
 * Predictive values where so large a share of cases is positive; their limits are those of the likelihood ratios.
 * @param {ReturnType<typeof atCut>} found
 * @param {number} prevalence
 * @returns {{ppv: Estimate, npv: Estimate}}
 */
export function predictive(found, prevalence) {
  const odds = prevalence / (1 - prevalence);
  const [se, sp] = [found.sensitivity.value, found.specificity.value];
  const right = (/** @type {number} */ ratio) => (odds * ratio) / (1 + odds * ratio);
  const [up, down] = [found.lrPositive.limits, found.lrNegative.limits];
  return {
    ppv: { value: (prevalence * se) / (prevalence * se + (1 - prevalence) * (1 - sp)), limits: up && [right(up[0]), right(up[1])] },
    npv: {
      value: ((1 - prevalence) * sp) / ((1 - prevalence) * sp + prevalence * (1 - se)),
      limits: down && [1 - right(down[1]), 1 - right(down[0])],
    },
  };
}

/**
 * Net benefit a case of acting on positive calls, and of acting on every case, at a threshold probability below 1.
 * @param {{tp: number, fp: number, tn: number, fn: number}} counted
 * @param {number} risk
 */
export function benefit({ tp, fp, tn, fn }, risk) {
  const [n, weight] = [tp + fp + tn + fn, risk < 1 ? risk / (1 - risk) : NaN]; // nobody acts on certainty alone
  return { model: (tp - fp * weight) / n, all: (tp + fn - (fp + tn) * weight) / n };
}

/**
 * The recalibrated probability; the same where there is no recalibration, NaN where it turns the order round.
 * @param {number} p
 * @param {[number, number] | null} line intercept and slope
 */
export function recalibrated(p, line) {
  if (line === null) return p;
  if (line[1] <= 0) return NaN;
  return 1 / (1 + Math.exp(-(line[0] + line[1] * Math.log(p / (1 - p)))));
}
