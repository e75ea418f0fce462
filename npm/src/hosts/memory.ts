/** The host without a worker and without a disk: the engine in this thread. For Node, server-side rendering and tests. */

import { dead } from "../client.js";
import type { Host, HostListener, StartHost } from "../host.js";
import type { WasmSource } from "../open.js";
import { type Engine, type EngineOptions, failureOf, openEngine } from "./engine.js";

/** Starts engines that keep their documents in memory until they are stopped. */
export function startMemory(wasm: WasmSource | undefined, encrypt: EngineOptions["encrypt"] = null): StartHost {
  return (_client, listener) => new MemoryHost(wasm ?? null, encrypt, listener);
}

class MemoryHost implements Host {
  #engine: Engine | null = null;
  #stopped = false;
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
          deliver: (_client, news) => listener.news(news),
          ended: (failure) => listener.gone(failure),
          // What is in memory ends with its engine: there is no next one.
          held: () => {},
        },
        null,
      );
      if (this.#stopped) {
        return engine.abandon();
      }
      this.#engine = engine;
      listener.ready();
    } catch (error) {
      listener.gone(failureOf(error));
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    try {
      this.#engine?.handle(bytes);
    } catch {
      this.#listener.gone(dead("It broke while it handled a call."));
    }
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
