/** Progress by prefix: how far the tasks of each kind are, how fast they are done, what is left.
 *
 * data-test: progress; progress-row (data-prefix) with progress-done, progress-rate, progress-mean,
 * progress-left, progress-erred. */

import { html, useState } from "../vendor/preact.js";
import { prefixColour } from "./colours.js";
import { Empty, Panel, PrefixName, StackBar, Term } from "./elements.js";
import { count, duration, rate, shortCount } from "./format.js";
import { useLive } from "./live.js";
import { link } from "./router.js";

const SHOWN = 12;

/** What becomes of the tasks of a prefix that are known now. */
export function progressOf({ tasks }) {
  const of = (...names) => names.reduce((sum, name) => sum + (tasks[name] ?? 0), 0);
  const parts = {
    done: of("memory", "released"),
    running: of("processing"),
    waiting: of("waiting", "queued", "no_worker"),
    erred: of("erred"),
  };
  return { ...parts, total: parts.done + parts.running + parts.waiting + parts.erred };
}

export function Progress() {
  const { prefixes, history, summary } = useLive(400);
  const [all, setAll] = useState(false);
  const known = prefixes.filter((each) => progressOf(each).total > 0);
  const past = prefixes.filter((each) => progressOf(each).total === 0 && each.finished + each.failed > 0);
  const rows = [...known, ...past];
  const shown = all ? rows : rows.slice(0, SHOWN);
  return html`<${Panel} title="Progress by prefix" test="progress"
      note=${html`<${Term} title="The kind of a task: the name of its function, or the first part of its key">what is a prefix?<//>`}>
    ${rows.length === 0
      ? html`<${Empty} title="Nothing computed yet">A client submits work: <code>Client("${summary?.address_to_clients ?? "ADDRESS"}")</code><//>`
      : html`<div class="table-frame"><table class="progress"><caption class="unseen">Progress of the tasks of each prefix</caption>
        <thead><tr><th scope="col">Prefix</th><th scope="col" class="bar-column"><span class="explained" title="Done, erred, processing (pale), and what waits">Progress</span></th>
          <th scope="col" class="numeric">Done</th>
          <th scope="col" class="numeric"><span class="explained" title="What the next run is expected to take, by the newest ones">Mean</span></th>
          <th scope="col" class="numeric wide-only"><span class="explained" title="Runs that ended a second, over the last 5 seconds">Rate</span></th>
          <th scope="col" class="numeric wide-only"><span class="explained" title="What is not done, at the rate of now">Left</span></th></tr></thead>
        <tbody>${shown.map((each) => html`<${Row} key=${each.prefix} each=${each} rate_=${history.prefixRates.get(each.prefix) ?? 0} />`)}</tbody>
      </table></div>`}
    ${rows.length > SHOWN && html`<button type="button" class="button more" data-test="progress-all" onClick=${() => setAll(!all)}>
      ${all ? "Show fewer" : `Show all ${count(rows.length)}`}</button>`}
  <//>`;
}

function Row({ each, rate_ }) {
  const { done, running, waiting, erred, total } = progressOf(each);
  const colour = prefixColour(each.prefix);
  const left = running + waiting;
  const parts = [
    { value: done, colour },
    { value: erred, colour: "var(--erred)" },
    { value: running, colour, className: "half" },
  ];
  return html`<tr data-test="progress-row" data-prefix=${each.prefix} class=${total ? "" : "past"}>
    <th scope="row"><${PrefixName} prefix=${each.prefix} /></th>
    <td class="bar-column"><${StackBar} parts=${total ? parts : [{ value: 1, colour: "var(--line-strong)" }]} total=${total || 1}
      label=${total ? `${count(done)} done, ${count(running)} processing, ${count(waiting)} waiting or queued, ${count(erred)} erred`
    : `${count(each.finished)} were done; nobody wants them any more`} /></td>
    <td class="numeric"><span data-test="progress-done">${total ? shortCount(done) : shortCount(each.finished)}</span>${total > 0
      && html`<span class="soft">/${shortCount(total)}</span>`}
      ${erred > 0 && html` <a class="bad" href=${link("tasks", "", { state: "erred", prefix: each.prefix })}
        data-test="progress-erred" title="${count(erred)} erred: show them">${shortCount(erred)}✕</a>`}</td>
    <td class="numeric" data-test="progress-mean">${duration(each.meanS)}</td>
    <td class="numeric wide-only" data-test="progress-rate">${rate_ > 0 ? rate(rate_) : html`<span class="soft">–</span>`}</td>
    <td class="numeric wide-only" data-test="progress-left">${left > 0 && rate_ > 0 ? duration(left / rate_) : html`<span class="soft">–</span>`}</td>
  </tr>`;
}
