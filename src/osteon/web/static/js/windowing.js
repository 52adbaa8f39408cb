// From grey values of the picture to greys of the screen: a table of 65 536 entries. Needs no page.

/**
 * @typedef {import("./grey.js").Level} Level
 * @typedef {import("./types.js").Window} Usual the window that the picture opens with
 * @typedef {import("./types.js").OtherWindow} Base what is black and what is white, in stored values; the course between;
 *   centre and width as the file writes them, null where it is not the file's
 */

/** Shares of the values that become black and white, by what they show well. */
const SHARES = /** @type {const} */ ({ bone: [0.5, 0.998], soft: [0.02, 0.7], all: [0, 1] });

/** @typedef {keyof typeof SHARES} Preset */

export class Windowing {
  /** @param {Usual} usual */
  constructor(usual) {
    this.usual = usual;
    /** @type {Base} what was chosen last, before it was changed by hand */
    this.base = usual;
    this.low = 0;
    this.high = 1;
    this.inverted = false;
    this.table = new Uint32Array(65536);
    this.stale = true;
    this.reset();
  }

  reset() {
    this.inverted = false;
    this.choose(this.usual);
  }

  /** @param {Base} base */
  choose(base) {
    this.base = base;
    this.low = base.low;
    this.high = base.high;
    this.stale = true;
  }

  /** Centre and width in the numbers of the file, which are not the stored ones. */
  get told() {
    const { slope, intercept } = this.usual;
    const { low, high, centre, width } = this.base;
    const middle = centre ?? (slope * (low + high)) / 2 + intercept;
    const moved = (slope * (this.low + this.high - low - high)) / 2;
    const wide = width ?? Math.abs(slope) * (high - low);
    return { centre: middle + moved, width: (wide * (this.high - this.low)) / Math.max(high - low, 1e-6) };
  }

  /**
   * Move the centre and change the width, both in fractions of the default width.
   * @param {number} level
   * @param {number} width
   */
  change(level, width) {
    const usual = Math.max(this.usual.high - this.usual.low, 1);
    const centre = (this.low + this.high) / 2 + level * usual;
    const wide = Math.min(Math.max((this.high - this.low) * Math.exp(width), 1), 131072);
    const kept = Math.min(Math.max(centre, -65536), 131072);
    this.low = kept - wide / 2;
    this.high = kept + wide / 2;
    this.stale = true;
  }

  invert() {
    this.inverted = !this.inverted;
    this.stale = true;
  }

  /**
   * Show the same picture as another does.
   * @param {Windowing} other
   */
  follow({ base, low, high, inverted }) {
    this.stale ||= low !== this.low || high !== this.high || inverted !== this.inverted || base !== this.base;
    Object.assign(this, { base, low, high, inverted });
  }

  /**
   * Change as another picture's window did: by the same shares of what it opens with.
   * @param {Windowing} other
   */
  accompany({ usual, low, high, inverted }) {
    const ratio = (this.usual.high - this.usual.low) / Math.max(usual.high - usual.low, 1e-6);
    this.base = this.usual;
    this.low = this.usual.low + (low - usual.low) * ratio;
    this.high = this.usual.high + (high - usual.high) * ratio;
    this.inverted = inverted;
    this.stale = true;
  }

  /** The table, made again where the window has changed since. */
  shades() {
    if (!this.stale) return this.table;
    const { curve } = this.base;
    const span = Math.max(this.high - this.low, 1e-6);
    for (let value = 0; value < 65536; value += 1) {
      let grey = Math.min(Math.max((value - this.low) / span, 0), 1);
      if (curve) grey = along(curve, grey);
      const shade = Math.round(255 * (this.inverted ? 1 - grey : grey));
      this.table[value] = 0xff000000 | (shade << 16) | (shade << 8) | shade;
    }
    this.stale = false;
    return this.table;
  }
}

/**
 * A window from the picture's own values.
 * @param {Level} level a small one is enough
 * @param {Preset} name
 * @returns {Base}
 */
export function preset({ values }, name) {
  const sorted = values.slice().sort();
  const [low, high] = SHARES[name].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  return { low, high: Math.max(high, low + 1), curve: null, centre: null, width: null };
}

/**
 * What is left of a picture without its white border, in pixels of the level; null where it has none.
 *
 * A row or column at the edge is border when nine tenths of it are nearly white.
 * @param {Level} level
 * @param {Uint32Array} shades of its values on the screen
 * @returns {import("./placing.js").Rectangle | null}
 */
export function withoutBorder({ values, width, height }, shades) {
  let [x0, y0, x1, y1] = [0, 0, width, height];
  const white = (/** @type {number} */ from, /** @type {number} */ step, /** @type {number} */ count) => {
    let found = 0;
    for (let at = from, end = from + step * count; at < end; at += step) if ((shades[values[at]] & 0xff) > 230) found += 1;
    return found >= 0.9 * count;
  };
  for (let before = ""; before !== String([x0, y0, x1, y1]) && x1 - x0 > 2 && y1 - y0 > 2; ) {
    before = String([x0, y0, x1, y1]);
    if (white(y0 * width + x0, 1, x1 - x0)) y0 += 1;
    if (white((y1 - 1) * width + x0, 1, x1 - x0)) y1 -= 1;
    if (white(y0 * width + x0, width, y1 - y0)) x0 += 1;
    if (white(y0 * width + x1 - 1, width, y1 - y0)) x1 -= 1;
  }
  const nothing = x1 - x0 <= 2 || y1 - y0 <= 2; // all of it is white
  return nothing || (x0 === 0 && y0 === 0 && x1 === width && y1 === height) ? null : [x0, y0, x1, y1];
}

/**
 * @param {number[]} curve
 * @param {number} share
 */
function along(curve, share) {
  const place = share * (curve.length - 1);
  const below = Math.min(Math.floor(place), curve.length - 2);
  return curve[below] + (place - below) * (curve[below + 1] - curve[below]);
}
