/** Tasks: searched by key, state and prefix, page by page. The search is part of the address.
 *
 * data-test: task-search, task-prefix, task-state-NAME ("all" too); tasks-table with tasks-table-row
 * (data-key: the key), its cells by data-column, task-link; tasks-next, tasks-previous, tasks-page. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { useQuery } from "../parts/api.js";
import { Dot, Empty, Failure, Panel, PrefixName, StateBadge, TaskLink, WorkerLink } from "../parts/elements.js";
import { bytes, count } from "../parts/format.js";
import { live, useLive } from "../parts/live.js";
import { go, link, route } from "../parts/router.js";
import { TASK_STATES } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { workerAt } from "../parts/workers_known.js";

const PAGE_SIZE = 50;
const TYPING_MS = 250;
const ALWAYS = ["waiting", "queued", "processing", "memory", "erred"]; // so that buttons stay where they are

const COLUMNS = [
  { name: "key", label: "Key", className: "key-column", cell: (task) => html`<${TaskLink} taskKey=${task.key} test="task-link" />` },
  { name: "state", label: "State", cell: (task) => html`<${StateBadge} state=${task.state} />` },
  { name: "prefix", label: "Prefix", className: "wide-only", cell: (task) => html`<${PrefixName} prefix=${task.prefix} />` },
  { name: "worker", label: "Worker", title: "Where it was handed to, or where its result is", cell: places },
  { name: "size", label: "Size", numeric: true, title: "Of its result in memory, estimated",
    cell: (task) => (task.nbytes ? bytes(Number(task.nbytes)) : html`<span class="soft">–</span>`) },
  { name: "type", label: "Type", className: "wide-only", cell: (task) => html`<span class="code cut">${task.type}</span>` },
];

/** Of tasks that erred the list says why. */
const ERRED_COLUMNS = [
  ...COLUMNS.filter(({ name }) => name === "key" || name === "prefix"),
  { name: "error", label: "Error", className: "error-column", cell: ({ error }) => error && html`<span title=${error.message}>
    <b class="bad">${error.type.split(".").at(-1)}</b> ${error.message}</span>` },
  { name: "worker", label: "Worker", title: "Where it failed",
    cell: ({ error }) => (error?.worker_name ? html`<${WorkerLink} name=${error.worker_name} />` : html`<span class="soft">–</span>`) },
];

function places(task) {
  const addresses = task.processing_on ? [task.processing_on] : task.holders ?? [];
  if (!addresses.length) return html`<span class="soft">–</span>`;
  const name = workerAt(addresses[0]);
  return html`${name === undefined ? addresses[0] : html`<${WorkerLink} name=${name} />`}
    ${addresses.length > 1 && html`<span class="soft"> +${addresses.length - 1}</span>`}`;
}

export function Tasks({ query }) {
  const { state = "", prefix = "", key = "" } = query;
  const search = JSON.stringify([state, prefix, key]);
  const [pages, setPages] = useState({ search, tokens: [""] });
  const tokens = pages.search === search ? pages.tokens : [""];
  const request = {
    states: state ? [`TASK_STATE_${state.toUpperCase()}`] : [],
    prefix, key_contains: key, page_size: PAGE_SIZE, page_token: tokens.at(-1), view: state === "erred" ? "TASK_VIEW_FULL" : "TASK_VIEW_BASIC",
  };
  const { data, error } = useQuery("Scheduler/ListTasks", request, { everyMs: 1000, onChange: true });
  const tasks = data?.tasks ?? [];
  const next = data?.next_page_token;
  return html`<h1 class="unseen">Tasks</h1><${Panel} title=${titleOf(query)} test="tasks" note=${html`<${Total} query=${query} />`}>
    <${Search} query=${query} />
    ${error && html`<${Failure} error=${error} what="The list is not to be had." />`}
    ${!data && !error && html`<p class="loading">Asking …</p>`}
    ${data && !tasks.length && html`<${Nothing} query=${query} />`}
    ${tasks.length > 0 && html`<${Table} columns=${state === "erred" ? ERRED_COLUMNS : COLUMNS} rows=${tasks} keyOf=${(task) => task.key}
      caption="Tasks" test="tasks-table" />`}
    ${(next || tokens.length > 1) && html`<nav class="pager" aria-label="Pages">
      <button type="button" class="button" disabled=${tokens.length < 2} data-test="tasks-previous"
        onClick=${() => setPages({ search, tokens: tokens.slice(0, -1) })}>← Previous</button>
      <span data-test="tasks-page">Page ${tokens.length}</span>
      <button type="button" class="button" disabled=${!next} data-test="tasks-next"
        onClick=${() => setPages({ search, tokens: [...tokens, next] })}>Next →</button></nav>`}
  <//>`;
}

function titleOf({ state, prefix }) {
  const label = TASK_STATES.find((each) => each.name === state)?.label;
  return `${label ? `Tasks ${label}` : "Tasks"}${prefix ? ` of ${prefix}` : ""}`;
}

/** How many there are, where the counts of the cluster say so. */
function Total({ query }) {
  const { summary, prefixes } = useLive(1000);
  const tasks = query.prefix ? prefixes.find((each) => each.prefix === query.prefix)?.tasks ?? {} : summary?.tasks;
  if (!tasks || query.key) return null;
  const total = query.state ? tasks[query.state] ?? 0 : Object.values(tasks).reduce((sum, each) => sum + each, 0);
  return html`<span data-test="tasks-total">${count(total)}</span>`;
}

function Search({ query }) {
  const { prefixes, summary } = useLive(1000);
  const [typed, setTyped] = useState(query.key ?? "");
  const change = (part) => go(link("tasks", "", { ...route().query, ...part }), true);
  useEffect(() => setTyped(query.key ?? ""), [query.key]);
  useEffect(() => {
    if (typed === (query.key ?? "")) return undefined;
    const timer = setTimeout(() => change({ key: typed }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const names = prefixes.map((each) => each.prefix).filter(Boolean);
  if (query.prefix && !names.includes(query.prefix)) names.unshift(query.prefix);
  return html`<div class="controls" role="search">
    <label class="field grow"><span class="unseen">Part of a key</span>
      <input type="search" placeholder="Part of a key" value=${typed} data-test="task-search" onInput=${(event) => setTyped(event.target.value)} /></label>
    <label class="field"><span>Prefix</span>
      <select value=${query.prefix ?? ""} data-test="task-prefix" onChange=${(event) => change({ prefix: event.target.value })}>
        <option value="">All</option>${names.map((name) => html`<option key=${name} value=${name} selected=${name === query.prefix}>${name}</option>`)}
      </select></label>
    <div class="choices" role="group" aria-label="State">
      <button type="button" aria-pressed=${!query.state} data-test="task-state-all" onClick=${() => change({ state: "" })}>All</button>
      ${TASK_STATES.filter(({ name }) => ALWAYS.includes(name) || summary?.tasks[name] > 0 || name === query.state)
    .map(({ name, label, title, colour }) => html`<button type="button" key=${name} title=${title} aria-pressed=${query.state === name}
          data-test="task-state-${name}" onClick=${() => change({ state: query.state === name ? "" : name })}>
          <${Dot} colour=${colour} />${label} <span class="soft">${count(summary?.tasks[name] ?? 0)}</span></button>`)}
    </div></div>`;
}

function Nothing({ query }) {
  if (query.state === "erred") return html`<${Empty} title="No task has failed">${query.prefix || query.key ? "None that match." : "May it stay so."}<//>`;
  if (query.state || query.prefix || query.key) {
    return html`<${Empty} title="No task matches"><a href=${link("tasks")}>Show all tasks</a>. Tasks that nobody wants any more are forgotten.<//>`;
  }
  return html`<${Empty} title="No tasks now">Whatever a client submits shows here:${" "}
    <code>Client("${live.summary?.address_to_clients ?? "ADDRESS"}")</code><//>`;
}
