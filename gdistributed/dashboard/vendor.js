/* Copies what the pages use of the libraries in node_modules into static/vendor, or into a folder that
 * is named, with their licences: `npm ci && npm run vendor [-- FOLDER]`, which is `make vendor`.
 *
 * The pages have no bundler, so each file here is one that a browser loads as it is. htm's
 * "standalone" is a module that holds htm and preact with its hooks; preact itself is installed only
 * for its licence. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const FILES = {
  "dagre.js": "@dagrejs/dagre/dist/dagre.esm.js",
  "dagre.LICENSE": "@dagrejs/dagre/LICENSE",
  "htm.LICENSE": "htm/LICENSE",
  "preact.js": "htm/preact/standalone.module.js",
  "preact.LICENSE": "preact/LICENSE",
  "uplot.js": "uplot/dist/uPlot.esm.js",
  "uplot.css": "uplot/dist/uPlot.min.css",
  "uplot.LICENSE": "uplot/LICENSE",
};

const folder = process.argv[2] ?? "static/vendor";
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [name, source] of Object.entries(FILES)) {
  copyFileSync(join("node_modules", source), join(folder, name));
}
