import assert from "node:assert/strict";
import { test } from "node:test";
import { half, pyramid, unfold } from "../../../src/osteon/web/static/js/grey.js";
import { colour, coloured, gradient, seen } from "../../../src/osteon/web/static/js/heatcolours.js";
import { Watch } from "../../../src/osteon/web/static/js/watch.js";

/** Pack as picture.py does: the slow definition. */
function folded(values, width) {
  const planes = new Uint8Array(2 * values.length);
  values.forEach((value, at) => {
    const before = at % width ? values[at - 1] : at ? values[at - width] : 0;
    const difference = ((value - before + 0x8000) & 0xffff) - 0x8000;
    const packed = difference < 0 ? -2 * difference - 1 : 2 * difference;
    planes[at] = packed >> 8;
    planes[at + values.length] = packed & 0xff;
  });
  return planes;
}

test("unpacking undoes packing, over the whole range", () => {
  const values = Uint16Array.from([0, 65535, 1, 40000, 32768, 32767, 5, 5, 65535, 0, 0, 12345]);
  assert.deepEqual([...unfold(folded(values, 4), 4, 3)], [...values]);
});

test("a level is the mean of four, rounded; odd edges count themselves", () => {
  const { values, width, height } = half({ values: Uint16Array.from([1, 3, 10, 5, 7, 20, 9, 9, 30]), width: 3, height: 3 });
  assert.deepEqual([width, height, ...values], [2, 2, 4, 15, 9, 30]);
  assert.deepEqual(pyramid({ values: new Uint16Array(600 * 300), width: 600, height: 300 }).map((level) => level.width), [600, 300, 150]);
});

test("the heat map fades at the edge of what the model saw, and not at that of the picture", () => {
  const [width, height] = [60, 40];
  const values = new Uint16Array(width * height);
  for (let y = 10; y < 40; y += 1) for (let x = 20; x < 60; x += 1) values[y * width + x] = 50000;
  const map = { values, width, height };
  assert.deepEqual(seen(map), { x0: 20, y0: 10, x1: 60, y1: 40 });
  const pixels = coloured(map);
  const alpha = (x, y) => pixels[4 * (y * width + x) + 3];
  assert.equal(alpha(19, 25), 0);
  assert.ok(alpha(20, 25) < 30); // the inner edges begin at nothing
  assert.ok(alpha(40, 10) < 30);
  for (let x = 21; x < 40; x += 1) assert.ok(alpha(x, 25) >= alpha(x - 1, 25)); // and rise without a step
  for (let x = 20; x < 40; x += 1) assert.ok(alpha(x + 1, 25) - alpha(x, 25) < 110);
  assert.equal(alpha(40, 25), 255);
  assert.equal(alpha(59, 39), 255); // the picture ends there, and so may the map
});

test("a map of nothing is clear", () => {
  const map = { values: new Uint16Array(6), width: 3, height: 2 };
  assert.equal(seen(map), null);
  assert.ok(coloured(map).every((value) => value === 0));
});

test("colours rise in lightness, and the legend shows the same ones", () => {
  const light = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  const steps = Array.from({ length: 11 }, (_, index) => light(colour(index / 10)));
  for (let i = 1; i < steps.length; i += 1) assert.ok(steps[i] > steps[i - 1]);
  assert.match(gradient(), /^linear-gradient\(90deg, rgba\(20, 11, 53, 0\.00\) 0%, .*rgba\(252, 240, 160, 1\.00\) 100%\)$/);
});

test("a watch counts what was seen, keeps what could not be told, and never runs backwards", () => {
  let now = 1000;
  const watch = new Watch(() => now);
  watch.start();
  now += 2500;
  watch.start(); // it runs already
  now += 500;
  assert.equal(watch.stop(), 3);
  assert.equal(watch.stop(), 0);
  watch.back(3);
  watch.start();
  now -= 9000;
  assert.equal(watch.stop(), 3);
});
