import assert from "node:assert/strict";
import { test } from "node:test";
import { Outlines } from "../../../src/osteon/web/static/js/annotating/outlines.js";
import { area, bounds, grips, inside, middles, pulled, simplified } from "../../../src/osteon/web/static/js/shapes.js";

const SIZE = { width: 100, height: 80 };
const box = (x0, y0, x1, y1, more) => ({ view: 1, lesion: 1, kind: "box", points: [[x0, y0], [x1, y1]], suggestion: null, ...more });
const polygon = (points, more) => ({ view: 1, lesion: 1, kind: "polygon", points, suggestion: null, ...more });

test("a box is pulled by its corners and sides, and never turned inside out or out of its picture", () => {
  const start = box(10, 10, 30, 20);
  assert.deepEqual(grips(start)[4], [30, 20]);
  assert.deepEqual(pulled(start, { kind: "corner", index: 4 }, [5, 6], SIZE).points, [[10, 10], [35, 26]]);
  assert.deepEqual(pulled(start, { kind: "corner", index: 3 }, [5, 6], SIZE).points, [[10, 10], [35, 20]]);
  assert.deepEqual(pulled(start, { kind: "corner", index: 4 }, [-25, 0], SIZE).points, [[5, 10], [10, 20]]);
  assert.deepEqual(pulled(start, { kind: "corner", index: 0 }, [-50, -50], SIZE).points, [[0, 0], [30, 20]]);
  assert.deepEqual(pulled(start, { kind: "whole", index: 0 }, [500, -500], SIZE).points, [[80, 0], [100, 10]]);
});

test("a polygon gets a corner where it is pulled between two, and keeps its form where all of it is moved", () => {
  const start = polygon([[10, 10], [30, 10], [30, 30]]);
  assert.deepEqual(middles(start)[0], [20, 10]);
  assert.deepEqual(pulled(start, { kind: "middle", index: 0 }, [0, -5], SIZE).points, [[10, 10], [20, 5], [30, 10], [30, 30]]);
  assert.deepEqual(pulled(start, { kind: "corner", index: 2 }, [0, 100], SIZE).points[2], [30, 80]);
  assert.deepEqual(pulled(start, { kind: "whole", index: 0 }, [-50, 1], SIZE).points, [[0, 11], [20, 11], [20, 31]]);
  assert.equal(start.points.length, 3);
});

test("areas, bounds and what lies inside", () => {
  assert.equal(area(polygon([[0, 0], [10, 0], [10, 10]])), 50);
  assert.equal(area(box(1, 1, 4, 5)), 12);
  assert.deepEqual(bounds(polygon([[3, 9], [1, 4], [7, 5]])), [1, 4, 7, 9]);
  const notched = polygon([[0, 0], [10, 0], [10, 10], [5, 4], [0, 10]]);
  assert.equal(inside(notched, [5, 2]), true);
  assert.equal(inside(notched, [5, 8]), false);
});

test("every change can be undone and done again", () => {
  let changes = 0;
  const outlines = new Outlines(() => (changes += 1));
  outlines.add(box(1, 1, 5, 5));
  outlines.add(box(20, 20, 30, 30, { lesion: 2 }));
  assert.equal(outlines.remove(), true);
  assert.equal(outlines.remove(), false);
  assert.equal(outlines.shapes.length, 1);
  outlines.undo();
  assert.equal(outlines.shapes.length, 2);
  outlines.undo();
  outlines.undo();
  assert.equal(outlines.undo(), false);
  assert.equal(outlines.shapes.length, 0);
  outlines.redo();
  outlines.redo();
  assert.deepEqual(outlines.toJSON().map((shape) => shape.lesion), [1, 2]);
  outlines.add(box(2, 2, 4, 4, { lesion: 3 })); // from here on there is another future
  assert.equal(outlines.redo(), false);
  assert.equal(changes, 9);
});

test("a lesion that is outlined on one picture gets the same number on the next", () => {
  const outlines = new Outlines(() => {});
  assert.equal(outlines.lesionOn(1), 1);
  outlines.add(box(1, 1, 5, 5));
  assert.equal(outlines.lesionOn(1), 2);
  assert.equal(outlines.lesionOn(2), 1);
  outlines.add(box(1, 1, 5, 5, { view: 2 }));
  assert.equal(outlines.lesionOn(2), 2);
});

test("grips go before edges, and edges before what is inside", () => {
  const outlines = new Outlines(() => {});
  outlines.add(box(10, 10, 50, 50));
  outlines.add(box(20, 20, 30, 30, { lesion: 2 }));
  assert.deepEqual(outlines.under(1, [30.5, 30.5], 2), { index: 1, grip: { kind: "corner", index: 4 } });
  assert.deepEqual(outlines.under(1, [23, 27], 2), { index: 1, grip: { kind: "whole", index: 0 } });
  assert.deepEqual(outlines.under(1, [10, 40], 2), { index: 0, grip: { kind: "whole", index: 0 } });
  assert.equal(outlines.under(1, [40, 40], 2), null); // within another: a new one can be drawn there
  assert.equal(outlines.at(1, [40, 40]), 0);
  assert.equal(outlines.at(1, [25, 25]), 1);
  assert.equal(outlines.at(2, [25, 25]), null);
});

test("a freehand line keeps its course with fewer points", () => {
  const arc = Array.from({ length: 200 }, (_, i) => [50 + 30 * Math.cos(i / 32), 40 + 30 * Math.sin(i / 32)]);
  const fewer = simplified(arc, 0.5);
  assert.ok(fewer.length < 40 && fewer.length > 8);
  assert.ok(Math.abs(area(polygon(fewer)) - area(polygon(arc))) / area(polygon(arc)) < 0.02);
  assert.deepEqual(simplified([[0, 0], [1, 0.1], [2, 0]], 0.5), [[0, 0], [2, 0]]);
});
