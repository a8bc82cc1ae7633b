/** Small elements that all pages share: panels, badges, bars, what stands where nothing is. */

import { html } from "../vendor/preact.js";
import { prefixColour } from "./colours.js";
import { link } from "./router.js";
import { taskState, workerState } from "./states.js";

/** A titled part of a page. `note` stands behind the title, `actions` at its right end. */
export function Panel({ title, note, actions, test, children, className = "" }) {
  return html`<section class="panel ${className}" aria-label=${title} data-test=${test}>
    <header class="panel-head">
      <h2>${title}</h2>
      ${note !== undefined && html`<span class="panel-note">${note}</span>`}
      ${actions && html`<div class="panel-actions">${actions}</div>`}
    </header>
    ${children}
  </section>`;
}

/** What stands where nothing is: what that means, and what to do. */
export function Empty({ title, children, test = "empty" }) {
  return html`<div class="empty" data-test=${test}>
    <p class="empty-title">${title}</p>
    ${children && html`<p>${children}</p>`}
  </div>`;
}

/** Why a question was not answered. */
export function Failure({ error, what }) {
  return html`<div class="failure" role="alert" data-test="failure">
    <strong>${what}</strong> ${error.message}
    ${error.reason && html`<span class="code">${error.reason}</span>`}
  </div>`;
}

/** A word that needs explaining, with the explanation. */
export function Term({ title, children }) {
  return html`<abbr title=${title}>${children}</abbr>`;
}

export function StateBadge({ state, test }) {
  const { label, colour, title, name } = taskState(state);
  return html`<span class="badge" title=${title} data-test=${test} data-state=${name}>
    <${Dot} colour=${colour} />${label}</span>`;
}

export function WorkerBadge({ status }) {
  const { label, colour, title } = workerState(status);
  return html`<span class="badge" title=${title}><${Dot} colour=${colour} />${label}</span>`;
}

export function Dot({ colour }) {
  return html`<i class="dot" aria-hidden="true" style=${{ background: colour }}></i>`;
}

/** A prefix with its colour, leading to its tasks. */
export function PrefixName({ prefix }) {
  if (!prefix) return html`<span class="soft" title="Data that a client brought">data</span>`;
  return html`<a class="prefix" href=${link("tasks", "", { prefix })} title="Tasks of ${prefix}">
    <${Dot} colour=${prefixColour(prefix)} /><span class="cut">${prefix}</span></a>`;
}

export function TaskLink({ taskKey, test }) {
  return html`<a class="key" href=${link("tasks", taskKey)} title=${taskKey} data-test=${test}>${taskKey}</a>`;
}

export function WorkerLink({ name, test }) {
  return html`<a href=${link("workers", name)} data-test=${test} title="Worker ${name}">${name}</a>`;
}

/** Parts of a whole as one bar. @param {{parts: {value: number, colour: string, className?: string}[],
 *  total: number, label: string, mark?: number}} props `mark`: a tick there, on the scale of total */
export function StackBar({ parts, total, label, mark }) {
  const share = (value) => `${total > 0 ? Math.min(100, (100 * value) / total) : 0}%`;
  return html`<div class="bar" role="img" aria-label=${label} title=${label}>
    ${parts.map(({ value, colour, className = "" }) => value > 0
      && html`<i class=${className} style=${{ width: share(value), background: colour }}></i>`)}
    ${mark > 0 && mark < total * 0.999 && html`<b style=${{ left: share(mark) }}></b>`}
  </div>`;
}

/** One choice of few. @param {{value: string, choices: [string, string][], onChange: Function}} props */
export function Switch({ label, value, choices, onChange, test }) {
  return html`<div class="switch" role="group" aria-label=${label} data-test=${test}>
    ${choices.map(([name, text]) => html`<button type="button" key=${name} aria-pressed=${name === value}
      data-test="${test}-${name}" onClick=${() => onChange(name)}>${text}</button>`)}
  </div>`;
}
