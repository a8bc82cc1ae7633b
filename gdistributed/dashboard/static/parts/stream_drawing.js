/** Drawing of the task stream on a canvas: where each run is, and which run is at a place.
 *
 * No elements and no state of the page here. A `Picture` says where lanes are; `drawRuns` fills it. Of
 * runs that share a pixel the newest is drawn, and those that failed always: a frame costs no more than
 * the pixels that it has. */

import { prefixColour } from "./colours.js";

const GROUP_GAP = 4;
const LANE_MAX = 18;
const LANE_MIN = 3;
const HEIGHT_WANTED = 300;
const HEIGHT_MAX = 10_000; // browsers draw no canvas that is much higher
const FAR_PX = 4; // how far beside a small run the pointer may be

/** @typedef {{height: number, lane: number, groups: {name: string, top: number, lanes: number, left: boolean}[],
 *             tops: Map<string, number>}} Picture */

/** Say where lanes are: those of workers that are here, then of those that left and still have runs.
 *  @returns {Picture} */
export function picture(workers, lanes, runs, start) {
  const here = workers.map((worker) => worker.name);
  const names = new Set(here);
  for (let at = runs.length - 1; at >= 0 && runs[at].end >= start; at -= 1) names.add(runs[at].worker);
  const counts = [...names].map((name) => lanes.ends.get(name)?.length ?? 1);
  const all = counts.reduce((sum, each) => sum + each, 0) || 1;
  const gap = names.size > 40 ? 1 : GROUP_GAP;
  const wanted = Math.floor(Math.min(LANE_MAX, Math.max(LANE_MIN, (HEIGHT_WANTED - names.size * gap) / all)));
  const lane = Math.min(wanted, HEIGHT_MAX / all);
  const groups = [];
  const tops = new Map();
  let top = 0;
  for (const [index, name] of [...names].entries()) {
    groups.push({ name, top, lanes: counts[index], left: index >= here.length });
    tops.set(name, top);
    top += counts[index] * lane + gap;
  }
  return { height: top, lane, groups, tops };
}

/** @param {{width: number, start: number, end: number, top: number, bottom: number}} view times at its
 *  left and right ends, and what of the picture's height is in sight
 *  @returns {number} how many runs are in view */
export function drawRuns(context, shape, runs, view, failedColour) {
  const scale = view.width / (view.end - view.start);
  const height = shape.lane > 4 ? shape.lane - 1 : shape.lane;
  const covered = new Map(); // top of a lane → the leftmost pixel that is drawn: it goes from new to old
  let drawn = 0;
  for (let at = runs.length - 1; at >= 0; at -= 1) {
    const run = runs[at];
    if (run.end < view.start) break;
    const place = shape.tops.get(run.worker);
    if (run.start > view.end || place === undefined) continue;
    drawn += run.count;
    const top = place + run.lane * shape.lane;
    if (top > view.bottom || top + shape.lane < view.top) continue;
    const right = Math.min(Math.round((run.end - view.start) * scale), view.width);
    const left = Math.max(0, Math.min(Math.round((run.start - view.start) * scale), right - 1));
    const free = covered.get(top) ?? Infinity;
    if (left >= free && !run.failed) continue;
    covered.set(top, Math.min(left, free));
    const gap = right - left > 4 && right <= free ? 1 : 0; // so that runs of one prefix are told apart
    context.fillStyle = run.failed ? failedColour : prefixColour(run.prefix);
    context.fillRect(left, top, Math.max(1, Math.min(right - gap, run.failed ? Infinity : free) - left), height);
  }
  return drawn;
}

/** @returns {import("./lanes.js").Run | null} the run at a place, the newest first; short ones are
 *  found a few pixels beside */
export function runAt(x, y, shape, runs, view) {
  const perPixel = (view.end - view.start) / view.width;
  const time = view.start + x * perPixel;
  const far = FAR_PX * perPixel;
  let best = null;
  let bestFar = far;
  for (let at = runs.length - 1; at >= 0; at -= 1) {
    const run = runs[at];
    if (run.end < time - far) break;
    const top = (shape.tops.get(run.worker) ?? NaN) + run.lane * shape.lane;
    if (!(y >= top && y < top + shape.lane)) continue;
    const distance = Math.max(run.start - time, time - run.end, 0);
    if (distance === 0) return run;
    if (distance < bestFar) [best, bestFar] = [run, distance];
  }
  return best;
}
