// Draws a profile as a flame graph: what calls stands above what it calls, and is as wide as the
// number of samples that saw it.
//
//   flameGraph(element, nodes, options)
//
// element   where to draw; what is in it goes away.
// nodes     the tree as a list, a parent before its children, the root first:
//             parent    index of the parent in the list (0 for the root)
//             function  name of the function; of tasks' kinds right below the root
//             file      where it stands; "" where there is none
//             line      where it begins; 0 where there is none
//             samples   how many saw it, also inside of what it called
// options   root      what to call the root; "all" by default
//
// A click or Enter zooms, Escape shows all again; the arrow keys go from function to function. It
// needs flame_graph.css, and nothing else.
function flameGraph(element, nodes, options = {}) {
  const ROW_PIXELS = 22;
  const SHARE_MIN = 0.0008; // of what is narrower nothing could be seen
  const total = nodes.length ? nodes[0].samples : 0;
  const children = nodes.map(() => []);
  nodes.forEach((node, index) => index && children[node.parent].push(index));
  children.forEach((each) => each.sort((a, b) => nodes[b].samples - nodes[a].samples));
  const starts = nodes.map(() => 0);
  const depths = nodes.map(() => 0);
  nodes.forEach((_, index) => {
    let start = starts[index];
    for (const child of children[index]) {
      starts[child] = start;
      depths[child] = depths[index] + 1;
      start += nodes[child].samples;
    }
  });

  let zoomed = 0;
  let sought = "";
  let bars = new Map();

  const make = (tag, name, text = "") => {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    return made;
  };
  const box = make("div", "flame");
  const tools = make("div", "flame-tools");
  const search = make("input", "flame-search");
  search.type = "search";
  search.placeholder = "Search functions and files";
  search.setAttribute("aria-label", search.placeholder);
  const reset = make("button", "flame-reset", "Show all");
  reset.type = "button";
  const found = make("output", "flame-found");
  const graph = make("div", "flame-graph");
  graph.setAttribute("role", "group");
  graph.setAttribute("aria-label", "Flame graph: arrow keys move, Enter zooms, Escape shows all");
  const detail = make("div", "flame-detail");
  detail.setAttribute("aria-live", "polite");
  tools.append(search, reset, found);
  box.append(tools, graph, detail);

  const label = (index) => (index ? nodes[index].function : options.root || "all");
  const percent = (samples) => `${total ? ((100 * samples) / total).toFixed(1) : 0}%`;
  const amount = (samples) => `${samples} sample${samples === 1 ? "" : "s"}, ${percent(samples)}`;
  const place = ({ file, line }) => (file ? `${file}:${line}` : "");
  const own = (index) =>
    nodes[index].samples - children[index].reduce((sum, child) => sum + nodes[child].samples, 0);

  function describe(index) {
    const itself = own(index);
    const words = [label(index), place(nodes[index]), amount(nodes[index].samples)];
    if (itself && children[index].length) words.push(`in itself: ${percent(itself)}`);
    return words.filter(Boolean);
  }

  // Files of one's own in warm colours, those of installed software in cool ones.
  function colour(index) {
    const { file } = nodes[index];
    if (!file) return "";
    let hash = 0;
    for (const letter of file) hash = (hash * 31 + letter.codePointAt(0)) % 9973;
    const isInstalled = /[\\/]site-packages[\\/]|[\\/]lib[\\/]python|^</.test(file);
    return `hsl(${isInstalled ? 195 + (hash % 55) : 8 + (hash % 42)} var(--flame-tint))`;
  }

  const matches = ({ function: name, file }) => `${name}\n${file}`.toLowerCase().includes(sought);

  function isWithin(index, outer) {
    const begins = starts[index] >= starts[outer] && depths[index] >= depths[outer];
    return begins && starts[index] + nodes[index].samples <= starts[outer] + nodes[outer].samples;
  }

  function addBar(index, left, width) {
    const bar = make("button", "flame-bar", label(index).split("<locals>.").pop());
    bar.type = "button";
    bar.tabIndex = -1;
    bar.style.left = `${100 * left}%`;
    bar.style.width = `${100 * width}%`;
    bar.style.top = `${depths[index] * ROW_PIXELS}px`;
    bar.style.background = colour(index);
    bar.title = describe(index).join("\n");
    bar.setAttribute("aria-label", describe(index).join(", "));
    bar.addEventListener("click", () => zoom(index));
    const show = () => detail.replaceChildren(...details(index));
    bar.addEventListener("mouseenter", show);
    bar.addEventListener("focus", show);
    bars.set(index, bar);
    graph.append(bar);
  }

  function details(index) {
    const [name, ...rest] = describe(index);
    return [make("strong", "", name), ...rest.map((text) => make("span", "", text))];
  }

  function draw() {
    graph.replaceChildren();
    bars = new Map();
    let deepest = 0;
    const around = new Set();
    for (let index = zoomed; index; index = nodes[index].parent) around.add(nodes[index].parent);
    nodes.forEach(({ samples }, index) => {
      const share = samples / nodes[zoomed].samples;
      if (around.has(index)) addBar(index, 0, 1);
      else if (isWithin(index, zoomed) && share >= SHARE_MIN)
        addBar(index, (starts[index] - starts[zoomed]) / nodes[zoomed].samples, share);
      else return;
      deepest = Math.max(deepest, depths[index]);
    });
    for (const index of around) bars.get(index).classList.add("flame-around");
    graph.style.height = `${(deepest + 1) * ROW_PIXELS}px`;
    bars.get(zoomed).tabIndex = 0;
    reset.hidden = !zoomed;
    mark();
  }

  // Samples of a function that was found within another that was found count once.
  function mark() {
    let samples = 0;
    const inside = nodes.map(() => false);
    nodes.forEach((node, index) => {
      const isFound = Boolean(sought) && index > 0 && matches(node);
      const isInside = index > 0 && inside[node.parent];
      if (isFound && !isInside) samples += node.samples;
      inside[index] = isFound || isInside;
      bars.get(index)?.classList.toggle("flame-hit", isFound);
    });
    graph.classList.toggle("flame-seeking", Boolean(sought));
    found.textContent = sought ? `found in ${percent(samples)}` : "";
  }

  function zoom(index) {
    zoomed = index;
    draw();
    bars.get(index).focus();
  }

  function neighbour(index, key) {
    if (key === "ArrowUp") return nodes[index].parent;
    if (key === "ArrowDown") return children[index].find((child) => bars.has(child));
    const row = [...bars.keys()].filter((each) => depths[each] === depths[index]);
    row.sort((a, b) => starts[a] - starts[b]);
    return row[row.indexOf(index) + (key === "ArrowRight" ? 1 : -1)];
  }

  graph.addEventListener("keydown", (event) => {
    const current = [...bars.keys()].find((index) => bars.get(index) === event.target);
    if (event.key === "Escape") zoom(0);
    else if (event.key.startsWith("Arrow") && current !== undefined) {
      const next = bars.get(neighbour(current, event.key));
      if (next) {
        event.target.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      }
    } else return;
    event.preventDefault();
  });
  search.addEventListener("input", () => {
    sought = search.value.trim().toLowerCase();
    mark();
  });
  reset.addEventListener("click", () => zoom(0));

  if (total) {
    draw();
    detail.replaceChildren(...details(0));
    element.replaceChildren(box);
  } else element.replaceChildren(make("p", "flame-none", "There are no samples."));
}
