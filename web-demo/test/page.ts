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

export type Site = {
  readonly address: string;
  /** From now on these files (`/sw.js`) have this text instead. */
  readonly replace: (files: ReadonlyMap<string, string>) => void;
  readonly close: () => Promise<void>;
};

/** Serves the build, on a port that was free. Closing it ends every connection too: then there really is no network. */
export async function serve(): Promise<Site> {
  const replaced = new Map<string, string>();
  const server = createServer((request, response) => void respond(request.url ?? "/", replaced, response));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/`,
    replace: (files) => files.forEach((text, path) => replaced.set(path, text)),
    close: () => close(server),
  };
}

/** A built file as text. */
export function built(path: string): Promise<string> {
  return readFile(join(dist, path), "utf8");
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
}

type Replaced = ReadonlyMap<string, string>;

async function respond(url: string, replaced: Replaced, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(url, "http://localhost");
  const path = pathname === "/" ? "/index.html" : pathname;
  const content = replaced.get(path) ?? (await readFile(join(dist, path)).catch(() => null));
  response.writeHead(content === null ? 404 : 200, {
    "content-type": types[extname(path)] ?? "application/octet-stream",
  });
  response.end(content);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}
