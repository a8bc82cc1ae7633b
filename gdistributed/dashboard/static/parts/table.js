/** A table that sorts by a click, or Enter, on a header. */

import { html, useState } from "../vendor/preact.js";

/** @typedef {{name: string, label: string, title?: string, numeric?: boolean, className?: string,
 *   value?: (row: any) => number | string, cell: (row: any) => any}} Column
 *  Columns without `value` do not sort. */

const ROWS_MAX = 100; // more are shown when asked for: elements cost, each time something changes

/** @param {{columns: Column[], rows: any[], keyOf: (row: any) => string, caption: string,
 *   sort?: string, descending?: boolean, test: string}} props `sort`: the column at first; none: as given */
export function Table({ columns, rows, keyOf, caption, sort = "", descending = false, test }) {
  const [order, setOrder] = useState({ name: sort, descending });
  const [all, setAll] = useState(false);
  const column = columns.find((each) => each.name === order.name && each.value);
  const ordered = column ? sorted(rows, column.value, order.descending) : rows;
  const shown = all ? ordered : ordered.slice(0, ROWS_MAX);
  const choose = ({ name, numeric = false }) => setOrder((old) => (
    { name, descending: old.name === name ? !old.descending : numeric }));
  return html`<div class="table-frame"><table data-test=${test}>
    <caption class="unseen">${caption}</caption>
    <thead><tr>${columns.map((each) => html`<${Header} key=${each.name} column=${each} order=${order} choose=${choose} />`)}</tr></thead>
    <tbody>${shown.map((row) => html`<tr key=${keyOf(row)} data-test="${test}-row" data-key=${keyOf(row)}>
      ${columns.map((each) => html`<td key=${each.name} class=${classOf(each)} data-column=${each.name}>${each.cell(row)}</td>`)}
    </tr>`)}</tbody>
  </table></div>
  ${rows.length > ROWS_MAX && html`<button type="button" class="button more" data-test="${test}-all" onClick=${() => setAll(!all)}>
    ${all ? `Show the first ${ROWS_MAX}` : `Show all ${rows.length}`}</button>`}`;
}

function Header({ column, order, choose }) {
  const isSorted = column.value && column.name === order.name;
  const direction = order.descending ? "descending" : "ascending";
  const text = column.title ? html`<span title=${column.title} class="explained">${column.label}</span>` : column.label;
  return html`<th scope="col" class=${classOf(column)} aria-sort=${isSorted ? direction : column.value ? "none" : undefined}>
    ${column.value
      ? html`<button type="button" data-test="sort-${column.name}" onClick=${() => choose(column)}>
          ${text}<span class="sort-mark" aria-hidden="true">${isSorted ? (order.descending ? "▾" : "▴") : ""}</span></button>`
      : text}</th>`;
}

function classOf({ numeric, className = "" }) {
  return `${numeric ? "numeric " : ""}${className}`;
}

const collator = new Intl.Collator("en", { numeric: true });

function sorted(rows, value, descending) {
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(value(a), value(b)));
}

function compare(a, b) {
  if (typeof a === "string" || typeof b === "string") return collator.compare(String(a), String(b));
  return (Number.isNaN(a) ? -1 : a) - (Number.isNaN(b) ? -1 : b);
}
