// An annotator's page: signs in, shows the work list, and the room.

import { Refused, enter, persist, post, whoami } from "../api.js";
import { Backoff } from "../backoff.js";
import { element, say } from "../dom.js";
import { door } from "../door.js";
import { elsewhere, here, listen } from "../elsewhere.js";
import { forget } from "../pictures.js";
import { Scope, ended } from "../scope.js";
import { pause } from "../trouble.js";
import { AnnotationRoom } from "./room.js";
import { worklist } from "./worklist.js";

/** @typedef {import("./types.js").Me} Me */

const page = new Scope();
let screen = new Scope(page.signal);
/** Between starts that nobody asked for the waits grow. */
const unasked = new Backoff();
let asked = true;
let known = "";

for (const act of ["keydown", "pointerdown"]) addEventListener(act, () => (asked = true), { capture: true });

async function begin() {
  const scope = next();
  const token = location.hash.slice(1);
  try {
    if (asked) unasked.reset();
    else await pause(unasked.next(), scope.signal);
    asked = false;
    if (token && (await persist(() => enter(token, scope.signal), scope.signal)).role === "admin") return location.replace("/admin");
    list(await arrive(scope.signal));
  } catch (error) {
    if (ended(error)) return;
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) ask(token ? error.message : "");
    else say(error instanceof Error ? error.message : String(error), "alarm", 0);
  }
}

/**
 * Come as whoever is signed in in this browser, and take the pen.
 * @param {AbortSignal} signal
 * @returns {Promise<Me>}
 */
async function arrive(signal) {
  /** @type {Me} */
  const me = await persist(() => whoami("me", signal), signal);
  if (known && known !== me.code) {
    say(`This browser is signed in as ${me.code} now.`, "alarm", 12);
    forget();
  }
  known = me.code;
  await persist(() => post("pen", undefined, signal), signal);
  here(me.code);
  return me;
}

/** @param {string} message */
function ask(message) {
  const scope = next();
  door(message, scope.signal, async (token) => {
    const { role } = await enter(token, scope.signal);
    if (role === "admin") location.replace("/admin");
    else list(await arrive(page.signal));
  });
}

/** A new screen: all that the old one was doing ends. */
function next() {
  screen.close();
  screen = new Scope(page.signal);
  for (const mark of ["data-case", "data-stage"]) document.body.removeAttribute(mark);
  return screen;
}

/** @param {Me} me */
function list(me) {
  next();
  document.body.dataset.stage = "list";
  worklist(me, (position) => {
    const { signal } = next();
    document.body.dataset.stage = "room";
    const room = new AnnotationRoom(me, signal, { list: (work) => list({ ...me, work }), refused });
    void room.open(position);
  });
}

/**
 * The server said no to something that the screen had to do.
 * @param {unknown} error
 */
function refused(error) {
  if (ended(error)) return;
  if (error instanceof Refused && error.status === 423) return taken();
  say(error instanceof Error ? error.message : String(error), "alarm", 12);
  void begin();
}

/** Somebody goes on in another window. */
function taken() {
  screen.close();
  element("page").inert = true;
  elsewhere(() => {
    element("page").inert = false;
    void begin();
  });
}

// a link pasted into this very tab changes the hash alone, which loads nothing
addEventListener("hashchange", () => location.hash && location.reload());
listen((code) => code === known && taken());

void begin();
