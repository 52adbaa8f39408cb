// Light or dark: as the system has it until the reader says otherwise, and then as the reader has it.

import { h } from "./page.js";

const KEPT = "osteon-report-looks";

/** Put the switch into the page's head. */
export function lookSwitch() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => document.documentElement.dataset.looks ?? (dark.matches ? "dark" : "light");
  const button = h("button", { type: "button", class: "alive looks", onclick: () => choose(chosen() === "dark" ? "light" : "dark") });
  const told = () => button.replaceChildren(chosen() === "dark" ? "Light colours" : "Dark colours");

  /** @param {string} looks */
  function choose(looks) {
    document.documentElement.dataset.looks = looks;
    try {
      localStorage.setItem(KEPT, looks);
    } catch {
      // a file that may keep nothing is asked again next time
    }
    told();
  }

  try {
    const before = localStorage.getItem(KEPT);
    if (before) document.documentElement.dataset.looks = before;
  } catch {
    // as above
  }
  dark.addEventListener("change", told);
  told();
  document.querySelector("main > header")?.append(button);
}
