/** One worker: what it uses, what it runs now and where in the code, its latest runs, data and log.
 *
 * data-test: worker-name, worker-status; chart-worker-cpu|memory|running; worker-running
 * (see parts/call_stacks.js); worker-runs with worker-runs-row; worker-data;
 * worker-facts; worker-log (see parts/log_view.js). */

import { html } from "../vendor/preact.js";
import { useQuery } from "../parts/api.js";
import { CallStacks } from "../parts/call_stacks.js";
import { TimeChart } from "../parts/chart.js";
import { Empty, Failure, Panel, PrefixName, TaskLink, WorkerBadge } from "../parts/elements.js";
import { bytes, count, duration } from "../parts/format.js";
import { clusterNow, useLive } from "../parts/live.js";
import { LogView } from "../parts/log_view.js";
import { link } from "../parts/router.js";
import { Table } from "../parts/table.js";
import { MemoryBar, MemoryLegend } from "../parts/worker_bars.js";

const RUNS_SHOWN = 12;

export function Worker({ name }) {
  const { workers } = useLive(1000);
  const worker = workers?.find((each) => each.name === name);
  return html`<nav class="crumbs" aria-label="Way back"><a href=${link("workers")}>Workers</a></nav>
    <div class="title-line"><h1 data-test="worker-name">Worker ${name}</h1>
      ${worker && html`<span data-test="worker-status"><${WorkerBadge} status=${worker.status} /></span>`}</div>
    ${!workers && html`<p class="loading">Waiting for the scheduler …</p>`}
    ${workers && !worker && html`<${Panel} title="Not here"><${Empty} title="No worker of this name is here now" test="worker-gone">
      It left, or died. <a href=${link("workers")}>Show all workers</a>.<//><//>`}
    ${worker && html`<${Measures} worker=${worker} />
      <${CallStacks} worker=${name} title="Runs now" test="worker-running" />
      <${Runs} name=${name} />
      <div class="columns even"><${Held} name=${name} /><${Facts} worker=${worker} /></div>
      <${Panel} title="Log" test="worker-log"><${LogView} worker=${name} /><//>`}`;
}

function Measures({ worker }) {
  const { history, version } = useLive(1000);
  const { metrics } = worker;
  const past = history.workers.get(worker.name) ?? { time: [], cpu: [], memory: [], managed: [], executing: [], processing: [] };
  return html`<${Panel} title="Memory" note=${html`<${MemoryLegend} />`} className="slim">
      <div class="bar-and-text wide"><${MemoryBar} worker=${worker} />
        <span>${bytes(metrics.memory_nbytes)}${worker.memory_limit_nbytes ? ` of ${bytes(worker.memory_limit_nbytes)}` : ""}, ${bytes(metrics.spilled_nbytes)} spilled</span></div>
      ${metrics.disk_trouble && html`<p class="bad">${metrics.disk_trouble}</p>`}<//>
    <div class="charts three">
      <${TimeChart} title="CPU" hint="100 % is all its threads" test="chart-worker-cpu" version=${version} time=${past.time} max=${100}
        format=${(value) => `${Math.round(value)} %`} series=${[{ label: "CPU", values: past.cpu, colour: "--accent", fill: true }]} />
      <${TimeChart} title="Memory" test="chart-worker-memory" version=${version} time=${past.time} binary format=${bytes}
        series=${[{ label: "used", values: past.memory, colour: "--spilled" }, { label: "managed", values: past.managed, colour: "--managed", fill: true }]} />
      <${TimeChart} title="Tasks" hint="How many run on it, and how many it was handed" test="chart-worker-running" version=${version} time=${past.time}
        max=${worker.nthreads} format=${(value) => count(value)}
        series=${[{ label: "running", values: past.executing, colour: "--processing", fill: true }, { label: "handed", values: past.processing, colour: "--queued" }]} />
    </div>`;
}

const RUN_COLUMNS = [
  { name: "key", label: "Task", className: "key-column", cell: (run) => (run.count > 1
    ? html`<span class="soft" title="Short runs that followed each other, merged">${count(run.count)} × from ${run.key}</span>`
    : html`<${TaskLink} taskKey=${run.key} />`) },
  { name: "prefix", label: "Prefix", cell: (run) => html`<${PrefixName} prefix=${run.prefix} />` },
  { name: "ran", label: "Ran", numeric: true, title: "How long the function ran", cell: (run) => duration(run.run) },
  { name: "size", label: "Result", numeric: true, title: "Size of its result in memory, estimated", cell: (run) => bytes(run.nbytes) },
  { name: "ago", label: "Ended", numeric: true, cell: (run) => `${duration(Math.max(0, Math.round(clusterNow() - run.end)))} ago` },
  { name: "failed", label: "", cell: (run) => (run.failed ? html`<span class="bad">failed</span>` : "") },
];

function Runs({ name }) {
  const { runs } = useLive(1000);
  const rows = [];
  for (let at = runs.length - 1; at >= 0 && rows.length < RUNS_SHOWN; at -= 1) if (runs[at].worker === name) rows.push(runs[at]);
  return html`<${Panel} title="Latest runs" note="newest first" test="worker-runs">
    ${rows.length ? html`<${Table} columns=${RUN_COLUMNS} rows=${rows} keyOf=${(run) => `${run.key} ${run.start}`}
      caption="Latest runs on this worker" test="worker-runs-table" />` : html`<p class="quiet">It has run nothing lately.</p>`}<//>`;
}

const DATA_COLUMNS = [
  { name: "key", label: "Key", className: "key-column", cell: (each) => html`<${TaskLink} taskKey=${each.key} />` },
  { name: "size", label: "Size", numeric: true, value: (each) => Number(each.nbytes ?? 0), cell: (each) => bytes(Number(each.nbytes ?? 0)) },
  { name: "type", label: "Type", cell: (each) => html`<span class="code cut">${each.type}</span>` },
];

function Held({ name }) {
  const { data, error } = useQuery("Worker/ListData", { page_size: 200 }, { worker: name, everyMs: 2000, onChange: true });
  const values = data?.data ?? [];
  return html`<${Panel} title="Results it holds" note=${data ? `${count(values.length)}${data.next_page_token ? " and more" : ""}` : undefined} test="worker-data">
    ${error && html`<${Failure} error=${error} what="The worker does not say." />`}
    ${data && !values.length && html`<p class="quiet">None.</p>`}
    ${values.length > 0 && html`<div class="short-frame"><${Table} columns=${DATA_COLUMNS} rows=${values} keyOf=${(each) => each.key}
      sort="size" descending caption="Results on this worker" test="worker-data-table" /></div>`}<//>`;
}

/** What does not change; the stream leaves out the versions, so they are asked for once. */
function Facts({ worker }) {
  const { data } = useQuery("Scheduler/ListWorkers", { page_size: 1000 });
  const software = data?.workers?.find((each) => each.worker_id === worker.worker_id)?.software;
  const facts = [
    ["Address", html`<span class="code">${worker.address}</span>`],
    ["Host", worker.host],
    ["Process", String(worker.process_id)],
    ["Threads", count(worker.nthreads)],
    ["Nanny", worker.nanny_address && html`<span class="code">${worker.nanny_address}</span>`],
    ["Resources", Object.entries(worker.resources ?? {}).map(([name, amount]) => `${name} ${amount}`).join(", ")],
    ["Runtimes", worker.runtimes?.join(", ")],
    ["Sent, received", `${bytes(worker.metrics.sent_nbytes)}, ${bytes(worker.metrics.received_nbytes)}`],
    ["Open files", count(worker.metrics.open_files)],
    ["Event loop", `${duration(worker.metrics.delayS)} late`],
    ["Software", software && `${software.name} ${software.version}`],
    ["Versions", software && Object.entries(software.versions ?? {}).map(([name, version]) => `${name} ${version}`).sort().join(", ")],
  ].filter(([, value]) => value);
  return html`<${Panel} title="The worker" test="worker-facts">
    <dl class="facts">${facts.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl><//>`;
}
