/** Workers: all of them in a table that sorts.
 *
 * data-test: workers-table; workers-table-row (data-key: the name), its cells by data-column; headers
 * sort-COLUMN. */

import { html } from "../vendor/preact.js";
import { Empty, Panel, WorkerBadge, WorkerLink } from "../parts/elements.js";
import { bytes, count, duration } from "../parts/format.js";
import { useLive } from "../parts/live.js";
import { Table } from "../parts/table.js";
import { MemoryBar, MemoryLegend } from "../parts/worker_bars.js";

const COLUMNS = [
  { name: "name", label: "Worker", className: "worker-column", value: (worker) => worker.name, cell: (worker) => html`<${WorkerLink} name=${worker.name} test="worker-link" />` },
  { name: "status", label: "Status", value: (worker) => worker.status ?? "", cell: (worker) => html`<${WorkerBadge} status=${worker.status} />` },
  { name: "host", label: "Host", value: (worker) => worker.host ?? "", cell: (worker) => html`<span title=${worker.address}>${worker.host}</span>` },
  { name: "threads", label: "Threads", numeric: true, value: (worker) => worker.nthreads, cell: (worker) => count(worker.nthreads) },
  { name: "cpu", label: "CPU", numeric: true, title: "100 % is one core", value: (worker) => worker.metrics.cpu_percent,
    cell: (worker) => `${Math.round(worker.metrics.cpu_percent)} %` },
  { name: "memory", label: "Memory", numeric: true, title: "What its process uses", value: (worker) => worker.metrics.memory_nbytes,
    cell: (worker) => bytes(worker.metrics.memory_nbytes) },
  { name: "use", label: "Use of limit", className: "bar-column", title: "Managed, unmanaged and spilled; the tick is the limit",
    value: (worker) => worker.metrics.memory_nbytes / (worker.memory_limit_nbytes || Infinity), cell: (worker) => html`<${MemoryBar} worker=${worker} />` },
  { name: "spilled", label: "Spilled", numeric: true, title: "Results that it has written to disk to have room",
    value: (worker) => worker.metrics.spilled_nbytes, cell: (worker) => bytes(worker.metrics.spilled_nbytes) },
  { name: "held", label: "Results", numeric: true, title: "How many results it holds", value: (worker) => worker.held, cell: (worker) => count(worker.held) },
  { name: "processing", label: "Handed", numeric: true, title: "How many tasks it was handed and has not finished",
    value: (worker) => worker.processing, cell: (worker) => count(worker.processing) },
  { name: "executing", label: "Running", numeric: true, title: "How many of them run now", value: (worker) => worker.metrics.executing,
    cell: (worker) => count(worker.metrics.executing) },
  { name: "occupancy", label: "Occupancy", numeric: true, title: "For how long the tasks that it was handed will keep one thread busy",
    value: (worker) => worker.occupancyS, cell: (worker) => duration(worker.occupancyS) },
  { name: "seen", label: "Last seen", numeric: true, title: "How long ago it was heard of", value: (worker) => worker.lastSeenS,
    cell: (worker) => (worker.lastSeenS < 2 ? "now" : `${duration(worker.lastSeenS)} ago`) },
];

export function Workers() {
  const { workers, summary, moreWorkers } = useLive(1000);
  const note = workers && html`<span data-test="workers-count">${count(summary?.workers ?? workers.length)}</span>
    ${moreWorkers && html`, of which the first ${count(workers.length)} are shown`} ${" "}<${MemoryLegend} />`;
  return html`<h1 class="unseen">Workers</h1><${Panel} title="Workers" note=${note} test="workers">
    ${!workers && html`<p class="loading">Waiting for the scheduler …</p>`}
    ${workers?.length === 0 && html`<${Empty} title="No workers yet">Start one: <code>gd worker ${summary?.address_to_workers}</code><//>`}
    ${workers?.length > 0 && html`<${Table} columns=${COLUMNS} rows=${workers} keyOf=${(worker) => worker.name}
      caption="Workers of the cluster" test="workers-table" />`}
  <//>`;
}
