// A reader's page: asks the server where the reader stands, and shows that.

import { Refused, enter, persist, post, whoami } from "./api.js";
import { Backoff } from "./backoff.js";
import { element, h, say } from "./dom.js";
import { door } from "./door.js";
import { elsewhere, here, listen } from "./elsewhere.js";
import { consent, declined, instructions } from "./entrance.js";
import { t } from "./language.js";
import { forget } from "./pictures.js";
import { ReadingRoom } from "./reading.js";
import { Scope, ended } from "./scope.js";
import { questionnaire, review, thanks, washout } from "./screens.js";
import { languages, settle } from "./speaking.js";
import { pause } from "./trouble.js";

/** @typedef {import("./types.js").Me} Me */
/** @typedef {import("./types.js").Whereabouts} Whereabouts */

const page = new Scope();
let screen = new Scope(page.signal);
/** Finding out where the reader stands: never twice at once. */
let finding = new Scope(page.signal);
/** Between starts that nobody asked for the waits grow. */
const unasked = new Backoff();
let asked = true;
let reader = "";

for (const act of ["keydown", "pointerdown"]) addEventListener(act, () => (asked = true), { capture: true });

/**
 * Find out where the reader stands, and show that.
 * @param {boolean} taking whether this window is written in from now on: it was opened, or the reader wants to
 */
async function begin(taking) {
  finding.close();
  finding = new Scope(page.signal);
  const { signal } = finding;
  const token = location.hash.slice(1);
  try {
    if (asked) unasked.reset();
    else await pause(unasked.next(), signal);
    asked = false;
    await settle();
    if (token && (await persist(() => enter(token, signal), signal)).role === "admin") return location.replace("/admin");
    goOn(await arrive(signal, taking));
  } catch (error) {
    if (ended(error)) return;
    screen.close();
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) ask(token ? error.message : "");
    else say(error instanceof Error ? error.message : String(error), "alarm", 0);
  }
}

/**
 * Come as whoever is signed in in this browser, and take the pen.
 * @param {AbortSignal} signal
 * @param {boolean} taking
 * @returns {Promise<Me>}
 */
async function arrive(signal, taking) {
  const me = await persist(() => whoami("me", signal), signal);
  await settle(me.language);
  if (reader && reader !== me.code) {
    say(t("This browser is signed in as reader {reader} now.", { reader: me.code }), "alarm", 12);
    forget();
  }
  reader = me.code;
  if (!taking) return me;
  /** @type {Whereabouts} */
  const whereabouts = await persist(() => post("pen", undefined, signal), signal);
  here(me.code);
  return { ...me, ...whereabouts };
}

/** @param {string} message */
function ask(message) {
  const scope = next();
  door(message, scope.signal, async (token) => {
    const { role } = await enter(token, scope.signal);
    if (role === "admin") location.replace("/admin");
    else goOn(await arrive(page.signal, true));
  }, h("div", { class: "row" }, h("span"), languages()));
}

/** A new screen: all that the old one was doing ends. */
function next() {
  screen.close();
  screen = new Scope(page.signal);
  document.body.removeAttribute("data-case");
  return screen;
}

/**
 * Show the screen of the stage that the reader has reached.
 * @param {Me} me
 * @param {number | null} [position] a case to go back to
 */
function goOn(me, position = null) {
  const { signal } = next();
  document.body.dataset.stage = me.stage.name;
  const done = (/** @type {Whereabouts} */ whereabouts) => goOn({ ...me, ...whereabouts });
  const { name } = me.stage;
  if (position !== null || name === "reading") {
    const room = new ReadingRoom(me, signal, { leave: goOn, refused });
    void room.open(position ?? me.stage.position);
  } else if (name === "review") review(me, signal, { open: (number) => goOn(me, number), done, refused });
  else if (name === "washout") washout(me, signal, () => void begin(false));
  else if (name === "done") thanks(me);
  else if (name === "consent") consent(me, signal, { done, refused });
  else if (name === "declined") declined(me);
  else if (name === "instructions") instructions(me, signal, { done, refused });
  else questionnaire(me, signal, { done, refused });
}

/**
 * The server said no to something that the screen had to do.
 * @param {unknown} error
 */
function refused(error) {
  if (ended(error)) return;
  if (error instanceof Refused && error.status === 423) return taken();
  say(error instanceof Error ? error.message : String(error), "alarm", 12);
  // 401: signed out; 403: somebody else signed in; 404, 409, 422: what the page believes is not so
  void begin(false);
}

/** The reader goes on in another window. */
function taken() {
  finding.close();
  screen.close();
  element("page").inert = true;
  elsewhere(() => {
    element("page").inert = false;
    void begin(true);
  });
}

// a link pasted into this very tab changes the hash alone, which loads nothing
addEventListener("hashchange", () => location.hash && location.reload());
listen((code) => code === reader && taken());

void begin(true);
