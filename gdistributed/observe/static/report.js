/* The report of a computation. Reads the JSON in #data, which observe/report.py writes: times in
   seconds since the begin, sizes in bytes; runs and transfers as columns. */
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { runs, transfers, prefixes, workers, samples, seconds } = data;
  const PALETTE = ["#3b78c2", "#d98b2b", "#4b9b6a", "#8a63b5", "#5aa9b8", "#b3698e", "#8f8a3a",
    "#6d7fd1", "#c07a52", "#3f8f8c", "#9c9ca8", "#a3703f"];
  const ERRED = "#d0342c";
  const PARTS = [["compute", "run_s", "#3b78c2"], ["transfer", "fetch_s", "#d98b2b"],
    ["wait", "wait_s", "#9c9ca8"], ["overhead", "overhead_s", "#b3698e"], ["queued", "queued_s", "#c9cdd6"]];
  const colours = new Map(prefixes.map((each, index) => [each.name, PALETTE[index % PALETTE.length]]));

  function element(tag, content, attributes) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "style") Object.assign(made.style, value);
      else made.setAttribute(name, value);
    }
    for (const each of [].concat(content === undefined ? [] : content)) made.append(each);
    return made;
  }

  // Words for numbers.
  function time(s) {
    if (!s) return "0 s";
    if (s >= 100) return s.toFixed(0) + " s";
    if (s >= 1) return s.toFixed(2) + " s";
    if (s >= 1e-3) return (s * 1e3).toFixed(s >= 0.1 ? 0 : 1) + " ms";
    return (s * 1e6).toFixed(0) + " µs";
  }
  function size(nbytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let power = 0;
    while (nbytes >= 1024 && power < units.length - 1) { nbytes /= 1024; power += 1; }
    return (power && nbytes < 100 ? nbytes.toFixed(1) : nbytes.toFixed(0)) + " " + units[power];
  }
  const count = (n) => n.toLocaleString("en");

  function table(id, head, rows, empty) {
    const place = document.getElementById(id);
    if (!rows.length) { place.replaceWith(element("p", empty, { class: "hint" })); return; }
    place.append(element("thead", element("tr", head.map((title) =>
      element("th", title, { scope: "col" })))));
    place.append(element("tbody", rows.map((row) => element("tr", row.map((cell) =>
      cell instanceof Node ? element("td", cell, { class: "bar" }) : element("td", String(cell)))))));
  }

  // The tiles.
  const sum = (list, name) => list.reduce((total, each) => total + each[name], 0);
  const threads = sum(workers, "nthreads");
  const computed = sum(prefixes, "run_s");
  document.getElementById("when").textContent =
    `${data.begun} on the cluster of ${data.scheduler}; gdistributed ${data.version}.`;
  const tiles = [
    ["duration", time(seconds)],
    ["runs of tasks", count(sum(prefixes, "finished"))],
    ["failed runs", count(sum(prefixes, "failed"))],
    ["workers, threads", `${workers.length}, ${threads}`],
    ["compute", time(computed)],
    ["threads in use", threads && seconds ? (100 * computed / (threads * seconds)).toFixed(0) + " %" : "–"],
    ["moved between workers", size(transfers.nbytes.reduce((a, b) => a + b, 0))],
    ["results", size(sum(prefixes, "nbytes"))],
  ];
  document.getElementById("tiles").append(...tiles.map(([name, value]) =>
    element("div", [element("dt", name), element("dd", value)])));

  // Time by prefix: of all tasks together what they computed, of a task on average the rest.
  const ranOf = (each) => each.finished + each.failed;
  table("prefixes",
    ["prefix", "a task's time, on average", "compute", "transfer", "wait", "overhead", "queued", "runs", "failed",
      "compute, all", "results, all"],
    prefixes.map((each) => {
      const whole = PARTS.reduce((total, [, field]) => total + each[field], 0) || 1;
      const mean = (field) => time(each[field] / ranOf(each));
      return [each.name,
        element("div", PARTS.map(([name, field, colour]) => element("span", "", {
          title: `${name}: ${mean(field)}`,
          style: { width: 100 * each[field] / whole + "%", background: colour },
        })), { class: "stack", role: "img", "aria-label": `where the time of ${each.name} went` }),
        mean("run_s"), mean("fetch_s"), mean("wait_s"), mean("overhead_s"), mean("queued_s"),
        count(ranOf(each)), count(each.failed), time(each.run_s), size(each.nbytes)];
    }), "No task ran.");
  document.getElementById("parts").append(...PARTS.map(([name, , colour]) =>
    element("li", [element("i", "", { style: { background: colour } }), name])));
  document.getElementById("legend").append(...prefixes.map((each) =>
    element("li", [element("i", "", { style: { background: colours.get(each.name) } }), each.name])));

  // Workers, and who gave whom how much.
  table("workers", ["worker", "address", "threads", "runs", "compute", "threads in use", "memory at most", "memory limit"],
    workers.map((worker, index) => {
      let ran = 0, busy = 0;
      runs.worker.forEach((each, n) => { if (each === index) { ran += runs.count[n]; busy += runs.run_s[n]; } });
      return [worker.name, worker.address, worker.nthreads, count(ran), time(busy),
        seconds ? (100 * busy / (worker.nthreads * seconds)).toFixed(0) + " %" : "–",
        worker.memory_max ? size(worker.memory_max) : "–", worker.memory_limit ? size(worker.memory_limit) : "none"];
    }), "There were no workers.");
  const pairs = new Map();
  transfers.nbytes.forEach((nbytes, n) => {
    const name = `${transfers.peer[n]} → ${transfers.worker[n]}`;
    const pair = pairs.get(name) || { calls: 0, values: 0, nbytes: 0, busy: 0, shared: 0 };
    pair.calls += 1; pair.values += transfers.values[n]; pair.nbytes += nbytes;
    pair.busy += transfers.end[n] - transfers.start[n]; pair.shared += transfers.shared[n] ? nbytes : 0;
    pairs.set(name, pair);
  });
  table("transfers", ["from → to", "calls", "values", "size", "by shared memory", "rate"],
    [...pairs].sort((a, b) => b[1].nbytes - a[1].nbytes).map(([name, pair]) => [name, count(pair.calls),
      count(pair.values), size(pair.nbytes), size(pair.shared),
      pair.busy ? size(pair.nbytes / pair.busy) + "/s" : "–"]), "Workers gave each other nothing.");

  // Lines over time, as SVG.
  const SVG = "http://www.w3.org/2000/svg";
  function shape(tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    return made;
  }
  // The next round number: a power of two for sizes, else 1, 2 or 5 with zeros.
  function stepOf(least, binary) {
    if (binary) return 2 ** Math.ceil(Math.log2(Math.max(least, 1)));
    const power = 10 ** Math.floor(Math.log10(least));
    return power * [1, 2, 5, 10].find((each) => each * power >= least * (1 - 1e-9));
  }
  function lines(title, word, series) {
    const width = window.innerWidth < 600 ? 340 : 600; // so that words can be read on a telephone
    const [height, left, bottom] = [190, 62, 20];
    const step = stepOf(Math.max(1e-9, ...series.flatMap(([, , values]) => values)) / 4, word === size);
    const top = 4 * step;
    const x = (t) => left + (width - left - 8) * t / Math.max(seconds, 1e-9);
    const y = (value) => height - bottom - (height - bottom - 8) * value / top;
    const drawing = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      const level = part * top;
      drawing.append(shape("line", { class: "grid", x1: left, x2: width - 8, y1: y(level), y2: y(level) }),
        shape("text", { x: left - 6, y: y(level) + 4, "text-anchor": "end" }, word(level)),
        shape("text", { x: x(part * seconds), y: height - 5, "text-anchor": part === 1 ? "end" : "middle" }, time(part * seconds)));
    }
    for (const [, colour, values] of series) {
      const points = values.map((value, n) => `${x(samples.time[n]).toFixed(1)},${y(value).toFixed(1)}`);
      drawing.append(shape("polyline", { points: points.join(" "), fill: "none", stroke: colour, "stroke-width": 1.6 }));
    }
    const names = series.length > 1 ? series.map(([name, colour]) =>
      element("span", [element("i", "", { style: { background: colour } }), name])) : [];
    return element("figure", [element("figcaption", [element("b", title), ...names]), drawing]);
  }
  const percent = (value) => value.toFixed(value < 10 ? 1 : 0) + " %";
  document.getElementById("lines").append(
    lines("Memory of all workers", size, [["managed", PALETTE[0], samples.managed],
      ["unmanaged", PALETTE[1], samples.unmanaged], ["spilled", PALETTE[3], samples.spilled]]),
    lines("CPU of all workers, of one core", percent, [["CPU", PALETTE[0], samples.cpu]]),
    lines("Moved between workers, a second", size, [["moved", PALETTE[2], samples.moved]]),
    lines("Runs of tasks, a second", count2, [["runs", PALETTE[0], samples.rate]]),
    lines("The scheduler's CPU, of one core", percent, [["CPU", PALETTE[3], samples.scheduler_cpu]]),
    lines("Delay of the scheduler's event loop", time, [["delay", PALETTE[5], samples.scheduler_delay]]));
  function count2(value) { return value < 10 ? value.toFixed(1) : count(Math.round(value)); }

  // The task stream: runs in lanes, one for each thread; a run takes the first lane that is free.
  const LANE = 16, GAP = 2, AXIS = 22;
  const lanes = [];
  const firstLane = [];
  workers.forEach((worker) => { firstLane.push(lanes.length); for (let n = 0; n < worker.nthreads; n += 1) lanes.push(0); });
  const laneOf = new Array(runs.start.length);
  [...runs.start.keys()].sort((a, b) => runs.start[a] - runs.start[b]).forEach((n) => {
    const first = firstLane[runs.worker[n]], end = first + workers[runs.worker[n]].nthreads;
    let chosen = first;
    for (let lane = first; lane < end; lane += 1) {
      if (lanes[lane] <= runs.start[n] + 1e-4) { chosen = lane; break; }
      if (lanes[lane] < lanes[chosen]) chosen = lane;
    }
    lanes[chosen] = Math.max(lanes[chosen], runs.end[n]);
    laneOf[n] = chosen;
  });
  const stream = document.getElementById("stream");
  const canvas = element("canvas");
  const tip = element("div", "", { class: "tip", hidden: "" });
  const chosen = element("div", "", { class: "chosen", hidden: "" });
  stream.append(canvas, chosen, tip);
  let from = 0, to = Math.max(seconds, 1e-6);
  const place = (t) => (t - from) / (to - from) * stream.clientWidth;
  const moment = (x) => from + x / stream.clientWidth * (to - from);

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const width = stream.clientWidth, height = lanes.length * LANE + AXIS;
    canvas.width = width * ratio; canvas.height = height * ratio; canvas.style.height = height + "px";
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.body);
    const faint = style.getPropertyValue("--faint"), line = style.getPropertyValue("--line");
    pen.strokeStyle = line;
    workers.forEach((_, index) => {
      pen.beginPath(); pen.moveTo(0, firstLane[index] * LANE + 0.5); pen.lineTo(width, firstLane[index] * LANE + 0.5); pen.stroke();
    });
    for (let n = 0; n < runs.start.length; n += 1) {
      if (runs.end[n] < from || runs.start[n] > to) continue;
      const x = place(runs.start[n]);
      pen.fillStyle = runs.failed[n] ? ERRED : colours.get(prefixes[runs.prefix[n]].name);
      pen.fillRect(x, laneOf[n] * LANE + GAP, Math.max(place(runs.end[n]) - x, 1), LANE - GAP);
    }
    pen.fillStyle = faint; pen.font = "11px system-ui, sans-serif"; pen.textBaseline = "bottom";
    for (let part = 0; part <= 4; part += 1) {
      pen.textAlign = part === 0 ? "left" : part === 4 ? "right" : "center";
      pen.fillText(time(from + part / 4 * (to - from)), part / 4 * (width - 8) + 4, height - 4);
    }
  }
  function runAt(event) {
    const box = canvas.getBoundingClientRect();
    const lane = Math.floor((event.clientY - box.top) / LANE), t = moment(event.clientX - box.left);
    const slack = 2 / stream.clientWidth * (to - from);
    for (let n = runs.start.length - 1; n >= 0; n -= 1) {
      if (laneOf[n] === lane && runs.start[n] - slack <= t && t <= runs.end[n] + slack) return n;
    }
    return -1;
  }
  function show(event) {
    const n = runAt(event), box = stream.getBoundingClientRect();
    tip.hidden = n < 0;
    if (n < 0) return;
    const several = runs.count[n] > 1;
    tip.replaceChildren(element("b", prefixes[runs.prefix[n]].name),
      ` on ${workers[runs.worker[n]].name}`, element("br"),
      several ? `${count(runs.count[n])} runs, ${time(runs.run_s[n])} in all` : time(runs.run_s[n]), element("br"),
      several ? `from ${runs.key[n]}` : runs.key[n]);
    tip.style.left = Math.min(event.clientX - box.left + 12, stream.clientWidth - 330) + "px";
    tip.style.top = Math.min(event.clientY - box.top + 12, stream.clientHeight - 70) + "px";
  }
  function look(first, last) {
    const span = Math.min(Math.max(last - first, 1e-4), seconds);
    from = Math.min(Math.max(first, 0), Math.max(seconds - span, 0));
    to = from + span;
    draw();
  }
  let begun = null;
  stream.addEventListener("pointerdown", (event) => { begun = event.clientX; stream.setPointerCapture(event.pointerId); });
  stream.addEventListener("pointermove", (event) => {
    if (begun === null) { show(event); return; }
    const left = stream.getBoundingClientRect().left;
    chosen.hidden = false; tip.hidden = true;
    chosen.style.left = Math.min(begun, event.clientX) - left + "px";
    chosen.style.width = Math.abs(event.clientX - begun) + "px";
  });
  stream.addEventListener("pointerup", (event) => {
    const left = stream.getBoundingClientRect().left;
    const [first, last] = [begun - left, event.clientX - left].sort((a, b) => a - b);
    begun = null; chosen.hidden = true;
    if (last - first > 4) look(moment(first), moment(last));
  });
  stream.addEventListener("pointerleave", () => { tip.hidden = true; });
  stream.addEventListener("dblclick", () => look(0, seconds));
  stream.addEventListener("keydown", (event) => {
    const span = to - from;
    const moves = { ArrowLeft: [-0.2, -0.2], ArrowRight: [0.2, 0.2], "+": [0.2, -0.2], "-": [-0.3, 0.3] };
    if (event.key === "Escape") look(0, seconds);
    else if (moves[event.key]) look(from + moves[event.key][0] * span, to + moves[event.key][1] * span);
    else return;
    event.preventDefault();
  });
  new ResizeObserver(draw).observe(stream);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  if (data.code) {
    document.getElementById("code-section").hidden = false;
    document.getElementById("code").textContent = data.code;
  }
})();
