// The built demo behind a small server on loopback, in real Chromium. `CHROMIUM` names another one; a build must be there.

import { readFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser } from "playwright-core";

const dist = process.env["SALTBOX_DIST"] ?? fileURLToPath(new URL("../dist", import.meta.url));

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

export type Site = { readonly address: string; readonly close: () => Promise<void> };

/** Serves the build, on a port that was free. Closing it ends every connection too: then there really is no network. */
export async function serve(): Promise<Site> {
  const server = createServer((request, response) => void respond(request.url ?? "/", response));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}/`, close: () => close(server) };
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
}

async function respond(url: string, response: ServerResponse): Promise<void> {
  const file = await fileFor(url);
  response.writeHead(file === null ? 404 : 200, { "content-type": file?.type ?? "text/plain" });
  response.end(file?.bytes);
}

async function fileFor(url: string): Promise<{ readonly bytes: Buffer; readonly type: string } | null> {
  const { pathname } = new URL(url, "http://localhost");
  const path = pathname === "/" ? "/index.html" : pathname;
  try {
    return { bytes: await readFile(join(dist, path)), type: types[extname(path)] ?? "application/octet-stream" };
  } catch {
    return null;
  }
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}
