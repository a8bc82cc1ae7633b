/** One task: where it is and why, its error, what it needs and who needs it, what happened to it.
 *
 * data-test: task-key, task-state (data-state), task-explanation; task-error with error-type,
 * error-message, traceback, copy-traceback, error-origin; task-running; task-facts; task-dependencies,
 * task-dependents (links dependency-link); task-story with story-line; task-output. */

import { html } from "../vendor/preact.js";
import { useQuery } from "../parts/api.js";
import { CallStacks } from "../parts/call_stacks.js";
import { Failure, Panel, PrefixName, StateBadge, TaskLink, WorkerLink } from "../parts/elements.js";
import { TaskError } from "../parts/error_view.js";
import { bytes, clock, count, duration, timeOf } from "../parts/format.js";
import { useLive } from "../parts/live.js";
import { link } from "../parts/router.js";
import { taskState } from "../parts/states.js";
import { TaskOutput } from "../parts/task_output.js";
import { workerAt } from "../parts/workers_known.js";

const OFTEN = { everyMs: 500, onChange: true };
const KEYS_SHOWN = 60;

export function Task({ name }) {
  useLive(1000);
  const task = useQuery("Scheduler/GetTask", { key: name }, OFTEN);
  const explained = useQuery("Scheduler/ExplainTask", { key: name }, OFTEN);
  const known = task.error?.code === "NOT_FOUND" ? null : task.data?.task;
  const story = explained.data;
  const runsOn = known?.processing_on ? workerAt(known.processing_on) : undefined;
  const isUnknown = task.error?.code === "NOT_FOUND" && explained.error?.code === "NOT_FOUND";
  return html`<nav class="crumbs" aria-label="Way back"><a href=${link("tasks")}>Tasks</a></nav>
    <h1 class="key-title" data-test="task-key">${name}</h1>
    ${isUnknown && html`<${Panel} title="Unknown task"><div class="empty" data-test="empty"><p class="empty-title">The scheduler does not know this key</p>
      <p>Tasks that nobody wants any more are forgotten, and their stories after a while. <a href=${link("tasks")}>Show all tasks</a>.</p></div><//>`}
    ${story && html`<div class="lead"><${StateBadge} state=${known?.state ?? "forgotten"} test="task-state" />
      <p data-test="task-explanation">${story.explanation}</p></div>`}
    ${!story && explained.error && !isUnknown && html`<${Failure} error=${explained.error} what="Nothing is known of it." />`}
    ${known?.error && html`<${TaskError} error=${known.error} taskKey=${name} />`}
    ${known && runsOn !== undefined && html`<${CallStacks} worker=${runsOn} taskKey=${name} title="Where it is now" test="task-running" />`}
    <div class="columns even">
      ${known && html`<${Facts} task=${known} />`}
      ${story?.story?.length > 0 && html`<${Story} lines=${story.story} />`}
    </div>
    ${known && html`<div class="columns even"><${Keys} title="Needs" keys=${known.dependencies} waiting=${taskState(known.state).name === "waiting" ? known.waiting_on : []} test="task-dependencies" none="It needs no other task." />
      <${Keys} title="Needed by" keys=${known.dependents} test="task-dependents" none="No other task needs it." /></div>`}
    ${!isUnknown && html`<${TaskOutput} taskKey=${name} />`}`;
}

function Facts({ task }) {
  const facts = [
    ["Prefix", html`<${PrefixName} prefix=${task.prefix} />`],
    ["Size", task.nbytes ? html`${bytes(Number(task.nbytes))} <span class="soft">in memory</span>` : null],
    ["Type", task.type && html`<span class="code">${task.type}</span>`],
    ["Handed to", task.processing_on && html`<${At} address=${task.processing_on} />`],
    ["Result on", task.holders?.length && task.holders.map((address) => html`<${At} key=${address} address=${address} /> `)],
    ["Wanted by", task.wanted_by?.join(", ")],
    ["Retries left", task.retries],
    ["Priority", task.priority],
  ].filter(([, value]) => value);
  return html`<${Panel} title="The task" test="task-facts"
      actions=${html`<a class="button" href=${link("graph", "", { key: task.key })}>Show in the graph</a>`}>
    <dl class="facts">${facts.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl><//>`;
}

function At({ address }) {
  const name = workerAt(address);
  return name === undefined ? html`<span class="code">${address}</span>` : html`<span>worker <${WorkerLink} name=${name} /></span>`;
}

function Story({ lines }) {
  const times = lines.map((line) => timeOf(line.time));
  return html`<${Panel} title="What happened to it" test="task-story" note="oldest first">
    <ol class="story">${lines.map((line, at) => html`<li key=${at} data-test="story-line">
      <time title=${line.time}>${clock(times[at])}</time>
      <span class="soft gap" title="After what happened before">${at ? `+${duration(times[at] - times[at - 1])}` : ""}</span>
      <span>${line.text}</span></li>`)}</ol><//>`;
}

function Keys({ title, keys = [], waiting = [], none, test }) {
  const still = new Set(waiting);
  const ordered = [...keys].sort((a, b) => Number(still.has(b)) - Number(still.has(a)));
  return html`<${Panel} title=${title} test=${test} note=${keys.length ? `${count(keys.length)}${still.size ? `, waits for ${count(still.size)}` : ""}` : undefined}>
    ${!keys.length && html`<p class="quiet">${none}</p>`}
    <ul class="keys">${ordered.slice(0, KEYS_SHOWN).map((key) => html`<li key=${key} class=${still.has(key) ? "waits" : ""}
      title=${still.has(key) ? "Not there yet" : ""}><${TaskLink} taskKey=${key} test="dependency-link" /></li>`)}</ul>
    ${keys.length > KEYS_SHOWN && html`<p class="quiet">and ${count(keys.length - KEYS_SHOWN)} more</p>`}
  <//>`;
}
