import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

globalThis.document ??= { getElementById: () => null };
const { Refused, Unreachable, get, patience, persist, post, temporary } = await import("../../../src/osteon/web/static/js/api.js");
const { Backoff } = await import("../../../src/osteon/web/static/js/backoff.js");
const { Drafts } = await import("../../../src/osteon/web/static/js/drafts.js");
const { Scope, ended } = await import("../../../src/osteon/web/static/js/scope.js");
const { nudge } = await import("../../../src/osteon/web/static/js/trouble.js");

/** @type {{ path: string, body: any, signal: AbortSignal }[]} */
let requests = [];
let answer = async () => reply(200, {});
const reply = (status, content, headers = {}) => new Response(JSON.stringify(content), { status, headers });
const settled = async () => {
  for (let i = 0; i < 40; i += 1) await null;
};

beforeEach(() => {
  requests = [];
  answer = async () => reply(200, {});
});
globalThis.fetch = async (path, { body, signal }) => {
  requests.push({ path, body: body && JSON.parse(body), signal });
  return await Promise.race([answer(requests.length), new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason)))]);
};

test("waits double up to a limit, and differ between browsers", () => {
  const low = new Backoff(() => 0);
  const high = new Backoff(() => 1);
  assert.deepEqual(Array.from({ length: 7 }, () => low.next()), [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  assert.deepEqual(Array.from({ length: 7 }, () => high.next()), [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  low.reset();
  assert.equal(low.next(), 500);
  assert.equal(low.next(7000), 7000); // what the server asks for itself
});

test("what a server asks to wait is followed within reason", () => {
  assert.deepEqual([null, "0", "7", "-3", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "x"].map(patience), [0, 0, 7000, 0, 120000, 0, 0]);
});

test("only what may pass is tried again", () => {
  for (const status of [429, 500, 502, 503]) assert.ok(temporary(new Refused(status, "")));
  for (const status of [401, 403, 404, 409, 422, 423]) assert.ok(!temporary(new Refused(status, "")));
  assert.ok(temporary(new Unreachable()));
  assert.ok(!temporary(new Error()));
});

test("a server that fails for an hour hears of a page less than five times a minute", async () => {
  const real = [globalThis.setTimeout, globalThis.clearTimeout];
  let [now, count] = [0, 0];
  const due = new Map();
  globalThis.setTimeout = (act, after) => due.set((count += 1), [now + after, act]) && count;
  globalThis.clearTimeout = (id) => due.delete(id);
  answer = async () => reply(500, { error: "broken" });
  const scope = new Scope();
  const work = persist(() => get("cases/1", scope.signal), scope.signal).catch((error) => error);
  let early = 0;
  for (let second = 0; second < 3600; second += 1) {
    await settled();
    now += 1000;
    for (const [id, [at, act]] of [...due]) if (at <= now && due.delete(id)) act();
    if (second === 9) early = requests.length;
  }
  [globalThis.setTimeout, globalThis.clearTimeout] = real;
  scope.close();
  assert.ok(ended(await work));
  assert.ok(early >= 3 && early <= 6, `${early} in ten seconds`);
  assert.ok(requests.length < 300, `${requests.length} in an hour`);
});

test("a nudge tries at once", async () => {
  answer = async (count) => (count < 2 ? reply(503, {}, { "retry-after": "3600" }) : reply(200, { fine: true }));
  const scope = new Scope();
  const work = persist(() => get("me", scope.signal), scope.signal);
  while (requests.length < 1) await null;
  await new Promise((resolve) => setTimeout(resolve));
  nudge();
  assert.deepEqual(await work, { fine: true });
});

test("a request ends with the scope that it belongs to, and with that of the screen around it", async () => {
  answer = () => new Promise(() => {});
  const screen = new Scope();
  const inner = new Scope(screen.signal);
  const work = post("cases/1/shown", undefined, inner.signal).catch((error) => error);
  screen.close();
  assert.ok(ended(await work));
  assert.ok(requests[0].signal.aborted);
  assert.ok(inner.closed);
  assert.ok(ended(await get("me", inner.signal).catch((error) => error)));
  assert.equal(requests.length, 1);
});

test("a reply that is cut off is no reply", async () => {
  answer = async () => new Response('{"a": 1', { status: 200 });
  assert.ok((await get("me", new Scope().signal).catch((error) => error)) instanceof Unreachable);
});

test("drafts go one at a time, the newest last, and none twice", async () => {
  let release = () => {};
  answer = (count) => (count === 1 ? new Promise((resolve) => (release = () => resolve(reply(200, { kept: true })))) : reply(200, { kept: true }));
  const scope = new Scope();
  const drafts = new Drafts("d", scope.signal, (error) => assert.fail(String(error)), 0);
  drafts.change({ call: 1 });
  const sent = drafts.flush();
  drafts.change({ call: 0 });
  drafts.change({ call: 0, comment: "x" });
  assert.equal(requests.length, 1);
  release();
  await sent;
  await drafts.flush();
  drafts.change({ call: 0, comment: "x" });
  await drafts.flush();
  assert.deepEqual(requests.map(({ body: { turn, ...content } }) => content), [{ call: 1 }, { call: 0, comment: "x" }]);
  assert.ok(requests[0].body.turn < requests[1].body.turn);
});

test("a draft on its way when the page goes is sent again, in its turn", async () => {
  answer = (count) => (count === 1 ? new Promise(() => {}) : reply(200, { kept: true }));
  const scope = new Scope();
  const drafts = new Drafts("d", scope.signal, () => {}, 0);
  drafts.change({ call: 1 });
  void drafts.flush();
  drafts.part();
  await settled();
  scope.close();
  assert.deepEqual(requests.map(({ body }) => body.call), [1, 1]);
  assert.ok(requests[1].body.turn > requests[0].body.turn);
});

test("a refused draft is told, an ended one is not", async () => {
  answer = async () => reply(423, { error: "elsewhere" });
  const told = [];
  const scope = new Scope();
  const drafts = new Drafts("d", scope.signal, (error) => told.push(error.status), 0);
  drafts.change({ call: 1 });
  await drafts.flush();
  scope.close();
  drafts.change({ call: 0 });
  await drafts.flush();
  assert.deepEqual(told, [423]);
  assert.equal(requests.length, 1);
});
