/** Runs of tasks, placed in lanes: one for each thread of each worker. Pure.
 *
 * A run does not say on which thread it was, so it takes the lane of its worker that became free last
 * before it began. Runs come in the order of their ends: one that lasted long comes after the short
 * ones that ran meanwhile, and finds the lane that they left alone. */

/** @typedef {{prefix: string, worker: string, key: string, count: number, failed: number,
 *             start: number, end: number, run: number, lane: number}} Run
 *  Times in seconds since 1970; `run` is how long the functions ran, in seconds. */

// An end is known by when its report came, in batches: runs that followed each other seem to overlap by
// about this much, but by no large part of a run.
const OVERLAP_S = 0.02;
const OVERLAP_PART = 1 / 3;

export class Lanes {
  constructor() {
    /** @type {Map<string, number[]>} ends of the last run in each lane, by worker */
    this.ends = new Map();
  }

  /** Say how many lanes a worker has. @returns {boolean} whether that is news: what was placed before
   *  does not know of them */
  declare(worker, nthreads) {
    const ends = this.ends.get(worker);
    if (ends?.length >= nthreads) return false;
    this.ends.set(worker, new Array(nthreads).fill(0));
    return true;
  }

  /** Place all runs anew. @param {Run[]} runs in the order of their ends */
  replace(runs) {
    for (const ends of this.ends.values()) ends.fill(0);
    for (const run of runs) this.place(run);
  }

  /** Say in which lane a run is drawn. @param {Run} run */
  place(run) {
    let ends = this.ends.get(run.worker);
    if (!ends) this.ends.set(run.worker, (ends = [0]));
    const latest = run.start + Math.min(OVERLAP_S, (run.end - run.start) * OVERLAP_PART);
    let best = 0;
    for (let lane = 1; lane < ends.length; lane += 1) {
      if (isBetter(ends[lane], ends[best], latest)) best = lane;
    }
    ends[best] = Math.max(ends[best], run.end);
    run.lane = best;
  }
}

/** Among lanes that are free the one that became so last; if none is, the one that is free soonest. */
function isBetter(end, than, latest) {
  if (end <= latest && than <= latest) return end > than;
  return end < than;
}
