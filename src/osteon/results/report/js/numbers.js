// How numbers are written: as the rest of the report writes them.

/**
 * A number with a true minus sign; a dash where there is none. Halves go to the even neighbour, as in the tables.
 * @param {number | null} value
 * @param {number} [digits]
 */
export function number(value, digits = 3) {
  if (value === null || Number.isNaN(value)) return "–";
  if (value === Infinity) return "∞";
  const halves = value * 2 ** (digits + 1);
  let text = value.toFixed(digits);
  if (Number.isInteger(halves) && halves % 2) {
    // A half exactly: what toFixed puts away from zero may be the odd neighbour.
    const scaled = value * 10 ** digits;
    const even = 2 * Math.round(scaled / 2);
    text = (even / 10 ** digits).toFixed(digits);
  }
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/**
 * The two limits of an interval; empty where there is none.
 * @param {[number, number] | null} limits
 * @param {number} [digits]
 */
export function range(limits, digits = 3) {
  return limits === null ? "" : `${number(limits[0], digits)} to ${number(limits[1], digits)}`;
}

/**
 * What a cell of a table is worth when it is sorted: its number, or null where it holds none.
 * @param {string} text
 */
export function worth(text) {
  const found = /^[<>≤≥=]?\s*([+−-]?\d[\d,]*(?:\.\d+)?)/.exec(text.trim());
  return found ? Number(found[1].replace("−", "-").replaceAll(",", "")) : null;
}
