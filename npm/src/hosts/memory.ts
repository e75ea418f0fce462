/** The host without a worker and without a disk: the engine in this thread. For Node, server-side rendering and tests. */

import { dead } from "../client.js";
import type { Failure } from "../generated/Failure.js";
import type { Host, HostListener, StartHost } from "../host.js";
import type { WasmSource } from "../open.js";
import { inNextTurn } from "../telling.js";
import { type Engine, type EngineOptions, failureOf, openEngine } from "./engine.js";

/** Starts engines that keep their documents in memory until they are stopped. */
export function startMemory(wasm: WasmSource | undefined, encrypt: EngineOptions["encrypt"] = null): StartHost {
  return (_client, listener) => new MemoryHost(wasm ?? null, encrypt, listener);
}

class MemoryHost implements Host {
  #engine: Engine | null = null;
  #stopped = false;
  /** What the engine says in one turn of the event loop. */
  #said: Uint8Array[] = [];
  readonly #listener: HostListener;
  readonly #opening: Promise<void>;

  constructor(wasm: WasmSource | null, encrypt: EngineOptions["encrypt"], listener: HostListener) {
    this.#listener = listener;
    this.#opening = this.#open(wasm, encrypt);
  }

  async #open(wasm: WasmSource | null, encrypt: EngineOptions["encrypt"]): Promise<void> {
    const listener = this.#listener;
    try {
      const engine = await openEngine(
        { database: "memory", storage: "memory", wasm, encrypt },
        {
          deliver: (_client, news) => this.#deliver(news),
          ended: (failure) => this.#gone(failure),
          // What is in memory ends with its engine: there is no next one.
          held: () => {},
        },
        null,
      );
      if (this.#stopped) {
        return engine.abandon();
      }
      this.#engine = engine;
      this.#tell();
      listener.ready();
    } catch (error) {
      listener.gone(failureOf(error));
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    try {
      this.#engine?.handle(bytes);
    } catch {
      this.#gone(dead("It broke while it handled a call."));
    }
  }

  #deliver(news: Uint8Array): void {
    this.#said.push(news);
    if (this.#said.length === 1) {
      inNextTurn(() => this.#tell());
    }
  }

  #tell(): void {
    const said = this.#said;
    this.#said = [];
    if (said.length > 0) {
      this.#listener.news(said);
    }
  }

  #gone(failure: Failure): void {
    this.#tell();
    this.#listener.gone(failure);
  }

  check(): void {
    if (this.#engine) {
      this.#listener.alive();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#opening;
    await this.#engine?.close();
  }

  leave(): void {
    this.kill();
  }

  kill(): void {
    this.#stopped = true;
    this.#engine?.abandon();
  }
}
