/** What a worker runs now, and where in its code, asked of it once a second.
 *
 * data-test: TEST, running-task (data-key), call-stack. */

import { html } from "../vendor/preact.js";
import { useQuery } from "./api.js";
import { Failure, Panel, TaskLink } from "./elements.js";

/** @param {{worker: string, taskKey?: string, title: string, test: string}} props a worker by name;
 *  with a key: that task alone */
export function CallStacks({ worker, taskKey, title, test }) {
  const { data, error } = useQuery("Worker/GetCallStack", { keys: taskKey ? [taskKey] : [] }, { worker, everyMs: 1000 });
  const stacks = data?.stacks ?? [];
  return html`<${Panel} title=${title} note="looked at once a second" test=${test}>
    ${error && html`<${Failure} error=${error} what="The worker does not say." />`}
    ${data && !stacks.length && html`<p class="quiet">${taskKey ? "It does not run at this moment." : "Nothing runs at this moment."}</p>`}
    ${stacks.map(({ key, frames = [] }) => html`<div key=${key} class="stack" data-test="running-task" data-key=${key}>
      ${!taskKey && html`<${TaskLink} taskKey=${key} />`}
      ${frames.length ? html`<${Frames} frames=${frames} />` : html`<p class="quiet">Not in its own code now: data comes or goes.</p>`}
    </div>`)}
  <//>`;
}

function Frames({ frames }) {
  return html`<ol class="frames" data-test="call-stack">${frames.map((frame, at) => html`<li key=${at}>
    <span class="frame-place" title="${frame.file}:${frame.line}"><b>${frame.function}</b> ${shortFile(frame.file)}:${frame.line}</span>
    <code title=${frame.source}>${(frame.source ?? "").trim()}</code></li>`)}</ol>`;
}

function shortFile(file = "") {
  return file.split("/").slice(-2).join("/");
}
