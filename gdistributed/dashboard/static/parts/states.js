/** The states of a task and of a worker: their words, colours and what they mean. */

import { enumOf } from "./format.js";

/** In the order in which a task goes through them. `name` is the protocol's, in lower case. */
export const TASK_STATES = [
  { name: "waiting", label: "waiting", colour: "var(--waiting)", title: "Needs results of other tasks that are not there yet" },
  { name: "queued", label: "queued", colour: "var(--queued)", title: "Ready to run; waits at the scheduler for a free worker" },
  { name: "no_worker", label: "no worker", colour: "var(--no-worker)", title: "Ready to run, but no worker that is present may ever run it" },
  { name: "processing", label: "processing", colour: "var(--processing)", title: "Handed to a worker: runs there, or is next" },
  { name: "memory", label: "in memory", colour: "var(--memory)", title: "Done; at least one worker holds the result" },
  { name: "erred", label: "erred", colour: "var(--erred)", title: "Failed, or needs the result of a task that failed" },
  { name: "released", label: "released", colour: "var(--released)", title: "Known, and neither computed nor to be computed now" },
  { name: "forgotten", label: "forgotten", colour: "var(--queued)", title: "Nobody wants it any more; only its story is left" },
];

const BY_NAME = new Map(TASK_STATES.map((state) => [state.name, state]));
const UNKNOWN = { name: "", label: "unknown", colour: "var(--released)", title: "" };

/** @param {string} name "TASK_STATE_ERRED" or "erred" */
export function taskState(name) {
  return BY_NAME.get(enumOf(name, "TASK_STATE_")) ?? UNKNOWN;
}

const WORKER_STATES = {
  running: { label: "running", colour: "var(--good)", title: "Takes tasks" },
  paused: { label: "paused", colour: "var(--no-worker)", title: "Close to its memory limit: begins no task until it has room" },
  closing: { label: "closing", colour: "var(--queued)", title: "Leaves the cluster: gives its data away and takes nothing new" },
  unresponsive: { label: "unresponsive", colour: "var(--erred)", title: "Its connection lives but it does not answer: gets nothing new" },
};

/** @param {string} name "WORKER_STATUS_PAUSED" */
export function workerState(name) {
  return WORKER_STATES[enumOf(name, "WORKER_STATUS_")] ?? { label: "unknown", colour: "var(--queued)", title: "" };
}
