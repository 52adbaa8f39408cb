// Tables that are sorted by a press on a column's head: numbers as numbers, words as words, what is not known last.

import { h } from "./page.js";
import { worth } from "./numbers.js";

/** What the next press asks for. */
const NEXT = /** @type {const} */ ({ none: "ascending", ascending: "descending", descending: "none" });

/** Make every table of the report sortable. */
export function sortTables() {
  for (const table of document.querySelectorAll("main table")) sortable(/** @type {HTMLTableElement} */ (table));
}

/** @param {HTMLTableElement} table */
export function sortable(table) {
  const body = table.tBodies[0];
  const before = Array.from(body.rows);
  if (before.filter((row) => !row.classList.contains("group")).length < 2) return;
  const heads = Array.from(table.tHead?.rows[0]?.cells ?? []);
  let place = 0;
  for (const head of heads) {
    const column = place;
    place += head.colSpan;
    if (!head.textContent?.trim()) continue;
    head.setAttribute("aria-sort", "none");
    head.replaceChildren(h("button", { type: "button", class: "sort", onclick: () => press(head) }, ...head.childNodes));
    head.dataset.column = String(column);
  }

  /** @param {HTMLElement} head */
  function press(head) {
    const asked = NEXT[/** @type {keyof typeof NEXT} */ (head.getAttribute("aria-sort"))];
    for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", asked);
    const sorted = asked === "none" ? before : groups(before).flatMap((rows) => ordered(rows, Number(head.dataset.column), asked === "descending"));
    body.append(...sorted);
  }
}

/**
 * Rows below each heading across the table; the heading comes first and stays there.
 * @param {HTMLTableRowElement[]} rows
 */
function groups(rows) {
  /** @type {HTMLTableRowElement[][]} */
  const found = [];
  for (const row of rows) {
    if (row.classList.contains("group") || !found.length) found.push([]);
    found[found.length - 1].push(row);
  }
  return found;
}

/**
 * @param {HTMLTableRowElement[]} rows
 * @param {number} column
 * @param {boolean} falling
 */
function ordered(rows, column, falling) {
  const [heading, own] = rows[0].classList.contains("group") ? [[rows[0]], rows.slice(1)] : [[], rows];
  const texts = new Map(own.map((row) => [row, textOf(row, column)]));
  const known = own.filter((row) => texts.get(row));
  const words = known.some((row) => worth(texts.get(row) ?? "") === null);
  known.sort((one, other) => {
    const [a, b] = [texts.get(one) ?? "", texts.get(other) ?? ""];
    const less = words ? a.localeCompare(b, undefined, { numeric: true }) : Number(worth(a)) - Number(worth(b));
    return falling ? -less : less;
  });
  return [...heading, ...known, ...own.filter((row) => !texts.get(row))];
}

/**
 * What a cell says; empty where it says that nothing is known.
 * @param {HTMLTableRowElement} row
 * @param {number} column
 */
function textOf(row, column) {
  let place = 0;
  for (const cell of row.cells) {
    if (place + cell.colSpan > column) {
      const text = (cell.textContent ?? "").trim();
      return cell.classList.contains("none") || text === "–" ? "" : text;
    }
    place += cell.colSpan;
  }
  return "";
}
