/** The process behind four hops of JSON: parses each message, keeps its document as a line of a file and in a map, and answers in JSON. Ends with its standard input. */

import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { WebSocketServer } from "ws";

const folder = mkdtempSync(join(tmpdir(), "ashore-sidecar-"));
let file = null;
let documents = new Map();

const actions = {
  /** An empty database for the page that comes. */
  open() {
    if (file !== null) {
      closeSync(file);
    }
    file = openSync(join(folder, "documents.jsonl"), "w");
    documents = new Map();
  },
  /** With the operating system before it is answered, and not synced to the disk: as `relaxed` durability. */
  put({ id, document }) {
    const json = JSON.stringify({ id, document });
    writeSync(file, `${json}\n`);
    documents.set(id, json);
  },
  ping: ({ text }) => text,
  get: ({ id }) => (documents.has(id) ? JSON.parse(documents.get(id)).document : undefined),
};

const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
sockets.on("connection", (socket) => {
  socket.on("message", (text) => {
    const { call, op, given } = JSON.parse(String(text));
    socket.send(JSON.stringify({ call, answer: actions[op](given) ?? null }));
  });
});
sockets.once("listening", () => process.stdout.write(`ws://127.0.0.1:${sockets.address().port}\n`));
process.stdin.resume().once("end", () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
