/** The page's side of its worker: starts it, carries bytes, and notices when it has died. */

import { dead, unsupported } from "../client.js";
import type { Host, HostListener, StartHost } from "../host.js";
import type { WasmSource } from "../open.js";
import type { EngineOptions, Spare } from "./engine.js";
import { clientLock, type FromWorker, hallChannel, type InHall, type ToWorker } from "./messages.js";

/** How a worker is started. */
export interface WorkerOptions {
  readonly name: string;
  readonly wasm: WasmSource | undefined;
  readonly worker: (() => Worker) | undefined;
  readonly encrypt: EngineOptions["encrypt"];
}

const STOP_WAITS_MS = 5_000;

/** Starts workers for one database. */
export function startWorker(options: WorkerOptions): StartHost {
  // What the database's next worker goes on with when this one dies.
  const held: Held = { spare: null };
  return (client, listener) => {
    const missing = missingHere();
    return missing ? new NoHost(missing, listener) : new WorkerHost(options, held, client, listener);
  };
}

interface Held {
  spare: Spare | null;
}

class WorkerHost implements Host {
  readonly #client: string;
  readonly #listener: HostListener;
  readonly #worker: Worker;
  readonly #hall: BroadcastChannel;
  readonly #deathWatch = new AbortController();
  readonly #held: Held;
  #term: string | null = null;
  #stopped: () => void = () => {};

  constructor({ name, wasm, worker, encrypt }: WorkerOptions, held: Held, client: string, listener: HostListener) {
    this.#held = held;
    this.#client = client;
    this.#listener = listener;
    this.#worker =
      worker?.() ?? new Worker(new URL("./wasm.worker.js", import.meta.url), { type: "module", name: "ashore" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => this.#hear(data));
    this.#worker.addEventListener("error", (event) =>
      this.#end(dead(event.message || "Its worker could not be loaded.")),
    );
    this.#hall = new BroadcastChannel(hallChannel(name));
    this.#hall.addEventListener("message", ({ data }: MessageEvent<InHall>) => this.#answerProbe(data));
    this.#post({ start: { database: name, client, wasm: transferable(wasm), encrypt, spare: held.spare } });
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    this.#worker.postMessage({ calls: whole } satisfies ToWorker, [whole.buffer]);
  }

  check(): void {
    this.#post({ check: true });
  }

  async stop(): Promise<void> {
    this.#deathWatch.abort();
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#stopped = resolve;
      timer = setTimeout(resolve, STOP_WAITS_MS);
      this.#post({ stop: true });
    });
    clearTimeout(timer);
    this.kill();
  }

  leave(): void {
    this.kill();
  }

  kill(): void {
    this.#deathWatch.abort();
    this.#hall.close();
    this.#worker.terminate();
  }

  #hear(message: FromWorker): void {
    if ("news" in message) {
      this.#listener.news(message.news);
    } else if ("ready" in message) {
      this.#listener.ready();
    } else if ("alive" in message) {
      this.#listener.alive();
    } else if ("leads" in message) {
      this.#term = message.leads;
    } else if ("spare" in message) {
      this.#held.spare = message.spare;
    } else if ("seated" in message) {
      this.#watch();
    } else if ("gone" in message) {
      this.#end(message.gone);
    } else {
      this.#stopped();
    }
  }

  /** The worker holds a lock as long as it lives: whoever gets it next knows that it does not, at once. */
  #watch(): void {
    const lock = navigator.locks.request(clientLock(this.#client), { signal: this.#deathWatch.signal }, () =>
      this.#end(dead("Its worker was ended.")),
    );
    lock.catch(() => {});
  }

  #end(failure: Parameters<HostListener["gone"]>[0]): void {
    this.kill();
    this.#listener.gone(failure);
  }

  /** Answers for a worker that is too busy to show that it lives. A frozen tab's page answers nothing. */
  #answerProbe(message: InHall): void {
    if ("probe" in message && this.#term) {
      this.#hall.postMessage({ busy: { term: this.#term } } satisfies InHall);
    }
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}

/** What stands in where no worker can run. */
class NoHost implements Host {
  constructor(missing: string, listener: HostListener) {
    queueMicrotask(() => listener.gone(unsupported(missing)));
  }
  send(): void {}
  check(): void {}
  async stop(): Promise<void> {}
  leave(): void {}
  kill(): void {}
}

/** What this environment lacks, in a sentence; `null` when it has everything. */
function missingHere(): string | null {
  if (typeof isSecureContext === "boolean" && !isSecureContext) {
    return "Browsers keep encrypted databases for https pages and localhost only.";
  }
  if (typeof navigator !== "object" || !navigator.locks) {
    return "This browser has no Web Locks (navigator.locks), which tabs need to share a database.";
  }
  if (typeof BroadcastChannel !== "function") {
    return "This browser has no BroadcastChannel, which tabs need to share a database.";
  }
  if (typeof crypto !== "object" || !crypto.subtle) {
    return "This browser has no WebCrypto (crypto.subtle), which keeps this device's keys.";
  }
  return null;
}

/** URLs cannot be posted, and a worker resolves relative ones against itself. */
function transferable(wasm: WasmSource | undefined): string | BufferSource | WebAssembly.Module | null {
  if (wasm === undefined) {
    return null;
  }
  if (wasm instanceof URL) {
    return wasm.href;
  }
  return typeof wasm === "string"
    ? new URL(wasm, (globalThis as { document?: Document }).document?.baseURI ?? location.href).href
    : wasm;
}
