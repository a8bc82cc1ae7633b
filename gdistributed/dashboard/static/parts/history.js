/** Time lines: of the cluster and of each worker, one point a second, the newest ten minutes.
 *
 * Rates of tasks come from sums that the scheduler keeps, so that none is missed; the past before this
 * viewer came is told by the runs and transfers that the scheduler has kept. */

const POINTS_MAX = 600;
const SEEDED_S = 300; // how much of the kept past becomes points
const RATE_S = 5; // rates by prefix are means over this time

/** Columns of equal length; `time` in seconds since 1970. What is not known of a moment is null. */
class Columns {
  constructor(names) {
    this.time = [];
    for (const name of names) this[name] = [];
    this.names = names;
  }

  add(time, values) {
    this.time.push(time);
    for (const name of this.names) this[name].push(values[name] ?? null);
    if (this.time.length <= POINTS_MAX) return;
    this.time.shift();
    for (const name of this.names) this[name].shift();
  }
}

export class History {
  constructor() {
    /** Of the cluster: tasks and moved (bytes) per second. */
    this.flow = new Columns(["tasks", "moved"]);
    /** Of all workers: CPU in percent of their threads, memory in bytes. */
    this.use = new Columns(["cpu", "memory", "managed", "spilled"]);
    /** @type {Map<string, Columns>} of each worker, by name */
    this.workers = new Map();
    /** Tasks per second now, and by prefix. */
    this.tasksRate = 0;
    /** @type {Map<string, number>} */
    this.prefixRates = new Map();
    this.samples = []; // {time, done: Map prefix → runs}, of the newest RATE_S
    this.second = NaN;
    this.doneThen = 0;
    this.moved = 0;
  }

  /** Take in one answer about activity. `isFirst`: its runs and transfers are the kept past. */
  takeActivity(live, runs, transfers, isFirst) {
    const done = new Map(live.prefixes.map((each) => [each.prefix, each.finished + each.failed]));
    const sum = [...done.values()].reduce((total, each) => total + each, 0);
    this.#takeRates(live.time, done);
    if (isFirst) {
      if (!this.flow.time.length) this.#seed(live.time, runs, transfers);
      this.second = live.time;
      this.doneThen = sum;
      this.moved = 0;
      return;
    }
    for (const transfer of transfers) this.moved += transfer.nbytes;
    const elapsed = live.time - this.second;
    if (elapsed < 1) return;
    this.flow.add(live.time, { tasks: Math.max(0, sum - this.doneThen) / elapsed, moved: this.moved / elapsed });
    this.second = live.time;
    this.doneThen = sum;
    this.moved = 0;
  }

  #takeRates(time, done) {
    this.samples.push({ time, done });
    while (this.samples.length > 2 && this.samples[1].time <= time - RATE_S) this.samples.shift();
    const first = this.samples[0];
    const elapsed = time - first.time;
    if (elapsed < 0.5) return;
    this.tasksRate = 0;
    for (const [prefix, runs] of done) {
      const rate = Math.max(0, runs - (first.done.get(prefix) ?? 0)) / elapsed;
      this.prefixRates.set(prefix, rate);
      this.tasksRate += rate;
    }
  }

  #seed(time, runs, transfers) {
    const first = Math.min(...[runs[0], transfers[0]].filter(Boolean).map((each) => each.start));
    const start = Math.max(Math.floor(first), Math.floor(time) - SEEDED_S);
    if (!Number.isFinite(start)) return;
    const seconds = Math.max(0, Math.floor(time) - start);
    const tasks = new Float64Array(seconds);
    const moved = new Float64Array(seconds);
    for (const run of runs) spread(tasks, start, run, run.count);
    for (const transfer of transfers) spread(moved, start, transfer, transfer.nbytes);
    for (let at = 0; at < seconds; at += 1) {
      this.flow.add(start + at, { tasks: tasks[at], moved: moved[at] });
    }
  }

  /** Take in one answer about the workers. */
  takeWorkers(live) {
    if (Number.isNaN(live.time)) return;
    const sums = { cpu: 0, memory: 0, managed: 0, spilled: 0, nthreads: 0 };
    for (const worker of live.workers) {
      const metrics = worker.metrics;
      const values = {
        cpu: metrics.cpu_percent / Math.max(1, worker.nthreads),
        memory: metrics.memory_nbytes,
        managed: metrics.managed_nbytes,
        spilled: metrics.spilled_nbytes,
        processing: worker.processing,
        executing: metrics.executing,
      };
      sums.cpu += metrics.cpu_percent;
      sums.nthreads += worker.nthreads;
      for (const name of ["memory", "managed", "spilled"]) sums[name] += values[name];
      this.#columnsOf(worker.name).add(live.time, values);
    }
    this.use.add(live.time, { ...sums, cpu: sums.cpu / Math.max(1, sums.nthreads) });
    this.#forgetLeft(live);
  }

  #columnsOf(name) {
    let columns = this.workers.get(name);
    if (!columns) {
      columns = new Columns(["cpu", "memory", "managed", "spilled", "processing", "executing"]);
      this.workers.set(name, columns);
    }
    return columns;
  }

  #forgetLeft(live) {
    if (this.workers.size <= live.workers.length) return;
    const present = new Set(live.workers.map((worker) => worker.name));
    for (const name of this.workers.keys()) if (!present.has(name)) this.workers.delete(name);
  }
}

/** Add an amount to the seconds over which it happened. */
function spread(bins, start, { start: from, end: to }, amount) {
  const first = Math.floor(from - start);
  const last = Math.floor(to - start);
  for (let at = Math.max(0, first); at <= Math.min(bins.length - 1, last); at += 1) {
    bins[at] += amount / (last - first + 1);
  }
}
