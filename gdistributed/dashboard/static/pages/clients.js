/** Clients: who wants results.
 *
 * data-test: clients-table; clients-table-row (data-key: the id), its cells by data-column. */

import { html } from "../vendor/preact.js";
import { useQuery } from "../parts/api.js";
import { Dot, Empty, Failure, Panel } from "../parts/elements.js";
import { count } from "../parts/format.js";
import { live } from "../parts/live.js";
import { Table } from "../parts/table.js";

const COLUMNS = [
  { name: "name", label: "Name", value: (client) => nameOf(client), cell: nameOf },
  { name: "kind", label: "Kind", className: "wide-only", title: "A program, or a name under which results are kept", value: kindOf, cell: kindOf },
  { name: "host", label: "Host", className: "wide-only", value: (client) => client.host ?? "", cell: (client) => client.host || html`<span class="soft">–</span>` },
  { name: "connected", label: "Connection", value: (client) => Number(Boolean(client.connected)), cell: connection },
  { name: "wanted", label: "Wants", numeric: true, title: "How many keys it wants: their results are kept for it",
    value: (client) => Number(client.wanted ?? 0), cell: (client) => count(Number(client.wanted ?? 0)) },
  { name: "id", label: "Id", className: "wide-only", value: (client) => client.client_id, cell: (client) => html`<span class="code soft">${client.client_id}</span>` },
];

function nameOf(client) {
  return client.name || client.client_id;
}

function kindOf(client) {
  return client.client_id.includes(":") ? client.client_id.split(":")[0] : "client";
}

function connection(client) {
  if (kindOf(client) !== "client") return html`<span class="soft" title="A name needs none">–</span>`;
  return client.connected
    ? html`<span class="badge"><${Dot} colour="var(--good)" />connected</span>`
    : html`<span class="badge" title="What it wants is kept for a while"><${Dot} colour="var(--no-worker)" />away</span>`;
}

export function Clients() {
  const { data, error } = useQuery("Scheduler/ListClients", { page_size: 1000 }, { everyMs: 1000 });
  const clients = data?.clients ?? [];
  return html`<h1 class="unseen">Clients</h1><${Panel} title="Clients" note="who wants results" test="clients">
    ${error && html`<${Failure} error=${error} what="The list is not to be had." />`}
    ${!data && !error && html`<p class="loading">Asking …</p>`}
    ${data && !clients.length && html`<${Empty} title="No clients">
      Connect one in Python: <code>Client("${live.summary?.address_to_clients ?? "ADDRESS"}")</code><//>`}
    ${clients.length > 0 && html`<${Table} columns=${COLUMNS} rows=${clients} keyOf=${(client) => client.client_id}
      caption="Clients of the cluster" test="clients-table" />`}
  <//>`;
}
