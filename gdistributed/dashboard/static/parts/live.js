/** What the cluster does, as the stream of the server tells it; the one place that keeps it.
 *
 * `live` holds the newest answers and a bounded past. Those who show it subscribe, and are called at
 * most once a frame, and only while the page is visible. A connection that drops comes back by itself;
 * what was shown stays meanwhile. */

import { useEffect, useState } from "../vendor/preact.js";
import { prefixColour } from "./colours.js";
import { durationOf, timeOf } from "./format.js";
import { History } from "./history.js";
import { Lanes } from "./lanes.js";

const RUNS_MAX = 20_000;
const SILENCE_MS = 15_000; // the server tells something five times a second, or each 5 s where that is dear
const TOLD_TWICE_MAX = 200;
const RETRY_MS = 1_000;

export const live = {
  /** "connecting", "live", "trouble" (the server lives, the scheduler does not answer) or "lost" */
  connection: "connecting",
  trouble: "",
  /** Newest GetActivityResponse.summary, .load and .prefixes, numbers made numbers. */
  summary: null,
  load: null,
  /** @type {Prefix[]} */
  prefixes: [],
  /** Workers as the API describes them; null until the first answer. */
  workers: null,
  moreWorkers: false,
  /** @type {import("./lanes.js").Run[]} in the order of their ends */
  runs: [],
  lanes: new Lanes(),
  history: new History(),
  /** Time of the cluster's clock at the newest answer, and by performance.now() when it came. */
  time: NaN,
  timeCame: 0,
  /** One more for each answer. */
  version: 0,
};

/** @typedef {{prefix: string, tasks: Record<string, number>, finished: number, failed: number,
 *             runS: number, nbytes: number, meanS: number}} Prefix */

/** @returns {number} seconds since 1970 by the cluster's clock, now */
export function clusterNow() {
  return live.time + (performance.now() - live.timeCame) / 1000;
}

// ---- Those who show it.

const listeners = new Set();
let frame = 0;

/** Call `listener` after changes, once a frame. @returns {() => void} what ends it */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Render the component again when something has changed, at most every `ms`. */
export function useLive(ms = 0) {
  const [, setVersion] = useState(0);
  useEffect(() => {
    let shown = 0;
    let timer = 0;
    const show = () => {
      timer = 0;
      shown = performance.now();
      setVersion((version) => version + 1);
    };
    const end = subscribe(() => {
      const early = ms - (performance.now() - shown);
      if (early <= 0) show();
      else timer ||= setTimeout(show, early); // the last of many changes is shown too
    });
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [ms]);
  return live;
}

function changed() {
  live.version += 1;
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    for (const listener of listeners) listener();
  });
}

// ---- The stream.

let source = null;
let isFirst = true;
let heard = 0;

/** Open the stream; again after each loss. Call it once. */
export function connect() {
  open();
  setInterval(() => {
    if (live.connection !== "lost" && performance.now() - heard > SILENCE_MS && !document.hidden) lost();
  }, 1000);
}

function open() {
  isFirst = true;
  heard = performance.now();
  source = new EventSource("api/stream");
  source.addEventListener("activity", (event) => takeActivity(JSON.parse(event.data)));
  source.addEventListener("workers", (event) => takeWorkers(JSON.parse(event.data)));
  source.addEventListener("trouble", (event) => takeTrouble(event.data));
  source.onerror = lost;
}

function lost() {
  source.close(); // the browser's own way of trying again waits for longer, and not after each error
  live.connection = "lost";
  changed();
  setTimeout(open, RETRY_MS);
}

function takeTrouble(text) {
  heard = performance.now();
  live.connection = "trouble";
  live.trouble = text.startsWith("{") ? JSON.parse(text).message : text;
  changed();
}

function takeActivity(answer) {
  heard = performance.now();
  live.connection = "live";
  live.time = timeOf(answer.time);
  live.timeCame = heard;
  takeSummary(answer.summary ?? {}, answer.load ?? {});
  live.prefixes = (answer.prefixes ?? []).map(prefixOf);
  for (const { prefix } of live.prefixes) prefixColour(prefix); // in the order that all viewers are told
  const runs = (answer.runs ?? []).map(runOf);
  takeRuns(runs);
  live.history.takeActivity(live, runs, (answer.transfers ?? []).map(transferOf), isFirst);
  isFirst = false;
  changed();
}

function takeSummary(summary, load) {
  if (live.summary && live.summary.epochOf !== epochOf(summary)) forgetPast();
  live.summary = {
    ...numbers(summary, ["held_nbytes", "memory_limit_nbytes", "revision", "workers", "nthreads", "clients"]),
    epochOf: epochOf(summary),
    tasks: numbers(summary.tasks ?? {}),
    uptimeS: durationOf(summary.uptime),
  };
  live.load = {
    cpuPercent: load.cpu_percent ?? 0,
    nbytes: Number(load.memory_nbytes ?? 0),
    delayS: durationOf(load.event_loop_delay ?? "0s"),
  };
}

/** Which scheduler it is: after a restart of it the past is another's. */
function epochOf(summary) {
  return `${summary.cluster_id}/${summary.epoch}`;
}

function forgetPast() {
  live.runs = [];
  live.lanes = new Lanes();
  live.history = new History();
  isFirst = true;
}

/** The first answer of a connection tells the kept past again: it takes the place of ours. */
function takeRuns(runs) {
  if (isFirst && runs.length) {
    live.runs = live.runs.filter((run) => run.end < runs[0].start);
    live.lanes = new Lanes();
    declareLanes();
  }
  const told = new Set(live.runs.slice(-TOLD_TWICE_MAX).map(identity));
  for (const run of runs) {
    if (told.has(identity(run))) continue;
    live.lanes.place(run);
    live.runs.push(run);
  }
  if (live.runs.length > RUNS_MAX * 1.2) live.runs = live.runs.slice(-RUNS_MAX);
}

/** The newest of the kept past may be told once more. */
function identity(run) {
  return `${run.key} ${run.start}`;
}

function takeWorkers(answer) {
  heard = performance.now();
  live.workers = (answer.workers ?? []).map(workerOf);
  live.moreWorkers = Boolean(answer.next_page_token);
  declareLanes();
  live.history.takeWorkers(live);
  changed();
}

function declareLanes() {
  let isNews = false;
  for (const worker of live.workers ?? []) isNews = live.lanes.declare(worker.name, worker.nthreads) || isNews;
  if (isNews) live.lanes.replace(live.runs);
}

// ---- Protobuf's JSON, made numbers: fields that are 0 are left out there, and 64 bits are strings.

function numbers(object, names = Object.keys(object)) {
  const made = { ...object };
  for (const name of names) made[name] = Number(object[name] ?? 0);
  return made;
}

function prefixOf(each) {
  return {
    prefix: each.prefix ?? "",
    tasks: numbers(each.tasks ?? {}),
    finished: Number(each.finished ?? 0),
    failed: Number(each.failed ?? 0),
    runS: Number(each.run_ns ?? 0) / 1e9,
    nbytes: Number(each.nbytes ?? 0),
    meanS: durationOf(each.mean_run),
  };
}

function runOf(each) {
  return {
    prefix: each.prefix ?? "",
    worker: each.worker ?? "",
    key: each.key ?? "",
    count: each.count ?? 1,
    failed: each.failed ?? 0,
    start: timeOf(each.start),
    end: timeOf(each.end),
    run: Number(each.run_ns ?? 0) / 1e9,
    nbytes: Number(each.nbytes ?? 0),
    lane: 0,
  };
}

function transferOf(each) {
  return { nbytes: Number(each.nbytes ?? 0), start: timeOf(each.start), end: timeOf(each.end) };
}

/** @returns the worker as the API describes it, its numbers made numbers, and times in seconds */
export function workerOf(each) {
  const names = ["held", "held_nbytes", "memory_limit_nbytes", "processing", "nthreads", "process_id"];
  const metrics = numbers(each.metrics ?? {}, [
    "cpu_percent", "memory_nbytes", "managed_nbytes", "spilled_nbytes", "executing", "ready", "fetching",
    "sent_nbytes", "received_nbytes", "open_files", "shared_nbytes", "borrowed_nbytes",
  ]);
  metrics.delayS = durationOf(metrics.event_loop_delay ?? "0s");
  return {
    ...numbers(each, names),
    metrics,
    occupancyS: durationOf(each.occupancy ?? "0s"),
    lastSeenS: durationOf(each.last_seen ?? "0s"),
  };
}
