/** Where the nodes and arrows of a graph are drawn: layers from left to right, by dagre. Pure. */

import dagre from "../vendor/dagre.js";

const CHARACTER = 6.7; // width in the graph's typeface
const NAME_MAX = 26;
export const NODE_HEIGHT = 38;

/** @typedef {{name: string, shown: string, x: number, y: number, width: number}} PlacedNode  its centre
 *  @typedef {{from: number, to: number, count: number, path: string}} PlacedEdge */

/** @param {{nodes: object[], edges: object[]}} graph as Activity/GetGraph answers
 *  @returns {{width: number, height: number, nodes: PlacedNode[], edges: PlacedEdge[], loops: Map<number, number>}}
 *  `loops`: nodes that depend on their own kind, and how often */
export function layout({ nodes, edges }) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 56, edgesep: 6, marginx: 20, marginy: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  const loops = new Map();
  for (const [index, node] of nodes.entries()) {
    const shown = cut(node.name);
    graph.setNode(String(index), { name: node.name, shown, width: Math.max(84, shown.length * CHARACTER + (isPrefix(node) ? 68 : 24)), height: NODE_HEIGHT });
  }
  for (const { from = 0, to = 0, count } of edges) {
    if (from === to) loops.set(from, Number(count ?? 1));
    else graph.setEdge(String(from), String(to), { count: Number(count ?? 1) });
  }
  dagre.layout(graph);
  const { width, height } = graph.graph();
  return {
    width, height, loops,
    nodes: nodes.map((_, index) => graph.node(String(index))),
    edges: graph.edges().map((edge) => {
      const { points, count } = graph.edge(edge);
      return { from: Number(edge.v), to: Number(edge.w), count, path: curve(points) };
    }),
  };
}

/** What of a graph decides its layout: while this stays, only counts and states have changed. */
export function structure({ nodes, edges }) {
  return JSON.stringify([nodes.map((node) => node.name), edges.map((edge) => [edge.from ?? 0, edge.to ?? 0])]);
}

/** Prefixes have their count behind the name. */
function isPrefix(node) {
  return !node.state || node.state === "TASK_STATE_UNSPECIFIED";
}

function cut(name) {
  return name.length <= NAME_MAX ? name : `${name.slice(0, NAME_MAX - 9)}…${name.slice(-8)}`;
}

/** A smooth line: straight to the middle of the first stretch, then round each corner. */
function curve(points) {
  const at = ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  let path = `M${at(points[0])}`;
  for (let index = 1; index < points.length - 1; index += 1) {
    const [here, next] = [points[index], points[index + 1]];
    const end = index === points.length - 2 ? next : { x: (here.x + next.x) / 2, y: (here.y + next.y) / 2 };
    path += `Q${at(here)} ${at(end)}`;
  }
  return points.length > 2 ? path : `${path}L${at(points[1])}`;
}
