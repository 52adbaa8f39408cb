import assert from "node:assert/strict";
import { test } from "node:test";
import { Answering } from "../../../src/osteon/web/static/js/answering.js";

const QUESTION = { call: true, draw_box: false, advice: "shown" };
const shown = (given) => ({ step: 1, steps: 1, aided: false, advised: false, answers: [], draft: null, ...given });
const stored = (step, given) => ({ step, confidence: 70, call: 1, box: null, comment: "", revision: 1, ...given });

function opened(given, question = QUESTION) {
  const state = new Answering(question);
  state.open(shown(given));
  return state;
}

test("an unaided answer is whole once both are chosen", () => {
  const state = opened({});
  assert.equal(state.missing, "call");
  state.set({ call: 1 }, 0);
  assert.equal(state.missing, "confidence");
  state.set({ confidence: 80 }, 0);
  assert.equal(state.missing, null);
  assert.deepEqual(state.answer, { confidence: 80, call: 1, box: null, comment: "", no_lesion: false, revises: null, acted: null });
});

test("nothing can be chosen before the advice is on the screen", () => {
  const state = opened({ aided: true });
  assert.equal(state.missing, "waiting");
  assert.equal(state.set({ call: 1, confidence: 50 }, 10), false);
  state.adviceOnScreen(1000);
  assert.equal(state.missing, "call");
  assert.equal(state.set({ call: 0, confidence: 30 }, 3500), true);
  assert.equal(state.answer.acted, 2.5);
  assert.equal(state.missing, null);
});

test("the unaided answer is not the aided one until it is kept", () => {
  const state = opened({ step: 2, steps: 2, aided: true, answers: [stored(1, { comment: "smooth" })] });
  state.adviceOnScreen(1000);
  assert.equal(state.missing, "call");
  assert.equal(state.values.comment, "smooth");
  assert.equal(state.keep(1400), true);
  assert.equal(state.missing, null);
  assert.deepEqual([state.answer.call, state.answer.confidence, state.answer.acted], [1, 70, 0.4]);
});

test("what was chosen before advice on demand has to be chosen again", () => {
  const state = opened({ aided: true }, { ...QUESTION, advice: "on-demand" });
  state.set({ call: 1, confidence: 60 }, 5);
  assert.equal(state.missing, null); // the advice was not asked for
  assert.equal(state.answer.acted, null);
  state.adviceAsked();
  assert.equal(state.missing, "waiting");
  state.adviceOnScreen(100);
  assert.equal(state.missing, "call");
  state.keep(300);
  assert.deepEqual([state.missing, state.answer.acted], [null, 0.2]);
});

test("a stored answer is looked at, and changed only by choice", () => {
  const state = opened({ answers: [stored(1, { revision: 3 })] });
  assert.equal(state.missing, "stored");
  assert.equal(state.set({ call: 0 }, 1), false);
  state.revise();
  assert.equal(state.missing, "unchanged");
  state.set({ comment: "  " }, 1);
  assert.equal(state.missing, "unchanged");
  state.set({ confidence: 71 }, 1);
  assert.equal(state.missing, null);
  assert.equal(state.answer.revises, 3);
  state.leaveAsItIs();
  assert.deepEqual([state.missing, state.values.confidence], ["stored", 70]);
});

test("a changed aided answer is an act after the advice, too", () => {
  const state = opened({ aided: true, advised: true, answers: [stored(1)] });
  state.revise();
  assert.equal(state.missing, "waiting");
  state.adviceOnScreen(100);
  assert.equal(state.missing, "unchanged");
  state.set({ confidence: 10 }, 200);
  assert.deepEqual([state.missing, state.answer.acted], [null, 0.1]);
});

test("a draft is taken up where it was left, with what is known of the advice", () => {
  const draft = { confidence: null, call: 1, box: null, comment: "", revises: null, acted: 4 };
  const state = opened({ aided: true, advised: true, draft });
  state.adviceOnScreen(100);
  assert.equal(state.values.call, 1); // chosen after the advice: it need not be chosen again
  state.set({ confidence: 5 }, 1100);
  assert.deepEqual([state.missing, state.answer.acted], [null, 1]);
  const early = opened({ aided: true, advised: true, draft: { ...draft, acted: null } });
  early.adviceOnScreen(100);
  assert.equal(early.values.call, null);
  assert.equal(early.before.call, 1);
});

test("a draft says what was begun, and nothing where nothing was", () => {
  const state = opened({});
  assert.deepEqual(state.draft, { revises: null });
  state.set({ comment: "x" }, 0);
  assert.equal(state.draft.comment, "x");
  const second = opened({ step: 2, steps: 2, aided: true, answers: [stored(1, { comment: "smooth" })] });
  assert.deepEqual(second.draft, { revises: null }); // the box and the comment of the first answer are none of it
});

test("a case can be said to have no lesion, where that may be said, instead of a box", () => {
  const asked = { ...QUESTION, draw_box: true, no_lesion: true };
  const state = opened({}, asked);
  state.set({ call: 0, confidence: 5, no_lesion: true }, 0);
  assert.deepEqual([state.missing, state.answer.no_lesion, state.answer.box], [null, true, null]);
  state.set({ box: { view: 1, x0: 1, y0: 2, x1: 3, y1: 4 } }, 0);
  assert.deepEqual([state.missing, state.answer.no_lesion], [null, false]);
  state.set({ no_lesion: true, call: 1 }, 0);
  assert.equal(state.missing, "contradiction"); // what is not there is not called positive
  assert.equal(opened({ answers: [stored(1)] }, asked).values.no_lesion, true);
  assert.equal(opened({}, asked).values.no_lesion, false);
});

test("text goes without what the server would refuse", () => {
  const state = opened({});
  state.set({ call: 1, confidence: 5, comment: "a\u0000b\u000bc\n\ud83d\ude00\ud83d " }, 0);
  assert.equal(state.answer.comment, "abc\n\ud83d\ude00");
  assert.equal(state.draft.comment, "abc\n\ud83d\ude00 ");
});

test("a box that is asked for is needed", () => {
  const state = opened({}, { ...QUESTION, draw_box: true });
  state.set({ call: 1, confidence: 5 }, 0);
  assert.equal(state.missing, "box");
  state.set({ box: { view: 1, x0: 1, y0: 2, x1: 3, y1: 4 } }, 0);
  assert.equal(state.missing, null);
});
