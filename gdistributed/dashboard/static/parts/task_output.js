/** What a task printed and logged. A scheduler that keeps none of it shows nothing here. */

import { html } from "../vendor/preact.js";
import { useQuery } from "./api.js";
import { Panel } from "./elements.js";
import { bytes, enumOf } from "./format.js";

export function TaskOutput({ taskKey }) {
  const { data } = useQuery("Scheduler/GetTaskOutput", { key: taskKey }, { everyMs: 2000, onChange: true });
  const pieces = data?.output ?? [];
  if (!pieces.length) return null;
  return html`<${Panel} title="Output" note="what it printed and logged" test="task-output">
    <pre class="traceback" tabindex="0" aria-label="Output">${pieces.map((piece, at) => html`<span key=${at}
      class="output-${enumOf(piece.stream, "OUTPUT_STREAM_")}" title=${piece.worker && `Worker ${piece.worker}`}>
      ${piece.left_out && html`<i class="mark">… about ${bytes(Number(piece.left_out))} left out …${"\n"}</i>`}${piece.text}</span>`)}</pre><//>`;
}
