/** Light or dark: as the system says, until the viewer chooses; the choice is remembered. */

const KEY = "gdistributed-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

/** @returns {"light" | "dark"} */
export function theme() {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

export function toggleTheme() {
  const chosen = theme() === "dark" ? "light" : "dark";
  const asSystem = (system.matches ? "dark" : "light") === chosen;
  if (asSystem) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, chosen);
  apply();
}

/** Call `listener` when the colours change. @returns {() => void} what ends it */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function apply() {
  const chosen = localStorage.getItem(KEY) ?? (system.matches ? "dark" : "light");
  document.documentElement.dataset.theme = chosen;
  for (const listener of listeners) listener();
}

system.addEventListener("change", apply);
apply();
