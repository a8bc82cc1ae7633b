/** Logs: of the scheduler, or of a worker that is chosen.
 *
 * data-test: log-process (the choice), and those of parts/log_view.js. */

import { html } from "../vendor/preact.js";
import { Panel } from "../parts/elements.js";
import { useLive } from "../parts/live.js";
import { LogView } from "../parts/log_view.js";
import { go, link } from "../parts/router.js";

export function Logs({ query }) {
  const { workers } = useLive(1000);
  const worker = query.worker;
  const choose = (event) => go(link("logs", "", { worker: event.target.value }), true);
  const actions = html`<label class="field"><span>Process</span>
    <select data-test="log-process" value=${worker ?? ""} onChange=${choose}>
      <option value="">Scheduler</option>
      ${(workers ?? []).map(({ name }) => html`<option key=${name} value=${name}>Worker ${name}</option>`)}
    </select></label>`;
  return html`<h1 class="unseen">Logs</h1><${Panel} title=${worker ? `Log of worker ${worker}` : "Log of the scheduler"} actions=${actions} test="logs"
      note="The newest lines that the process has kept"><${LogView} key=${worker ?? ""} worker=${worker} /><//>`;
}
