/** Serves the built pages as a web server would: compressed in brotli, kept by the browser; and counts what it sends. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

import sirv from "sirv";

const folder = fileURLToPath(new URL("../dist", import.meta.url));

export async function startSite() {
  compress();
  const files = sirv(folder, { brotli: true, immutable: true, maxAge: 31_536_000, etag: true });
  let sent = 0;
  const server = createServer((request, response) => {
    // Isolated pages have clocks of 5 us instead of 100.
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    response.once("finish", () => (sent += Number(response.getHeader("content-length") ?? 0)));
    files(request, response, () => response.writeHead(404).end());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    /** Bytes of all bodies since it was asked last. */
    takeSent() {
      const bytes = sent;
      sent = 0;
      return bytes;
    },
    end() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function compress() {
  for (const name of readdirSync(folder, { recursive: true })) {
    if (/\.(html|js|wasm|css)$/.test(name)) {
      const file = join(folder, name);
      writeFileSync(`${file}.br`, brotliCompressSync(readFileSync(file)));
    }
  }
}
