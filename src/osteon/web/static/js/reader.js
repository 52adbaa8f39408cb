// A reader's page: asks the server where the reader stands, and shows that.

import { Refused, enter, whoami } from "./api.js";
import { say } from "./dom.js";
import { ReadingRoom } from "./reading.js";
import { door, questionnaire, review, thanks, washout } from "./screens.js";

let room = null;

async function begin() {
  const token = location.hash.slice(1);
  try {
    goOn(token ? await enter(token) : await whoami());
  } catch (error) {
    if (error instanceof Refused && error.status === 401) door(goOn, token ? error.message : "");
    else offline(error);
  }
}

/** Show the screen of the stage that the reader has reached. */
function goOn(me, position = null) {
  room?.close();
  room = null;
  delete document.body.dataset.case;
  document.body.dataset.stage = me.stage?.name ?? "";
  if (me.role !== "reader") location.replace("/admin");
  else if (position !== null || me.stage.name === "reading") read(me, position ?? me.stage.position);
  else if (me.stage.name === "review") review(me, { open: (number) => goOn(me, number), done: next(me) });
  else if (me.stage.name === "washout") washout(me);
  else if (me.stage.name === "done") thanks(me);
  else questionnaire(me, next(me));
}

function read(me, position) {
  room = new ReadingRoom(me, (error) => (error ? refused(error) : begin()));
  room.open(position);
}

/** After a screen's own request: its reply tells the new stage. */
function next(me) {
  return (reply, error) => (error ? refused(error) : goOn({ ...me, ...reply }));
}

async function refused(error) {
  if (!(error instanceof Refused)) return offline(error);
  if (error.status !== 401) say(error.message, "alarm");
  return begin();
}

/** The server cannot be reached: say so, and try again. */
function offline(error) {
  console.warn(error);
  say("The server cannot be reached. Trying again …", "alarm", 0);
  setTimeout(async () => {
    await begin();
  }, 3000);
}

// a link pasted into this very tab changes the hash alone, which loads nothing
addEventListener("hashchange", () => location.hash && location.reload());

begin();
