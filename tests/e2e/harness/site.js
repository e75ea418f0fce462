/** Serves a page that does nothing but hold the built package, so that tests can call it. */

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What is where, longest first. */
const FOLDERS = [
  ["/ashore/", join(root, "npm")],
  ["/cborg/", join(root, "node_modules/cborg")],
  ["/", fileURLToPath(new URL("../page", import.meta.url))],
];

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".wasm": "application/wasm" };

/** Starts it on a port of loopback that was free. */
export async function startSite() {
  const server = createServer((request, response) => {
    const file = fileOf(normalize(new URL(request.url, "http://localhost").pathname));
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return { address: `http://127.0.0.1:${server.address().port}/`, end: () => end(server) };
}

function fileOf(path) {
  const [prefix, folder] = FOLDERS.find(([start]) => path.startsWith(start));
  return join(folder, path === "/" ? "index.html" : path.slice(prefix.length));
}

function end(server) {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(resolve);
  });
}
