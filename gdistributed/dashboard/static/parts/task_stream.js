/** The task stream: what ran when on which thread of which worker, as it happens.
 *
 * One canvas; it is drawn when something has come, and slides between two drawings by itself (an
 * animation that costs no drawing). No element is made for a run. Space pauses; a click opens the task.
 *
 * data-test: task-stream (data-runs: how many are in view), stream-canvas, stream-tooltip, stream-pause,
 * stream-window-10s|30s|2m|all. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { prefixColour, token } from "./colours.js";
import { Empty, Panel, Switch } from "./elements.js";
import { count, duration } from "./format.js";
import { live, subscribe, useLive } from "./live.js";
import { go, link } from "./router.js";
import { drawRuns, picture, runAt } from "./stream_drawing.js";
import { onTheme } from "./theme.js";

const WINDOWS = { "10s": 10, "30s": 30, "2m": 120, all: 0 };
const TEXTS = [["10s", "10 s"], ["30s", "30 s"], ["2m", "2 min"], ["all", "All"]];
const TICKS = 6;
const SLIDE_MS = 600; // longer than from answer to answer

/** Outlives the page, so that who comes back finds it as it was. */
const kept = { window: "30s", pausedAt: null };

export function TaskStream() {
  const { workers } = useLive(1000);
  const [window_, setWindow] = useState(kept.window);
  const [pausedAt, setPausedAt] = useState(kept.pausedAt);
  Object.assign(kept, { window: window_, pausedAt });
  const toggle = () => setPausedAt((old) => (old === null ? live.time : null));
  useSpace(toggle);
  const actions = html`
    <${Switch} label="Time shown" value=${window_} choices=${TEXTS} onChange=${setWindow} test="stream-window" />
    <button type="button" class="button" aria-pressed=${pausedAt !== null} data-test="stream-pause"
      title="Space does it too" onClick=${toggle}>${pausedAt === null ? "Pause" : "Go on"}</button>`;
  return html`<${Panel} title="Task stream" test="task-stream" actions=${actions}
      note="What ran when: a lane for each thread, a colour for each prefix, red for failed">
    ${workers && !workers.length && !live.runs.length
      ? html`<${Empty} title="No workers yet">Start one: <code>gd worker ${live.summary?.address_to_workers}</code><//>`
      : html`<${Canvas} window_=${window_} pausedAt=${pausedAt} />`}
  <//>`;
}

/** Space, unless it presses what has the focus. */
function useSpace(action) {
  useEffect(() => {
    const pressed = (event) => {
      const isFree = !event.target.closest("a, button, input, select, textarea, summary");
      if (event.key !== " " || !isFree) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

function Canvas({ window_, pausedAt }) {
  const frame = useRef(null);
  const stream = useRef(null);
  useEffect(() => {
    stream.current = new Stream(frame.current);
    return () => stream.current.close();
  }, []);
  useEffect(() => stream.current.show(window_, pausedAt), [window_, pausedAt]);
  return html`<div class="stream" ref=${frame}>
    <div class="stream-scroll"><div class="stream-names" aria-hidden="true"></div>
      <div class="stream-plot"><canvas role="img" data-test="stream-canvas"></canvas></div></div>
    <div class="stream-axis" aria-hidden="true"></div>
    <div class="tooltip" role="status" data-test="stream-tooltip" hidden></div>
  </div>`;
}

/** What is on the canvas, outside of Preact. */
class Stream {
  constructor(frame) {
    this.frame = frame;
    this.canvas = frame.querySelector("canvas");
    this.scroll = frame.querySelector(".stream-scroll");
    this.plot = frame.querySelector(".stream-plot");
    this.names = frame.querySelector(".stream-names");
    this.axis = frame.querySelector(".stream-axis");
    this.tooltip = frame.querySelector(".tooltip");
    this.context = this.canvas.getContext("2d");
    this.window = "30s";
    this.pausedAt = null;
    this.slide = null;
    this.layout = "";
    this.said = 0;
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.plot);
    this.ends = [subscribe(() => this.pausedAt === null && this.draw()), onTheme(() => this.draw())];
    this.scroll.addEventListener("scroll", () => this.draw(), { passive: true });
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => this.unpoint());
    this.plot.addEventListener("click", () => this.open());
  }

  close() {
    this.resized.disconnect();
    this.slide?.cancel();
    for (const end of this.ends) end();
  }

  show(window_, pausedAt) {
    this.window = window_;
    this.pausedAt = pausedAt;
    this.draw();
  }

  draw() {
    if (Number.isNaN(live.time)) return;
    const end = this.pausedAt ?? live.time;
    const first = live.runs.length ? live.runs[0].start : end - 10;
    const width = this.plot.clientWidth;
    if (!width) return;
    this.view = { width, end, start: WINDOWS[this.window] ? end - WINDOWS[this.window] : Math.min(first, end - 10) };
    this.shape = picture(live.workers ?? [], live.lanes, live.runs, this.view.start);
    this.plot.style.height = `${this.shape.height}px`;
    this.view.top = this.scroll.scrollTop;
    this.view.bottom = Math.min(this.shape.height, this.view.top + this.scroll.clientHeight);
    this.size(width, this.view.bottom - this.view.top);
    this.drawNames();
    this.context.clearRect(0, this.view.top, width, this.view.bottom);
    this.drawGround(width);
    const drawn = drawRuns(this.context, this.shape, live.runs, this.view, token("--erred"));
    this.say(drawn);
    this.startSlide();
  }

  /** The canvas is as high as what is in view of the lanes, not as all of them. */
  size(width, height) {
    const ratio = devicePixelRatio || 1;
    this.context.setTransform(ratio, 0, 0, ratio, 0, -this.view.top * ratio);
    const [pixels, lines] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width === pixels && this.canvas.height === lines) return;
    this.canvas.width = pixels;
    this.canvas.height = lines;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, -this.view.top * ratio); // resizing has undone it
  }

  drawGround(width) {
    this.context.fillStyle = token("--sunken");
    for (const group of this.shape.groups) {
      const height = group.lanes * this.shape.lane - (this.shape.lane > 4 ? 1 : 0);
      this.context.fillRect(0, group.top, width + 40, height);
    }
  }

  /** Names and the axis are elements, made again only when they change. */
  drawNames() {
    const span = this.view.end - this.view.start;
    const { groups, lane } = this.shape;
    const layout = JSON.stringify([groups.map((each) => [each.name, each.top, each.left]), lane,
      this.window === "all" ? Math.round(span / 5) : this.window, this.pausedAt]);
    if (layout === this.layout) return;
    this.layout = layout;
    const longest = Math.max(1, ...groups.map((each) => each.name.length));
    const room = this.frame.clientWidth < 500 ? 48 : 110;
    this.frame.style.setProperty("--names", `${Math.min(room, 8 + 6.5 * longest)}px`);
    let free = 0;
    this.names.replaceChildren(...groups.filter((group) => {
      if (group.top < free) return false;
      free = group.top + 13;
      return true;
    }).map((group) => nameOf(group, lane)));
    const ticks = Array.from({ length: TICKS + 1 }, (_, at) => tickOf(at, span, this.pausedAt !== null));
    this.axis.replaceChildren(...ticks);
  }

  /** Between two drawings the picture slides on, as time does. */
  startSlide() {
    this.slide?.cancel();
    this.slide = null;
    const isStill = this.pausedAt !== null || this.window === "all" || live.connection !== "live"
      || matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (isStill) return;
    const pixels = (this.view.width / (this.view.end - this.view.start)) * (SLIDE_MS / 1000);
    this.slide = this.canvas.animate(
      [{ transform: "none" }, { transform: `translateX(${-pixels}px)` }], { duration: SLIDE_MS, fill: "forwards" });
  }

  /** For those who do not see it, and for tests. */
  say(drawn) {
    const now = performance.now();
    if (now - this.said < 1000 && this.pausedAt === null) return;
    this.said = now;
    this.canvas.dataset.runs = String(drawn);
    this.canvas.setAttribute("aria-label",
      `Task stream: ${count(drawn)} runs on ${this.shape.groups.length} workers in the last ${duration(this.view.end - this.view.start)}`);
  }

  point(event) {
    if (!this.shape) return;
    const box = this.canvas.getBoundingClientRect(); // with the slide
    const run = runAt(event.clientX - box.left, event.clientY - box.top + this.view.top, this.shape, live.runs, this.view);
    this.run = run;
    this.plot.style.cursor = run ? "pointer" : "";
    if (!run) return this.unpoint();
    this.tooltip.replaceChildren(...tooltipOf(run));
    this.tooltip.hidden = false;
    const frame = this.frame.getBoundingClientRect();
    const x = Math.min(event.clientX - frame.left + 14, frame.width - this.tooltip.offsetWidth - 4);
    this.tooltip.style.transform = `translate(${Math.max(0, x)}px, ${event.clientY - frame.top + 16}px)`;
    return undefined;
  }

  unpoint() {
    this.run = null;
    this.tooltip.hidden = true;
  }

  open() {
    if (!this.run) return;
    go(this.run.count > 1 ? link("tasks", "", { prefix: this.run.prefix }) : link("tasks", this.run.key));
  }
}

function nameOf(group, lane) {
  const name = document.createElement("a");
  name.textContent = group.name;
  name.title = group.left ? `Worker ${group.name} has left` : `Worker ${group.name}`;
  name.href = link("workers", group.name);
  name.className = group.left ? "left" : "";
  name.tabIndex = -1;
  name.style.top = `${group.top + Math.max(0, (group.lanes * lane - 15) / 2)}px`;
  return name;
}

function tickOf(at, span, isPaused) {
  const tick = document.createElement("span");
  const ago = span * (1 - at / TICKS);
  tick.textContent = at === TICKS ? (isPaused ? "paused" : "now") : `−${duration(Math.round(ago))}`;
  tick.style.left = `${(100 * at) / TICKS}%`;
  return tick;
}

function tooltipOf(run) {
  const lines = [
    [run.count > 1 ? `${count(run.count)} × ${run.prefix}` : run.prefix, "tooltip-title"],
    [run.count > 1 ? `first: ${run.key}` : run.key, "code"],
    [run.count > 1 ? `${duration(run.run / run.count)} each, ${duration(run.end - run.start)} in all` : `ran ${duration(run.run)}`, ""],
    [`on ${run.worker}, ${duration(live.time - run.end)} ago`, "soft"],
  ];
  if (run.failed) lines.push([run.count > 1 ? `${count(run.failed)} failed` : "failed", "bad"]);
  return lines.map(([text, className], at) => {
    const element = document.createElement("div");
    element.className = className;
    element.textContent = text;
    if (at === 0) element.style.borderLeft = `3px solid ${prefixColour(run.prefix)}`;
    return element;
  });
}
