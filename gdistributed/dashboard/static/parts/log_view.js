/** The log of one process: filtered by level and words, and followed as it grows.
 *
 * data-test: log-level, log-search, log-follow; log-lines with log-line (data-level). */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { useQuery } from "./api.js";
import { Empty, Failure, Switch } from "./elements.js";
import { clock, count, timeOf } from "./format.js";

const LEVELS = [["", "All"], ["INFO", "Info"], ["WARNING", "Warning"], ["ERROR", "Error"]];
const LINES_MAX = 500;

/** @param {{worker?: string}} props without a worker: the scheduler's */
export function LogView({ worker }) {
  const [level, setLevel] = useState("");
  const [words, setWords] = useState("");
  const [follow, setFollow] = useState(true);
  const { data, error } = useQuery("Server/GetLogs", { count: LINES_MAX, level }, { worker, everyMs: follow ? 1000 : 0 });
  const lines = (data?.lines ?? []).filter((line) => matches(line, words.toLowerCase()));
  return html`<div class="controls">
      <${Switch} label="Lowest level" value=${level} choices=${LEVELS} onChange=${setLevel} test="log-level" />
      <label class="field"><span class="unseen">Search in the log</span>
        <input type="search" placeholder="Search in the log" value=${words} data-test="log-search"
          onInput=${(event) => setWords(event.target.value)} /></label>
      <label class="check"><input type="checkbox" checked=${follow} data-test="log-follow"
        onChange=${(event) => setFollow(event.target.checked)} /> Follow</label>
      ${data && html`<span class="soft">${count(lines.length)} lines</span>`}
    </div>
    ${error && html`<${Failure} error=${error} what="The log is not to be had." />`}
    ${data && !lines.length && html`<${Empty} title=${data.lines?.length ? "No line matches" : "Nothing logged"}>
      ${data.lines?.length ? "Search for less, or choose a lower level." : "A process that has nothing to say is well."}<//>`}
    ${lines.length > 0 && html`<${Lines} lines=${lines} follow=${follow} />`}`;
}

function matches(line, words) {
  return !words || `${line.level} ${line.logger} ${line.text}`.toLowerCase().includes(words);
}

function Lines({ lines, follow }) {
  const frame = useRef(null);
  const last = lines.at(-1);
  useEffect(() => {
    if (follow) frame.current.scrollTop = frame.current.scrollHeight;
  }, [follow, lines.length, last.time]);
  return html`<div class="log" ref=${frame} tabindex="0" role="log" aria-label="Log" data-test="log-lines">
    ${lines.map((line, at) => html`<div key=${`${line.time}${at}`} class="log-line level-${(line.level ?? "").toLowerCase()}"
        data-test="log-line" data-level=${line.level}>
      <time title=${line.time}>${clock(timeOf(line.time))}</time><b>${line.level}</b>
      <span class="log-name" title=${line.logger}>${line.logger}</span><span class="log-text">${line.text}</span></div>`)}
  </div>`;
}
