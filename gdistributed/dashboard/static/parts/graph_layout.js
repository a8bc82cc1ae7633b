/** Where the nodes and arrows of a graph are drawn. Pure.
 *
 * Each part that hangs together is laid out in layers by dagre; the parts are then packed, the
 * tall ones first, so that many tasks that need nothing fill a field and not a mile of column. */

import dagre from "../vendor/dagre.js";

const CHARACTER = 7.6; // width of a digit in the widest of the usual typefaces
const NAME_MAX = 26;
const GAP = 18;
const ASIDE = 44; // between parts beside each other: so that they do not seem to hang together
const ASPECT = { LR: 1.7, TB: 0.7 }; // width by height of what is aimed at
export const NODE_HEIGHT = 38;

/** @typedef {{name: string, shown: string, x: number, y: number, width: number}} PlacedNode  its centre
 *  @typedef {{from: number, to: number, count: number, path: string}} PlacedEdge */

/** @param {{nodes: object[], edges: object[]}} graph as Activity/GetGraph answers
 *  @param {"LR" | "TB"} direction from left to right, or from top to bottom
 *  @returns {{width: number, height: number, nodes: PlacedNode[], edges: PlacedEdge[], loops: Map<number, number>}}
 *  `loops`: nodes that depend on their own kind, and how often */
export function layout({ nodes, edges }, direction) {
  const loops = new Map();
  const arrows = [];
  for (const { from = 0, to = 0, count } of edges) {
    if (from === to) loops.set(from, Number(count ?? 1));
    else arrows.push({ from, to, count: Number(count ?? 1) });
  }
  const parts = connected(nodes.length, arrows).map((part) => layers(part, nodes, direction));
  const size = pack(parts, ASPECT[direction]);
  const placed = { ...size, loops, nodes: [], edges: [] };
  for (const part of parts) {
    for (const [index, node] of part.nodes) placed.nodes[index] = { ...node, x: node.x + part.x, y: node.y + part.y };
    for (const { points, ...edge } of part.edges) {
      placed.edges.push({ ...edge, path: curve(points.map(({ x, y }) => ({ x: x + part.x, y: y + part.y }))) });
    }
  }
  return placed;
}

/** What of a graph decides its layout: while this stays, only counts and states have changed. */
export function structure({ nodes, edges }) {
  return JSON.stringify([nodes.map((node) => node.name), edges.map((edge) => [edge.from ?? 0, edge.to ?? 0])]);
}

/** The parts that hang together, each with its nodes by index and its arrows. */
function connected(nodes, arrows) {
  const leader = Array.from({ length: nodes }, (_, index) => index);
  const find = (index) => {
    while (leader[index] !== index) index = leader[index] = leader[leader[index]];
    return index;
  };
  for (const { from, to } of arrows) leader[find(to)] = find(from);
  const parts = new Map();
  for (let index = 0; index < nodes; index += 1) {
    const part = parts.get(find(index)) ?? { indices: [], arrows: [] };
    part.indices.push(index);
    parts.set(find(index), part);
  }
  for (const arrow of arrows) parts.get(find(arrow.from)).arrows.push(arrow);
  return [...parts.values()];
}

function layers({ indices, arrows }, nodes, direction) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: direction, nodesep: 14, ranksep: direction === "LR" ? 56 : 32, edgesep: 6 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const index of indices) {
    const shown = cut(nodes[index].name);
    const width = Math.max(84, shown.length * CHARACTER + (isPrefix(nodes[index]) ? 68 : 24));
    graph.setNode(String(index), { name: nodes[index].name, shown, width, height: NODE_HEIGHT });
  }
  for (const { from, to, count } of arrows) graph.setEdge(String(from), String(to), { count });
  dagre.layout(graph);
  const { width, height } = graph.graph();
  return {
    width, height, x: 0, y: 0,
    nodes: indices.map((index) => [index, graph.node(String(index))]),
    edges: graph.edges().map((edge) => ({ from: Number(edge.v), to: Number(edge.w), ...graph.edge(edge) })),
  };
}

/** Put the tall parts first, each at the highest place that is free, and what is lower beside them.
 *  @returns {{width: number, height: number}} of all */
function pack(parts, aspect) {
  const area = parts.reduce((sum, part) => sum + (part.width + ASIDE) * (part.height + GAP), 0);
  const room = Math.max(Math.sqrt(area * aspect), ...parts.map((part) => part.width)) + 1;
  const free = [{ x: GAP, y: GAP, width: room, height: Infinity }];
  const size = { width: 0, height: 0 };
  for (const part of [...parts].sort((a, b) => b.height - a.height)) {
    const fitting = free.filter(({ width, height }) => part.width <= width && part.height <= height);
    const chosen = fitting.reduce((a, b) => (b.y < a.y || (b.y === a.y && b.x < a.x) ? b : a));
    const { x, y, width, height } = chosen;
    const [right, below] = [part.width + ASIDE, part.height + GAP];
    Object.assign(part, { x, y });
    free.splice(free.indexOf(chosen), 1,
      { x: x + right, y, width: width - right, height: part.height },
      { x, y: y + below, width, height: height - below });
    size.width = Math.max(size.width, x + right);
    size.height = Math.max(size.height, y + below);
  }
  return size;
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
