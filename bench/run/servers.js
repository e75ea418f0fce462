/** Each system's own server, here on loopback, and what travels to and from it. */

import { connect, createServer } from "node:net";

import { startRelay } from "./relay.js";

const LOOPBACK = "127.0.0.1";

const START = {
  ashore: startRelay,
  automerge: startAutomerge,
  jazz: startJazz,
  rxdb: startRxdb,
  tinybase: startTinybase,
  yjs: startHocuspocus,
};

/** Whether that system has one. */
export function hasServer(peer) {
  return peer in START;
}

/** Starts the server of that system, with nothing before it. */
export function startItself(peer) {
  return START[peer]();
}

/** Starts the server of that system; `bytes()` counts what passed in both directions since it was asked last. */
export async function startServer(peer) {
  const server = await startItself(peer);
  const counter = await countingProxy(Number(new URL(server.address).port));
  const address = new URL(server.address);
  address.port = String(counter.port);
  return {
    address: String(address).replace(/\/$/, ""),
    takeBytes: counter.takeBytes,
    async end() {
      await counter.end();
      await server.end();
    },
  };
}

/** Hands on what comes, and counts it. */
async function countingProxy(to) {
  let bytes = 0;
  const open = new Set();
  const server = createServer((near) => {
    const far = connect(to, LOOPBACK);
    for (const [from, into] of [
      [near, far],
      [far, near],
    ]) {
      open.add(from);
      from.setNoDelay(true);
      from.on("data", (chunk) => (bytes += chunk.length));
      from.on("error", () => into.destroy());
      from.on("close", () => open.delete(from));
      from.pipe(into);
    }
  });
  await new Promise((resolve) => server.listen(0, LOOPBACK, resolve));
  return {
    port: server.address().port,
    takeBytes() {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
    end() {
      open.forEach((socket) => socket.destroy());
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listening() {
  const { WebSocketServer } = await import("ws");
  const sockets = new WebSocketServer({ host: LOOPBACK, port: 0 });
  await new Promise((resolve) => sockets.once("listening", resolve));
  const end = () => {
    sockets.clients.forEach((client) => client.terminate());
    return new Promise((resolve) => sockets.close(resolve));
  };
  return { sockets, address: `ws://${LOOPBACK}:${sockets.address().port}`, end };
}

async function startAutomerge() {
  const { Repo } = await import("@automerge/automerge-repo");
  const { WebSocketServerAdapter } = await import("@automerge/automerge-repo-network-websocket");
  const { sockets, address, end } = await listening();
  const repo = new Repo({ network: [new WebSocketServerAdapter(sockets)], sharePolicy: async () => false });
  return {
    address,
    async end() {
      await end();
      await repo.shutdown();
    },
  };
}

async function startJazz() {
  const { LocalNode } = await import("cojson");
  const { WasmCrypto } = await import("cojson/crypto/WasmCrypto");
  const { createWebSocketPeer } = await import("cojson-transport-ws");
  const { sockets, address, end } = await listening();
  const crypto = await WasmCrypto.create();
  const secret = crypto.newRandomAgentSecret();
  const node = new LocalNode(secret, crypto.newRandomSessionID(crypto.getAgentID(secret)), crypto);
  let clients = 0;
  sockets.on("connection", (websocket) => {
    clients += 1;
    node.syncManager.addPeer(
      createWebSocketPeer({ id: `client-${clients}`, role: "client", websocket, expectPings: false }),
    );
  });
  return { address, end };
}

async function startRxdb() {
  const { createRxDatabase } = await import("rxdb/plugins/core");
  const { getRxStorageMemory } = await import("rxdb/plugins/storage-memory");
  const { startWebsocketServer } = await import("rxdb/plugins/replication-websocket");
  const { NOTES } = await import("../page/rxdb-schema.js");
  const database = await createRxDatabase({ name: `server-${Date.now()}`, storage: getRxStorageMemory() });
  await database.addCollections({ notes: { schema: NOTES } });
  const { server, close } = await startWebsocketServer({ database, host: LOOPBACK, port: 0 });
  await new Promise((resolve) => (server.address() ? resolve() : server.once("listening", resolve)));
  return {
    address: `ws://${LOOPBACK}:${server.address().port}`,
    async end() {
      await close();
      await database.close();
    },
  };
}

async function startTinybase() {
  const { createWsServer } = await import("tinybase/synchronizers/synchronizer-ws-server");
  const { sockets, address, end } = await listening();
  // It keeps nothing itself: who comes gets everything from who is there.
  const server = createWsServer(sockets);
  return {
    address,
    async end() {
      await server.destroy();
      await end();
    },
  };
}

async function startHocuspocus() {
  const { Server } = await import("@hocuspocus/server");
  const server = new Server({ port: 0, address: LOOPBACK, quiet: true, unloadImmediately: false });
  await server.listen();
  return { address: `ws://${LOOPBACK}:${server.address.port}`, end: () => server.destroy() };
}
