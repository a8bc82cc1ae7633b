/** The dashboard: the frame around all pages. It opens the stream and shows the page of the route.
 *
 * data-test: nav-overview|workers|tasks|graph|clients|logs; connection (data-state: connecting, live,
 * trouble, lost); banner (there while the connection is not live); theme-toggle; page (data-page). */

import { html, render, useEffect, useErrorBoundary, useRef } from "./vendor/preact.js";
import { Clients } from "./pages/clients.js";
import { Graph } from "./pages/graph.js";
import { Logs } from "./pages/logs.js";
import { Overview } from "./pages/overview.js";
import { Task } from "./pages/task.js";
import { Tasks } from "./pages/tasks.js";
import { Worker } from "./pages/worker.js";
import { Workers } from "./pages/workers.js";
import { connect, live, useLive } from "./parts/live.js";
import { link, useRoute } from "./parts/router.js";
import { onTheme, theme, toggleTheme } from "./parts/theme.js";

const PAGES = [
  ["", "overview", "Overview", "M3 12h4l3-7 4 14 3-7h4"],
  ["workers", "workers", "Workers", "M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.01M7.5 16h.01"],
  ["tasks", "tasks", "Tasks", "M4 6h2M9 6h11M4 12h2M9 12h11M4 18h2M9 18h11"],
  ["graph", "graph", "Graph", "M7 6a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM7 18a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM21 12a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM7 6.5l10 4.7M7 17.5l10-4.7"],
  ["clients", "clients", "Clients", "M15.5 8a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0zM5 20c.5-4 3.5-6 7-6s6.5 2 7 6"],
  ["logs", "logs", "Logs", "M5 4h14v16H5zM8.5 8h7M8.5 12h7M8.5 16h4"],
];

function App() {
  const route = useRoute();
  const main = useRef(null);
  const isFirst = useRef(true);
  const [, , title] = PAGES.find(([page]) => page === route.page) ?? PAGES[0];
  useEffect(() => {
    document.title = `${route.name || title} · gdistributed`;
    window.scrollTo(0, 0);
    if (!isFirst.current) main.current.focus({ preventScroll: true });
    isFirst.current = false;
  }, [route.page, route.name]);
  return html`<a class="skip" href="#main" onClick=${(event) => {
    event.preventDefault();
    main.current.focus();
  }}>Skip to the page</a>
  <${Navigation} page=${route.page} />
  <div class="content"><${Banner} />
    <main id="main" ref=${main} tabindex="-1" data-test="page" data-page=${route.page || "overview"}>
      <${Guarded} key=${`${route.page} ${route.name}`}><${Page} route=${route} /><//></main></div>`;
}

function Page({ route: { page, name, query } }) {
  switch (page) {
    case "workers": return name ? html`<${Worker} name=${name} />` : html`<${Workers} />`;
    case "tasks": return name ? html`<${Task} name=${name} />` : html`<${Tasks} query=${query} />`;
    case "graph": return html`<${Graph} query=${query} />`;
    case "clients": return html`<${Clients} />`;
    case "logs": return html`<${Logs} query=${query} />`;
    default: return html`<${Overview} />`;
  }
}

/** A fault of one page leaves the others usable. */
function Guarded({ children }) {
  const [error, reset] = useErrorBoundary((fault) => console.error(fault));
  if (!error) return children;
  return html`<div class="failure" role="alert"><strong>This page has a fault.</strong> ${String(error)}
    <button type="button" class="button" onClick=${reset}>Try again</button></div>`;
}

function Navigation({ page }) {
  return html`<header class="side">
    <a class="brand" href=${link("")} aria-label="gdistributed, overview"><img src="icon.svg" alt="" width="24" height="24" /><span>gdistributed</span></a>
    <nav aria-label="Pages"><ul>${PAGES.map(([target, name, title, path]) => html`<li key=${name}>
      <a href=${link(target)} aria-current=${page === target ? "page" : undefined} data-test="nav-${name}">
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg><span>${title}</span></a></li>`)}</ul></nav>
    <div class="side-end"><${Connection} /><${ThemeToggle} /></div></header>`;
}

const CONNECTION = { connecting: "connecting", live: "live", trouble: "no scheduler", lost: "reconnecting" };

function Connection() {
  const { connection, summary } = useLive(500);
  return html`<div class="connection" data-test="connection" data-state=${connection} title=${summary && `Cluster ${summary.cluster_id}, scheduler at ${summary.address_to_clients}`}>
    <i class="dot connection-${connection}" aria-hidden="true"></i>
    <span><b>${CONNECTION[connection]}</b><span class="connection-address">${summary?.address_to_clients ?? ""}</span></span></div>`;
}

function ThemeToggle() {
  const button = useRef(null);
  const label = () => (theme() === "dark" ? "Light theme" : "Dark theme");
  useEffect(() => onTheme(() => button.current.setAttribute("aria-label", label())), []);
  return html`<button type="button" class="theme" ref=${button} data-test="theme-toggle" aria-label=${label()} title="Light or dark" onClick=${toggleTheme}>
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 4a8 8 0 1 0 0 16z" class="filled" /><circle cx="12" cy="12" r="8" /></svg></button>`;
}

function Banner() {
  const { connection, trouble } = useLive();
  if (connection === "live" || (connection === "connecting" && !live.summary)) return html`<div role="status"></div>`;
  const text = connection === "trouble" ? trouble : "The connection to the dashboard's server is lost. Trying again every second; what you see is how it was.";
  return html`<div class="banner" role="status" data-test="banner">${text}</div>`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
connect();
