/** A time line: uPlot in a small frame, in the colours of the theme, drawn only when points came. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import uPlot from "../vendor/uplot.js";
import { token } from "./colours.js";
import { onTheme } from "./theme.js";

const HEIGHT = 124;
const SHOWN_S = 120;
const BINARY = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** @param {{title: string, hint?: string, time: number[], version: number, format: (value: number) => string,
 *   series: {label: string, values: (number | null)[], colour: string, fill?: boolean}[],
 *   max?: number, binary?: boolean, test: string}} props
 *   `colour` is a token ("--accent"); `max`: the scale reaches at least to it; `version` changes with the points */
export function TimeChart({ title, hint, time, series, format, max = 0, binary = false, version, test }) {
  const frame = useRef(null);
  const chart = useRef(null);
  const [cursor, setCursor] = useState(null);
  const newest = useRef({});
  newest.current = { time, series, format, max };

  useEffect(() => {
    const build = () => {
      chart.current?.destroy();
      chart.current = new uPlot(
        options(frame.current.clientWidth, newest, binary, setCursor), columns(newest.current), frame.current);
    };
    build();
    const resized = new ResizeObserver(() => {
      chart.current.setSize({ width: frame.current.clientWidth, height: HEIGHT });
    });
    resized.observe(frame.current);
    const endTheme = onTheme(build);
    return () => {
      endTheme();
      resized.disconnect();
      chart.current.destroy();
    };
  }, []);
  useEffect(() => chart.current.setData(columns(newest.current)), [version, time.length]);

  const at = cursor ?? time.length - 1;
  return html`<figure class="chart" data-test=${test}>
    <figcaption><span class="chart-title" title=${hint}>${title}</span>
      <span class="chart-values">${series.map((each) => html`<span key=${each.label} class="chart-value">
        <i class="dot" aria-hidden="true" style=${{ background: `var(${each.colour})` }}></i>
        ${series.length > 1 && html`<span class="soft">${each.label}</span>`}
        <span data-test="${test}-value">${shown(each.values[at], format)}</span></span>`)}</span></figcaption>
    <div class="chart-frame" ref=${frame} role="img" aria-label="${title} over the last two minutes"></div>
  </figure>`;
}

function shown(value, format) {
  return value === null || value === undefined ? "–" : format(value);
}

function columns({ time, series }) {
  return [time, ...series.map((each) => each.values)];
}

function options(width, newest, binary, setCursor) {
  const axis = {
    stroke: token("--text-faint"),
    font: `11px ${token("--font")}`,
    grid: { stroke: token("--line"), width: 1 },
    ticks: { show: false },
  };
  const reach = (_, __, top) => [0, Math.max(newest.current.max, top ?? 0) * 1.08 || 1];
  const newestTime = () => newest.current.time.at(-1) ?? Date.now() / 1000;
  return {
    width,
    height: HEIGHT,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 5 }, sync: { key: "time" } },
    scales: { x: { time: true, range: () => [newestTime() - SHOWN_S, newestTime()] }, y: { range: reach } },
    axes: [
      { ...axis, size: 24, gap: 5, space: 64, incrs: [30, 60], grid: { show: false }, values: clocks },
      { ...axis, size: 60, gap: 6, space: 26, incrs: binary ? BINARY : undefined,
        values: (_, values) => values.map(newest.current.format) },
    ],
    series: [{}, ...newest.current.series.map(line)],
    hooks: { setCursor: [(plot) => setCursor(plot.cursor.idx)] },
  };
}

function line({ colour, fill }) {
  return {
    stroke: token(colour),
    width: 1.5,
    points: { show: false },
    fill: fill ? `${token(colour)}22` : undefined,
    spanGaps: true,
  };
}

function clocks(_, values) {
  return values.map((value) => new Date(value * 1000).toLocaleTimeString("en-GB"));
}
