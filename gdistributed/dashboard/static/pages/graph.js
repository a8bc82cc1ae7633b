/** Graph: what depends on what, task by task when they are few, else by prefix.
 *
 * data-test: graph-svg (data-nodes, data-edges, data-by-prefix), graph-node (data-name), graph-fit,
 * graph-in, graph-out, graph-detail-auto|tasks|prefixes, graph-key (what a drawing is limited to). */

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { useQuery } from "../parts/api.js";
import { prefixColour } from "../parts/colours.js";
import { Empty, Failure, Panel, Switch } from "../parts/elements.js";
import { count } from "../parts/format.js";
import { layout, NODE_HEIGHT, structure } from "../parts/graph_layout.js";
import { live } from "../parts/live.js";
import { PanZoom } from "../parts/pan_zoom.js";
import { link } from "../parts/router.js";
import { TASK_STATES, taskState } from "../parts/states.js";

const LIMITS = { auto: 120, tasks: 400, prefixes: 1 };
const DETAILS = [["auto", "Auto"], ["tasks", "Tasks"], ["prefixes", "Prefixes"]];
const NARROW = 720;
const EDGES_MAX = 1500; // beyond, laying out takes seconds

export function Graph({ query }) {
  const key = query.key ?? "";
  const [detail, setDetail] = useState("auto");
  const request = { key, limit: LIMITS[detail] };
  const { data, error } = useQuery("Activity/GetGraph", request, { everyMs: 1000, onChange: true });
  const graph = data && { nodes: data.nodes ?? [], edges: data.edges ?? [], byPrefix: Boolean(data.by_prefix), tasks: Number(data.tasks ?? 0) };
  const isTooDense = graph && graph.edges.length > EDGES_MAX;
  const actions = html`<${Switch} label="Draw" value=${detail} choices=${DETAILS} onChange=${setDetail} test="graph-detail" />`;
  const note = graph && `${count(graph.tasks)} tasks, drawn ${graph.byPrefix ? "by prefix" : "one by one"}`;
  return html`<h1 class="unseen">Graph</h1><${Panel} title="Graph" note=${note} actions=${actions} className="graph-panel" test="graph">
    ${key && html`<p class="quiet" data-test="graph-key">Only <a class="code" href=${link("tasks", key)}>${key}</a>, what it needs and what needs it.${" "}
      <a href=${link("graph")}>Show all</a></p>`}
    ${error?.code === "NOT_FOUND" && html`<${Empty} title="The scheduler does not know this key">Nobody wants it any more, so it is forgotten.<//>`}
    ${error && error.code !== "NOT_FOUND" && html`<${Failure} error=${error} what="The graph is not to be had." />`}
    ${graph && !error && !graph.nodes.length && html`<${Empty} title="No tasks now">What depends on what shows here while somebody wants results:${" "}
      <code>Client("${live.summary?.address_to_clients ?? "ADDRESS"}")</code><//>`}
    ${isTooDense && html`<${Empty} title="Too many arrows to draw">${count(graph.edges.length)} dependencies.
      Draw prefixes, or one task's part of the graph (from its page).<//>`}
    ${graph?.nodes.length > 0 && !isTooDense && !(error && key) && html`<${Drawing} graph=${graph} />`}
    ${graph?.nodes.length > 0 && html`<${Legend} />`}
  <//>`;
}

function Drawing({ graph }) {
  const frame = useRef(null);
  const drawing = useRef(null);
  const view = useRef(null);
  const direction = window.innerWidth < NARROW ? "TB" : "LR";
  const shape = structure(graph);
  const placed = useMemo(() => layout(graph, direction), [shape, direction]);
  useEffect(() => {
    view.current = new PanZoom(frame.current, drawing.current);
    return () => view.current.close();
  }, []);
  useEffect(() => view.current.resize(placed), [placed]);
  return html`<div class="graph">
    <svg ref=${frame} tabindex="0" role="group" data-test="graph-svg" data-nodes=${graph.nodes.length} data-edges=${graph.edges.length}
        data-by-prefix=${graph.byPrefix} aria-label="Graph of ${count(graph.tasks)} tasks. Arrow keys move it, plus and minus zoom, 0 fits it.">
      <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">
        <path d="M0 1 L7 4 L0 7 z" class="arrow-head" /></marker></defs>
      <g ref=${drawing}>
        ${placed.edges.map((edge) => html`<path key=${`${edge.from} ${edge.to}`} class="edge" d=${edge.path} marker-end="url(#arrow)"
          stroke-width=${1 + Math.min(3, Math.log10(edge.count))}><title>${count(edge.count)} dependencies</title></path>`)}
        ${graph.nodes.map((node, at) => html`<${Node} key=${node.name} node=${node} place=${placed.nodes[at]} loops=${placed.loops.get(at)} byPrefix=${graph.byPrefix} />`)}
      </g></svg>
    <div class="graph-tools" role="group" aria-label="View">
      <button type="button" class="button" data-test="graph-in" title="Zoom in (+)" aria-label="Zoom in" onClick=${() => view.current.zoom(1.25)}>+</button>
      <button type="button" class="button" data-test="graph-out" title="Zoom out (−)" aria-label="Zoom out" onClick=${() => view.current.zoom(0.8)}>−</button>
      <button type="button" class="button" data-test="graph-fit" title="Fit (0)" onClick=${() => view.current.fit()}>Fit</button></div>
  </div>`;
}

function Node({ node, place, loops, byPrefix }) {
  const tasks = Object.fromEntries(Object.entries(node.tasks ?? {}).map(([name, each]) => [name, Number(each)]));
  const total = Object.values(tasks).reduce((sum, each) => sum + each, 0);
  const words = TASK_STATES.filter(({ name }) => tasks[name]).map(({ name, label }) => `${byPrefix ? `${count(tasks[name])} ` : ""}${label}`).join(", ");
  const href = byPrefix ? link("tasks", "", { prefix: node.name }) : link("tasks", node.name);
  const inner = place.width - 20;
  let x = 0;
  const parts = TASK_STATES.filter(({ name }) => tasks[name]).map(({ name, colour }) => {
    const width = (inner * tasks[name]) / total;
    x += width;
    return html`<rect key=${name} x=${x - width} y="0" width=${width} height="5" style=${{ fill: colour }} />`;
  });
  return html`<a href=${href} class="node ${tasks.erred ? "has-erred" : ""}" data-test="graph-node" data-name=${node.name} draggable="false"
      aria-label="${node.name}: ${words}" transform="translate(${place.x - place.width / 2} ${place.y - NODE_HEIGHT / 2})">
    <title>${node.name}${"\n"}${words}${loops ? `\n${count(loops)} of them depend on their own kind` : ""}</title>
    <rect class="node-box" width=${place.width} height=${NODE_HEIGHT} rx="6" />
    <rect x="0.5" y="7" width="3.5" height=${NODE_HEIGHT - 14} rx="1.5" style=${{ fill: node.prefix || byPrefix ? prefixColour(node.prefix || node.name) : "var(--line-strong)" }} />
    <text x="10" y="17">${place.shown}</text>
    ${byPrefix && html`<text class="node-count" x=${place.width - 10} y="17" text-anchor="end">${loops ? "↻ " : ""}${count(total)}</text>`}
    <g transform="translate(10 25)"><rect class="node-track" width=${inner} height="5" />${parts}</g></a>`;
}

function Legend() {
  return html`<ul class="legend small">${["waiting", "queued", "processing", "memory", "erred", "released"].map((name) => {
    const { label, colour, title } = taskState(name);
    return html`<li key=${name} title=${title}><i class="dot" aria-hidden="true" style=${{ background: colour }}></i>${label}</li>`;
  })}<li class="soft wide-only">Wheel or + and − zoom, drag or arrow keys move, 0 fits</li></ul>`;
}
