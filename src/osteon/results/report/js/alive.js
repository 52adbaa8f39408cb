// The report comes alive: everything here is added to a page that says all without it.

import { told } from "./page.js";
import { sortTables } from "./sorting.js";
import { lookSwitch } from "./looks.js";
import { explore } from "./cutoff.js";
import { openCases } from "./cases.js";

document.documentElement.classList.add("scripted");
lookSwitch();
sortTables();
const known = told();
if (known) {
  explore(known);
  openCases(known);
}
