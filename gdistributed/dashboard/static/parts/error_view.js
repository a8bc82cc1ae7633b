/** The error of a task: what it says, where it began, and its traceback to read and to copy. */

import { html, useState } from "../vendor/preact.js";
import { Panel, TaskLink, WorkerLink } from "./elements.js";
import { enumOf } from "./format.js";

const KINDS = {
  user: "", unspecified: "",
  system: "The system failed, not the task's own code.",
  cancelled: "It was cancelled.",
  timeout: "It ran longer than its time limit.",
  worker_lost: "The workers that ran it died, more often than is allowed.",
  data_lost: "Data that cannot be computed again was lost with its worker.",
  out_of_memory: "The worker ran out of memory.",
  no_worker: "No worker can ever run it.",
};

export function TaskError({ error, taskKey }) {
  const [copied, setCopied] = useState(false);
  const text = error.traceback || framesText(error.frames ?? []) || `${error.type}: ${error.message}`;
  const copy = async () => {
    await copyText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  const kind = KINDS[enumOf(error.kind, "TASK_ERROR_KIND_")];
  const isOrigin = !error.key || error.key === taskKey;
  return html`<${Panel} title="Error" className="error-panel" test="task-error" actions=${html`<button type="button" class="button"
      data-test="copy-traceback" onClick=${copy}><span aria-live="polite">${copied ? "Copied" : "Copy traceback"}</span></button>`}>
    <p class="error-line"><b data-test="error-type">${error.type}</b><span data-test="error-message">${error.message}</span></p>
    <p class="quiet">
      ${!isOrigin && html`<span data-test="error-origin">It needs <${TaskLink} taskKey=${error.key} />, which failed. </span>`}
      ${kind} ${error.reason && html` <span class="code">${error.reason}</span>`}
      ${error.worker_name && html` Ran on worker <${WorkerLink} name=${error.worker_name} />.`}</p>
    <pre class="traceback" tabindex="0" data-test="traceback" aria-label="Traceback">${lines(text)}</pre>
    ${(error.causes ?? []).map((cause, at) => html`<p key=${at} class="quiet">caused by <b>${cause.type}</b> ${cause.message}</p>`)}
  <//>`;
}

/** Python's habit: places soft, code plain, marks faint, the last line strong. Others come out plain. */
function lines(text) {
  const all = text.replace(/\n+$/, "").split("\n");
  return all.map((line, at) => {
    const isPlace = /^\s+File "/.test(line);
    const isMark = /^\s*[\^~]+\s*$/.test(line);
    const isLast = at === all.length - 1;
    return html`<span class=${isPlace ? "place" : isMark ? "mark" : isLast ? "last" : ""}>${line}${isLast ? "" : "\n"}</span>`;
  });
}

/** @returns {string} frames as a person reads them, outermost first */
export function framesText(frames) {
  return frames.map((frame) => `${frame.file}:${frame.line} in ${frame.function}${frame.source ? `\n    ${frame.source.trim()}` : ""}`).join("\n");
}

/** Copy to the clipboard; over plain HTTP browsers offer only the old way. */
async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
