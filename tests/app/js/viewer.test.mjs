import assert from "node:assert/strict";
import { test } from "node:test";
import { Collection } from "../../../src/osteon/web/static/js/collection.js";
import { MICE, begun } from "../../../src/osteon/web/static/js/mouse.js";
import { Placing } from "../../../src/osteon/web/static/js/placing.js";
import { pulled, told } from "../../../src/osteon/web/static/js/shapes.js";
import { keysOf, pressed } from "../../../src/osteon/web/static/js/tools.js";
import { Windowing, preset, withoutBorder } from "../../../src/osteon/web/static/js/windowing.js";

const close = (one, other) => one.forEach((value, index) => assert.ok(Math.abs(value - other[index]) < 1e-9, `${one} ${other}`));
const key = (text, held = {}) => ({ key: text, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

function placed(turns = 0, mirrored = false) {
  const placing = new Placing({ width: 400, height: 200 });
  placing.size = [600, 600];
  if (mirrored) placing.mirror();
  placing.turn(turns);
  placing.fit();
  return placing;
}

test("places of the picture and of the pane are each other's, however it is turned, mirrored, zoomed and moved", () => {
  for (const mirrored of [false, true]) {
    for (const turns of [0, 1, 2, 3]) {
      const placing = placed(turns, mirrored);
      assert.equal(placing.scale, 1.5);
      placing.zoom(1.7, [10, 20]);
      placing.pan(-30, 11);
      close(placing.toPicture(placing.toScreen([37, 91])), [37, 91]);
      const [a, b, c, d, e, f] = placing.matrix;
      close(placing.toScreen([37, 91]), [a * 37 + c * 91 + e, b * 37 + d * 91 + f]);
    }
  }
});

test("a quarter turn clockwise takes the upper left to the upper right, a mirror afterwards back to the left", () => {
  const placing = placed(1);
  close(placing.toScreen([0, 0]), [450, 0]);
  placing.mirror();
  close(placing.toScreen([0, 0]), [150, 0]);
  assert.deepEqual([placing.turns, placing.mirrored], [3, true]);
});

test("zooming keeps what is under the pointer, dragging moves it with the pointer, also when turned", () => {
  const placing = placed(3, true);
  placing.zoom(2);
  const held = placing.toPicture([200, 300]);
  placing.zoom(1.5, [200, 300]);
  close(placing.toPicture([200, 300]), held);
  placing.pan(7, -5);
  close(placing.toScreen(held), [207, 295]);
});

test("linked views zoom by as much and look at the same share of their sides", () => {
  const other = new Placing({ width: 100, height: 100 });
  other.size = [600, 600];
  other.fit();
  const placing = placed();
  placing.zoom(2);
  placing.pan(60, 0);
  other.accompany(placing);
  assert.equal(other.scale, 12);
  close(other.centre, [placing.centre[0] / 4, 50]);
});

const USUAL = { low: 1000, high: 3000, slope: 2, intercept: -100, centre: 3901, width: 4001, curve: null, others: [] };

test("a window tells the file's own numbers, also when it has been moved", () => {
  const windowing = new Windowing(USUAL);
  assert.deepEqual(windowing.told, { centre: 3901, width: 4001 });
  windowing.change(0.1, Math.log(2));
  assert.deepEqual([windowing.told.centre, Math.round(windowing.told.width)], [4301, 8002]);
  windowing.choose({ low: 0, high: 100, curve: null, centre: null, width: null });
  assert.deepEqual(windowing.told, { centre: 0, width: 200 });
  windowing.reset();
  assert.deepEqual(windowing.told, { centre: 3901, width: 4001 });
});

test("the table is the window, its curve, or its inverse, and is made only when it has to be", () => {
  const windowing = new Windowing({ ...USUAL, low: 0, high: 255 });
  const shade = (value) => windowing.shades()[value] & 0xff;
  assert.deepEqual([0, 100, 255, 9000].map(shade), [0, 100, 255, 255]);
  assert.equal(windowing.stale, false);
  windowing.invert();
  assert.deepEqual([0, 100, 255].map(shade), [255, 155, 0]);
  windowing.reset();
  windowing.choose({ low: 0, high: 256, curve: [0, 1, 1], centre: null, width: null });
  assert.deepEqual([0, 64, 128, 200].map(shade), [0, 128, 255, 255]);
});

test("a linked picture's window changes by the same shares of its own", () => {
  const [one, other] = [new Windowing(USUAL), new Windowing({ ...USUAL, low: 0, high: 100 })];
  one.change(0.25, Math.log(3));
  other.accompany(one);
  close([other.low, other.high], [-75, 225]);
});

test("windows from the picture's own values", () => {
  const values = Uint16Array.from({ length: 1001 }, (_, index) => 1000 - index);
  const level = { values, width: 1001, height: 1 };
  const { low, high } = preset(level, "bone");
  assert.deepEqual([low, high], [500, 998]);
  assert.deepEqual(preset({ values: new Uint16Array(4), width: 2, height: 2 }, "all").high, 1);
});

test("a white border is found on each side, and where there is none, or nothing else, none is", () => {
  const [width, height] = [20, 12];
  const inner = (x, y) => x >= 3 && x < 18 && y >= 1 && y < 12;
  const level = (white) => ({ width, height, values: Uint16Array.from({ length: width * height }, (_, at) => (white(at % width, Math.floor(at / width)) ? 255 : 30)) });
  const table = Uint32Array.from({ length: 65536 }, (_, value) => Math.min(value, 255));
  assert.deepEqual(withoutBorder(level((x, y) => !inner(x, y)), table), [3, 1, 18, 12]);
  assert.equal(withoutBorder(level(() => false), table), null);
  assert.equal(withoutBorder(level(() => true), table), null);
});

test("rulers know millimetres, angles degrees, also where pixels are not square", () => {
  const ruler = { view: 1, kind: "ruler", points: [[0, 0], [30, 40]] };
  assert.equal(told(ruler, [0.1, 0.2]), "7.2 mm");
  assert.equal(told(ruler, null), "50 px");
  const angle = { view: 1, kind: "angle", points: [[0, 10], [0, 0], [10, 10]] };
  assert.equal(told(angle, null), "45.0°");
  assert.equal(told(angle, [1, 2]), "63.4°");
  assert.equal(told({ ...angle, points: [[-5, 0], [0, 0], [5, 0]] }, null), "180.0°");
  assert.equal(told({ ...angle, points: [[0, 0], [1, 0]] }, null), "");
});

test("shapes are data: drawn, met at their ends, pulled, undone and done again", () => {
  let told = 0;
  const drawn = new Collection(() => (told += 1));
  drawn.add({ view: 1, kind: "ruler", points: [[10, 10], [50, 10.123]] });
  drawn.add({ view: 1, kind: "angle", points: [[0, 40], [0, 60], [30, 60]] });
  assert.deepEqual(drawn.under(1, [49, 11], 3), { index: 0, grip: { kind: "corner", index: 1 } });
  assert.deepEqual(drawn.under(1, [30, 11], 3), { index: 0, grip: { kind: "whole", index: 0 } });
  assert.equal(drawn.under(1, [15, 50], 3), null); // between the arms of an angle there is nothing, nor where a third side were
  assert.equal(drawn.under(2, [49, 11], 3), null);
  drawn.remember();
  drawn.shapes[0] = pulled(drawn.shapes[0], { kind: "corner", index: 1 }, [500, 0], { width: 100, height: 100 });
  drawn.changed();
  assert.deepEqual(JSON.parse(JSON.stringify(drawn))[0], { view: 1, kind: "ruler", points: [[10, 10], [100, 10.12]] });
  drawn.undo();
  assert.deepEqual(drawn.shapes[0].points[1], [50, 10.123]);
  drawn.redo();
  assert.deepEqual(drawn.shapes[0].points[1], [100, 10.123]);
  assert.equal(told, 5);
});

test("what a button of the mouse does is one's own viewer's choice", () => {
  const press = (button, held) => ({ ...key(""), button, ...held });
  for (const habits of Object.values(MICE)) assert.deepEqual([0, 1, 2].map((button) => begun(habits, press(button))), ["tool", "pan", "zoom"]);
  assert.equal(begun(MICE.pacs, press(0, { shiftKey: true })), "pan");
  assert.equal(begun(MICE.ohif, press(0, { shiftKey: true })), "tool");
  assert.equal(begun(MICE.horos, press(0, { metaKey: true })), "pan");
});

test("keys are written in one way, and none of the viewer's means two things", () => {
  assert.equal(pressed(key("R", { shiftKey: true })), "shift+r");
  assert.equal(pressed(key("?", { shiftKey: true })), "?");
  assert.equal(pressed(key("z", { metaKey: true })), "ctrl+z");
  assert.equal(pressed(key("ArrowLeft", { shiftKey: true })), "shift+arrowleft");
  assert.equal(pressed(key("N")), "n"); // with Caps Lock
  const keys = keysOf([]).map(([shown]) => shown);
  assert.equal(new Set(keys).size, keys.length);
});
