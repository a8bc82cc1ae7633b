/** Overview: the whole cluster at a glance.
 *
 * data-test: tile-workers, tile-threads, tile-rate, tile-tasks, tile-erred (a link to the erred tasks),
 * tile-scheduler, tile-uptime (each holds an element NAME-value); states with state-NAME
 * (data-count); task-stream (see parts/task_stream.js); charts chart-cpu|memory|moved|tasks; progress
 * with rows progress-row (data-prefix); overview-workers with rows overview-worker-row. */

import { html } from "../vendor/preact.js";
import { StackBar, Dot, Empty, Panel } from "../parts/elements.js";
import { bytes, count, duration, figures, rate, shortCount } from "../parts/format.js";
import { TimeChart } from "../parts/chart.js";
import { useLive } from "../parts/live.js";
import { Progress } from "../parts/progress.js";
import { link } from "../parts/router.js";
import { TASK_STATES } from "../parts/states.js";
import { TaskStream } from "../parts/task_stream.js";
import { WorkerBars } from "../parts/worker_bars.js";

export function Overview() {
  return html`<h1 class="unseen">Overview</h1>
    <${Tiles} /><${States} /><${TaskStream} /><${Charts} />
    <div class="columns halves"><${Progress} /><${WorkerBars} /></div>`;
}

function Tiles() {
  const { summary, load, workers, history } = useLive(400);
  if (!summary) return html`<div class="tiles"><p class="loading">Waiting for the scheduler …</p></div>`;
  const busy = (workers ?? []).reduce((sum, worker) => sum + worker.metrics.executing, 0);
  const erred = summary.tasks.erred ?? 0;
  const known = Object.values(summary.tasks).reduce((sum, each) => sum + each, 0);
  return html`<div class="tiles">
    <${Tile} test="tile-workers" label="Workers" value=${count(summary.workers)} href=${link("workers")} />
    <${Tile} test="tile-threads" label="Threads busy" value=${count(Math.min(busy, summary.nthreads))} of=${`of ${count(summary.nthreads)}`}
      title="How many tasks run now, of those that could at once" />
    <${Tile} test="tile-rate" label="Tasks per second" value=${history.tasksRate < 100 ? figures(history.tasksRate) : shortCount(history.tasksRate)}
      title="Mean over the last 5 seconds" />
    <${Tile} test="tile-tasks" label="Tasks known" value=${shortCount(known)} href=${link("tasks")}
      title="${count(known)} tasks that somebody wants or that are needed; those that nobody wants any more are forgotten" />
    <${Tile} test="tile-erred" label="Tasks erred" value=${count(erred)} href=${link("tasks", "", { state: "erred" })}
      className=${erred ? "is-bad" : ""} title="Failed, or in need of a task that failed. Shows which, and why." />
    <${Tile} test="tile-scheduler" label="Scheduler load" value="${Math.round(load.cpuPercent)} %" of=${`${bytes(load.nbytes)}`}
      title="CPU (100 % is one core) and memory of the scheduler's own process. Its event loop is ${duration(load.delayS)} late." />
    <${Tile} test="tile-uptime" label="Uptime" value=${duration(summary.uptimeS)} title="Since this scheduler started" />
  </div>`;
}

function Tile({ label, value, of, title, href, className = "", test }) {
  const inner = html`<span class="tile-label">${label}</span>
    <span class="tile-value"><span data-test="${test}-value">${value}</span>${of && html`<small>${of}</small>`}</span>`;
  return href
    ? html`<a class="tile ${className}" href=${href} title=${title} data-test=${test}>${inner}</a>`
    : html`<div class="tile ${className}" title=${title} data-test=${test}>${inner}</div>`;
}

function States() {
  const { summary } = useLive(400);
  if (!summary) return null;
  const total = Object.values(summary.tasks).reduce((sum, each) => sum + each, 0);
  const shown = TASK_STATES.filter(({ name }) => summary.tasks[name] > 0 || ["queued", "processing", "memory", "erred"].includes(name));
  return html`<${Panel} title="Tasks by state" className="states" test="states">
    ${total === 0
      ? html`<${Empty} title="No tasks now">Whatever a client submits shows here: <code>Client("${summary.address_to_clients}")</code><//>`
      : html`<${StackBar} total=${total} label="Tasks by state"
          parts=${TASK_STATES.map(({ name, colour }) => ({ value: summary.tasks[name] ?? 0, colour }))} />
        <ul class="legend">${shown.map(({ name, label, title, colour }) => html`<li key=${name}>
          <a href=${link("tasks", "", { state: name })} title=${title} data-test="state-${name}" data-count=${summary.tasks[name] ?? 0}>
            <${Dot} colour=${colour} />${label} <b>${count(summary.tasks[name] ?? 0)}</b></a></li>`)}</ul>`}
  <//>`;
}

function Charts() {
  const { history, version } = useLive(1000);
  const { use, flow } = history;
  return html`<div class="charts">
    <${TimeChart} title="CPU" hint="Of all workers; 100 % is all their threads" test="chart-cpu" version=${version} time=${use.time}
      max=${100} format=${(value) => `${Math.round(value)} %`}
      series=${[{ label: "CPU", values: use.cpu, colour: "--accent", fill: true }]} />
    <${TimeChart} title="Memory" hint="Of all workers' processes; managed is what results take of it, the rest is code and what running tasks need" test="chart-memory" version=${version}
      time=${use.time} binary format=${bytes}
      series=${[{ label: "used", values: use.memory, colour: "--spilled" },
        { label: "managed", values: use.managed, colour: "--managed", fill: true }]} />
    <${TimeChart} title="Moved between workers" hint="Bytes a second that workers fetched from each other" test="chart-moved" version=${version}
      time=${flow.time} binary format=${(value) => `${bytes(value)}/s`}
      series=${[{ label: "moved", values: flow.moved, colour: "--memory", fill: true }]} />
    <${TimeChart} title="Tasks per second" hint="Runs that ended, whether they had a result or failed" test="chart-tasks" version=${version}
      time=${flow.time} format=${rate}
      series=${[{ label: "tasks", values: flow.tasks, colour: "--accent", fill: true }]} />
  </div>`;
}
