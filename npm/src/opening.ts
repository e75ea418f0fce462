/** Opening a database on whichever host: checks the options, shares one client among a page's handles, opens the keys. */

import { Client, type ClientOptions, HEARTBEAT_MS } from "./client.js";
import { Database, type Persistence } from "./database.js";
import type { OriginStorage } from "./diagnostics.js";
import { AshoreError } from "./errors.js";
import type { Durability } from "./generated/Durability.js";
import type { LogLevel } from "./generated/LogLevel.js";
import type { Capabilities, StartHost } from "./host.js";
import { type Encrypt, kindOf } from "./keys.js";
import { checkLevel } from "./logs.js";
import { flushBriefly, watchPage } from "./page.js";
import { isWellFormed } from "./text.js";

/** The engine's WebAssembly, for environments where it is not beside the package's own files: its address, its bytes, or the compiled module. */
export type WasmSource = string | URL | BufferSource | WebAssembly.Module;

/** What {@link open} is given. */
export interface OpenOptions {
  /** Which database of this origin or app: 1 to 128 characters. The same name is the same database, in every tab and window. */
  readonly name: string;
  /** The relay's WebSocket address that `sync.enable` and `sync.joinInvite` take when they are given none. It connects nothing by itself. */
  readonly relay?: string | undefined;
  /** What other members see this device as, for the same two. */
  readonly deviceName?: string | undefined;
  /** What writes wait for unless told otherwise; `relaxed` when it is left out. */
  readonly durability?: Durability | undefined;
  /** `memory` keeps nothing beyond the last `close()` and runs in this thread; the default where there is no IndexedDB or no Worker, such as Node. */
  readonly storage?: "persistent" | "memory" | undefined;
  /** Asks the browser not to clear the storage by itself; `true` when it is left out. Some browsers ask the user. */
  readonly persist?: boolean | undefined;
  /**
   * Encrypts everything that is stored of the database, from the day it is made. `open` then starts the engine and resolves when the keys are here; it
   * rejects with `key.bad-passphrase`, `key.weak-passphrase`, `key.wiped`, or with `key.mismatch` when the database exists and is not encrypted in this
   * way: one that was made plain stays plain. Left out, a database that has a passphrase opens locked, and every other one opens as it is.
   */
  readonly encrypt?: Encrypt | undefined;
  /** With a passphrase: closing this page's last handle locks the database in every tab. `false` unless told otherwise. */
  readonly lockOnClose?: boolean | undefined;
  /**
   * How often the engine is asked for a sign of life while something is unanswered or listened to: 250 to 60,000 milliseconds, 1,000 unless told otherwise.
   * One that misses two is `unhealthy`, one that misses ten is replaced: see {@link Database.engine}.
   */
  readonly heartbeatMs?: number | undefined;
  /** How much {@link Database.logs} has: `off`, `error`, `warn`, `info`, `debug` or `trace`; `info` unless told otherwise. */
  readonly logLevel?: LogLevel | undefined;
  /** Makes the worker, for bundlers that do not know `new Worker(new URL(…))`: a module worker that runs `ashore/worker`. */
  readonly worker?: (() => Worker) | undefined;
  /** The engine's WebAssembly when it is not beside the package's own files. */
  readonly wasm?: WasmSource | undefined;
}

interface Shared {
  readonly client: Client;
  readonly capabilities: Capabilities;
  readonly persisted: () => Promise<Persistence>;
  readonly originStorage: () => Promise<OriginStorage | null>;
  readonly stopWatching: () => void;
  lockOnClose: boolean;
  handles: number;
}

/** One client per database and page, however many handles there are; the same name in the app and in the webview's own storage is two databases. */
const shared = new Map<Choose, Map<string, Shared>>();

const MAX_NAME_CHARACTERS = 128;

/** What differs between hosts when a database is opened. */
export interface Hosting {
  readonly start: StartHost;
  readonly capabilities: Capabilities;
  /** Asked when a host starts for the first time. */
  readonly persisted: () => Promise<Persistence>;
  /** What the browser says of the origin's storage; `null` where there is nothing to ask. */
  readonly originStorage: () => Promise<OriginStorage | null>;
}

/** What picks a host. */
export type Choose = (options: OpenOptions, encrypt: ReturnType<typeof kindOf>) => Hosting;

/** Opens a database on the host that `choose` picks when the page has no handle of it yet. */
export async function openOn(options: OpenOptions, choose: Choose): Promise<Database> {
  const { name, relay, deviceName, durability = "relaxed" } = options;
  checkName(name);
  const encrypt = kindOf(options.encrypt);
  const watching = {
    heartbeatMs: checkHeartbeat(options.heartbeatMs),
    logLevel: checkLevel("open", options.logLevel ?? "info"),
  };
  const names = shared.get(choose) ?? new Map<string, Shared>();
  shared.set(choose, names);
  const part = names.get(name) ?? share(choose(options, encrypt), watching);
  names.set(name, part);
  part.handles += 1;
  part.lockOnClose ||= options.lockOnClose === true;
  const database = new Database({
    name,
    client: part.client,
    capabilities: part.capabilities,
    durability,
    sync: { relay, deviceName },
    persisted: part.persisted,
    originStorage: part.originStorage,
    release: () => release(names, name, part),
  });
  if (options.encrypt !== undefined) {
    await openKeys(database, options.encrypt);
  }
  return database;
}

async function openKeys(database: Database, encrypt: Encrypt): Promise<void> {
  try {
    await database.openKeys(encrypt);
  } catch (error) {
    await database.close();
    throw error;
  }
}

function share({ start, capabilities, persisted, originStorage }: Hosting, watching: ClientOptions): Shared {
  const client = new Client(start, watching);
  if (capabilities.persistent) {
    client.events.on("started", () => void persisted());
  }
  const stopWatching = watchPage(client);
  return { client, capabilities, persisted, originStorage, stopWatching, lockOnClose: false, handles: 0 };
}

async function release(names: Map<string, Shared>, name: string, part: Shared): Promise<void> {
  part.handles -= 1;
  if (part.handles > 0) {
    return;
  }
  if (names.get(name) === part) {
    names.delete(name);
  }
  part.stopWatching();
  await flushBriefly(part.client);
  if (part.lockOnClose && part.client.running) {
    // What has no passphrase or no engine that answers is not locked, and closed all the same.
    await part.client.ask({ lock: {} }, "keys", { op: "close" }).catch(() => {});
  }
  await part.client.close();
}

function checkName(name: unknown): void {
  if (typeof name === "string" && name.length > 0 && name.length <= MAX_NAME_CHARACTERS && isWellFormed(name)) {
    return;
  }
  throw new AshoreError(
    "request.invalid",
    `A database's name must be text of 1 to ${MAX_NAME_CHARACTERS} characters.`,
    { op: "open" },
  );
}

function checkHeartbeat(heartbeatMs: unknown = HEARTBEAT_MS): number {
  if (Number.isInteger(heartbeatMs) && (heartbeatMs as number) >= 250 && (heartbeatMs as number) <= 60_000) {
    return heartbeatMs as number;
  }
  throw new AshoreError("request.invalid", "A heartbeat comes every 250 to 60,000 whole milliseconds.", { op: "open" });
}
