/** Where the viewer is: "#/tasks/KEY?state=erred". Names and keys are percent-encoded.
 *
 * The route is in the hash, so that the pages work below any path a proxy gives them. */

import { useEffect, useState } from "../vendor/preact.js";

/** @typedef {{page: string, name: string, query: Record<string, string>}} Route */

/** @returns {Route} */
export function route() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const slash = path.indexOf("/");
  const page = slash < 0 ? path : path.slice(0, slash);
  const name = slash < 0 ? "" : decoded(path.slice(slash + 1));
  return { page, name, query: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand, with a stray %
  }
}

/** @returns {string} an href: link("tasks", "x-1"), link("tasks", "", {state: "erred"}) */
export function link(page, name = "", query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined);
  const search = kept.length ? `?${new URLSearchParams(kept)}` : "";
  return `#/${page}${name ? `/${encodeURIComponent(name)}` : ""}${search}`;
}

/** Go there. With `replace` the place of now does not stay in the browser's history. */
export function go(href, replace = false) {
  if (!replace) {
    location.hash = href;
    return;
  }
  history.replaceState(null, "", href);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** @returns {Route} the route, and again whenever it changes */
export function useRoute() {
  const [current, setCurrent] = useState(route);
  useEffect(() => {
    const changed = () => setCurrent(route());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return current;
}
