/* The pure parts of the dashboard's pages, without a browser: `node --test`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../gdistributed/dashboard/static/parts/format.js";
import { prefixColour } from "../../gdistributed/dashboard/static/parts/colours.js";
import { layout, NODE_HEIGHT, structure } from "../../gdistributed/dashboard/static/parts/graph_layout.js";
import { Lanes } from "../../gdistributed/dashboard/static/parts/lanes.js";
import { drawRuns, picture, runAt } from "../../gdistributed/dashboard/static/parts/stream_drawing.js";

const run = (start, end, more = {}) => ({ worker: "w", prefix: "p", key: `p-${start}`, count: 1, failed: 0, start, end, run: end - start, lane: 0, ...more });

test("sizes, durations and counts are in units that people read", () => {
  assert.deepEqual([0, 1023, 1536, 5 * 2 ** 20, 1.23 * 2 ** 40, NaN].map(format.bytes), ["0 B", "1 KiB", "1.5 KiB", "5 MiB", "1.2 TiB", "–"]);
  assert.deepEqual([0, 2.4e-6, 0.0123, 0.9999, 12.34, 125, 3720, 200_000].map(format.duration),
    ["0 s", "2.4 µs", "12.3 ms", "1 s", "12.3 s", "2 m 05 s", "1 h 02 m", "2 d 7 h"]);
  assert.deepEqual([9_999, 12_345, 1_234_567].map(format.shortCount), ["9,999", "12.3k", "1.2M"]);
});

test("times keep their fractions of a second", () => {
  assert.equal(format.timeOf("2026-11-21T17:32:52.250Z") - format.timeOf("2026-11-21T17:32:52Z"), 0.25);
  assert.ok(Number.isNaN(format.timeOf(undefined)));
  assert.equal(format.durationOf("0.316s"), 0.316);
});

test("runs that overlap lie in lanes of their own", () => {
  const lanes = new Lanes();
  assert.equal(lanes.declare("w", 2), true);
  assert.equal(lanes.declare("w", 2), false);
  const runs = [run(0, 1), run(1.01, 2), run(2.01, 3), run(0.1, 3.5)]; // the long one ends last
  for (const each of runs) lanes.place(each);
  assert.deepEqual(runs.map((each) => each.lane), [0, 0, 0, 1]);
});

test("of runs in one pixel one is drawn, and each that failed", () => {
  const lanes = new Lanes();
  lanes.declare("w", 1);
  const runs = Array.from({ length: 10_000 }, (_, at) => run(at / 1000, (at + 1) / 1000, { failed: at === 5_000 ? 1 : 0 }));
  const view = { width: 100, start: 0, end: 10, top: 0, bottom: 100 };
  const shape = picture([{ name: "w" }], lanes, runs, view.start);
  const colours = [];
  const context = { fillStyle: "", fillRect() { colours.push(this.fillStyle); } };
  assert.equal(drawRuns(context, shape, runs, view, "red"), 10_000);
  assert.ok(colours.length <= 2 * view.width, `${colours.length} are drawn`);
  assert.equal(colours.filter((colour) => colour === "red").length, 1);
  assert.equal(runAt(50, 2, shape, runs, view).key, "p-5");
  assert.equal(runAt(50, shape.height + 50, shape, runs, view), null);
});

test("twelve prefixes have twelve colours, and keep them", () => {
  const names = ["p", ...Array.from({ length: 11 }, (_, at) => `prefix-${at}`)]; // p is known from above
  const first = names.map(prefixColour);
  assert.equal(new Set(first).size, 12);
  assert.deepEqual(names.map(prefixColour), first);
});

test("nodes of a graph do not cover each other, and arrows go forward", () => {
  const nodes = Array.from({ length: 40 }, (_, at) => ({ name: `t-${at}`, prefix: "t", state: "TASK_STATE_MEMORY" }));
  const edges = [{ to: 1, count: "1" }, { from: 1, to: 2, count: "1" }, { from: 1, to: 3, count: "1" }, { from: 4, to: 4, count: "7" }];
  const placed = layout({ nodes, edges }, "LR");
  assert.equal(placed.loops.get(4), 7);
  assert.equal(placed.edges.length, 3);
  for (const { from, to } of placed.edges) assert.ok(placed.nodes[from].x < placed.nodes[to].x);
  for (const [at, a] of placed.nodes.entries()) {
    assert.ok(a.x + a.width / 2 <= placed.width && a.y + NODE_HEIGHT / 2 <= placed.height);
    for (const b of placed.nodes.slice(0, at)) {
      assert.ok(Math.abs(a.x - b.x) >= (a.width + b.width) / 2 || Math.abs(a.y - b.y) >= NODE_HEIGHT, `${a.name} covers ${b.name}`);
    }
  }
  assert.notEqual(structure({ nodes, edges }), structure({ nodes, edges: edges.slice(1) }));
});
