/** CPU and memory of each worker as bars, and how busy it will be.
 *
 * data-test: overview-workers; overview-worker-row (data-worker) with worker-cpu, worker-memory,
 * worker-occupancy. */

import { html } from "../vendor/preact.js";
import { Dot, Empty, Panel, StackBar, WorkerLink } from "./elements.js";
import { bytes, count, duration } from "./format.js";
import { useLive } from "./live.js";
import { link } from "./router.js";

const SHOWN = 16;

export function WorkerBars() {
  const { workers, summary } = useLive(1000);
  if (!workers) return html`<${Panel} title="Workers" test="overview-workers"><p class="loading">Waiting for the scheduler …</p><//>`;
  const busiest = Math.max(1e-3, ...workers.map((worker) => worker.occupancyS / Math.max(1, worker.nthreads)));
  return html`<${Panel} title="Workers" test="overview-workers" note=${html`<${MemoryLegend} />`}>
    ${workers.length === 0
      ? html`<${Empty} title="No workers yet">Start one: <code>gd worker ${summary?.address_to_workers}</code><//>`
      : html`<div class="table-frame"><table><caption class="unseen">CPU, memory and occupancy of each worker</caption>
        <thead><tr><th scope="col">Worker</th>
          <th scope="col" class="bar-column"><span class="explained" title="Of its threads: 100 % is all of them busy">CPU</span></th>
          <th scope="col" class="bar-column"><span class="explained" title="What the process uses; the tick is its limit">Memory</span></th>
          <th scope="col" class="bar-column wide-only"><span class="explained" title="For how long the tasks that it was handed will keep its threads busy">Occupancy</span></th></tr></thead>
        <tbody>${workers.slice(0, SHOWN).map((worker) => html`<${Row} key=${worker.name} worker=${worker} busiest=${busiest} />`)}</tbody>
      </table></div>`}
    ${workers.length > SHOWN && html`<a class="button more" href=${link("workers")}>All ${count(summary?.workers ?? workers.length)} workers</a>`}
  <//>`;
}

function Row({ worker, busiest }) {
  const { metrics, nthreads, occupancyS } = worker;
  const cpu = metrics.cpu_percent / Math.max(1, nthreads);
  const each = occupancyS / Math.max(1, nthreads);
  return html`<tr data-test="overview-worker-row" data-worker=${worker.name}>
    <th scope="row" class="worker-name-column"><${WorkerLink} name=${worker.name} /></th>
    <td class="bar-column" data-test="worker-cpu"><div class="bar-and-text short"><${StackBar} total=${100} parts=${[{ value: cpu, colour: "var(--accent)" }]}
      label="${Math.round(metrics.cpu_percent)} % of one core; it has ${nthreads} threads" /><span>${Math.round(cpu)} %</span></div></td>
    <td class="bar-column" data-test="worker-memory"><div class="bar-and-text"><${MemoryBar} worker=${worker} /><span>${bytes(metrics.memory_nbytes)}</span></div></td>
    <td class="bar-column wide-only" data-test="worker-occupancy"><div class="bar-and-text"><${StackBar} total=${busiest} parts=${[{ value: each, colour: "var(--queued)" }]}
      label="${count(worker.processing)} tasks were handed to it" /><span>${duration(each)}</span></div></td>
  </tr>`;
}

/** Managed, unmanaged and spilled; the tick is the limit. */
export function MemoryBar({ worker }) {
  const { memory_nbytes: used, managed_nbytes: managed, spilled_nbytes: spilled } = worker.metrics;
  const limit = worker.memory_limit_nbytes;
  const unmanaged = Math.max(0, used - managed);
  const inMemory = Math.min(managed, used);
  const text = `${bytes(managed)} managed, ${bytes(unmanaged)} unmanaged, ${bytes(spilled)} spilled; `
    + (limit ? `limit ${bytes(limit)}` : "no limit");
  return html`<${StackBar} label=${text} mark=${limit} total=${Math.max(limit * 1.1, used + spilled, 1)} parts=${[
    { value: inMemory, colour: "var(--managed)" },
    { value: unmanaged, colour: "var(--unmanaged)" },
    { value: spilled, colour: "var(--spilled)", className: "striped" },
  ]} />`;
}

/** What the colours of memory mean. */
export function MemoryLegend() {
  return html`<span class="mini-legend">
    <span title="Results that it holds in memory"><${Dot} colour="var(--managed)" />managed</span>
    <span title="The rest of its process: code, and what running tasks need"><${Dot} colour="var(--unmanaged)" />unmanaged</span>
    <span title="Results that it has written to disk to have room"><${Dot} colour="var(--spilled)" />spilled</span></span>`;
}
