/** The engine in WebAssembly, as its hosts see it: bytes in, bytes out. */

import type * as glue from "../../wasm/ashore_wasm.js";
import type { Failure } from "../generated/Failure.js";
import { inNextTurn } from "../telling.js";
import { noteDeathOf } from "./deathbed.js";

/** A running engine. */
export interface Engine {
  /** Takes the bytes of one `Calls` message. */
  handle(calls: Uint8Array): void;
  /** Its client will not come back. */
  forget(client: string): void;
  /** Commits what waits and closes the store. */
  close(): Promise<void>;
  /** Stops at once and touches nothing any more. */
  abandon(): void;
}

/** What an engine reports. */
export interface EngineListener {
  /** The bytes of one `News` message for one client, or with `null` for all. */
  deliver(client: string | null, news: Uint8Array): void;
  /** It can do nothing any more: superseded, its store failed, or it broke. */
  ended(failure: Failure): void;
  /** What opens the unlocked database again without its passphrase, here or in another tab; `null`: it was locked. */
  held(spare: Spare | null): void;
}

/** Opens a database that was unlocked, as long as nobody locks it. Opaque; holds a key that cannot be extracted. */
export type Spare = object;

/** How an engine is opened. */
export interface EngineOptions {
  readonly database: string;
  readonly storage: "persistent" | "memory";
  readonly wasm: string | URL | BufferSource | WebAssembly.Module | null;
  /** How the database is protected if it is made now. */
  readonly encrypt: "platform" | "passphrase" | null;
}

/** Opens an engine; rejects with a {@link Failure} when it cannot. */
export type OpenEngine = (listener: EngineListener, spare: Spare | null) => Promise<Engine>;

/** Loads the WebAssembly (once per thread) and opens an engine. */
export async function openEngine(
  options: EngineOptions,
  listener: EngineListener,
  spare: Spare | null,
): Promise<Engine> {
  const loaded = await load(options.wasm);
  const deliver = (client: string | undefined, news: Uint8Array): void => listener.deliver(client ?? null, news);
  const trial = new Trial(options, listener);
  const ended = (failure: string): void => trial.ended(JSON.parse(failure) as Failure);
  const held = (kept: Spare | undefined): void => listener.held(kept ?? null);
  const trying = (entry: string | undefined): void => trial.of(entry ?? null);
  const memory = options.storage === "memory";
  const { database, encrypt } = options;
  const { Engine } = loaded;
  const opening = Engine.open(database, memory, encrypt, spare ?? undefined, deliver, ended, held, trying, nextTurn);
  return trial.guard(await opening.catch((refusal: unknown) => Promise.reject(fromJson(refusal))));
}

function nextTurn(): Promise<void> {
  return new Promise(inNextTurn);
}

/** What the WebAssembly refuses with is a failure as JSON; what broke it is an error. */
function fromJson(refusal: unknown): unknown {
  return typeof refusal === "string" ? JSON.parse(refusal) : refusal;
}

/** Remembers which entry of another device is being merged: an engine that dies of one says so, and the next engine does not try it. */
class Trial {
  readonly #options: EngineOptions;
  readonly #listener: EngineListener;
  #entry: string | null = null;
  #dying = false;

  constructor(options: EngineOptions, listener: EngineListener) {
    this.#options = options;
    this.#listener = listener;
    if (options.storage === "persistent") {
      globalThis.addEventListener?.("error", (event) => this.#onError(event));
    }
  }

  of(entry: string | null): void {
    this.#entry = entry;
  }

  /** The engine, left alone once it is dying: what it is asked then is asked again of the next one. */
  guard(engine: glue.Engine): Engine {
    const ifLiving = <T>(act: () => T, otherwise: T): T => (this.#dying ? otherwise : act());
    return {
      handle: (calls) => ifLiving(() => engine.handle(calls), undefined),
      forget: (client) => ifLiving(() => engine.forget(client), undefined),
      close: () => ifLiving(() => engine.close() as Promise<void>, Promise.resolve()),
      abandon: () => ifLiving(() => engine.abandon(), undefined),
    };
  }

  ended(failure: Failure): void {
    const entry = this.#entry;
    if (entry === null || this.#options.storage !== "persistent") {
      return this.#listener.ended(failure);
    }
    this.#dying = true;
    void noteDeathOf(entry, this.#options.database).then(() => this.#listener.ended(failure));
  }

  /**
   * A trap, which ends the engine without a word (out of memory, out of stack), or comes right after its last word. The page hears of every error
   * that nobody took, and ends the worker at once: so it must not, before the note is written.
   */
  #onError(event: globalThis.Event): void {
    if (this.#entry === null) {
      return;
    }
    event.preventDefault();
    if (!this.#dying) {
      const message = "The engine has ended. It broke while it merged what another device wrote.";
      this.ended({ code: "host.dead", message, retry: true, collection: null, id: null });
    }
  }
}

/** Loads the WebAssembly, so that opening an engine takes less time. What fails here fails again when it is opened. */
export function prepare(wasm: EngineOptions["wasm"]): void {
  load(wasm).catch(() => {});
}

type Glue = typeof glue;
let loading: Promise<Glue> | undefined;

function load(wasm: EngineOptions["wasm"]): Promise<Glue> {
  loading ??= start(wasm).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function start(wasm: EngineOptions["wasm"]): Promise<Glue> {
  const loaded = await import("../../wasm/ashore_wasm.js");
  const source = wasm ?? (await readInNode());
  // Without a source the glue fetches the file beside itself, by a `new URL` that bundlers know.
  await (source === null ? loaded.default() : loaded.default({ module_or_path: source }));
  return loaded;
}

/** Node's `fetch` does not read files, so there the bytes are read; without an import that bundlers for browsers would trip over. */
async function readInNode(): Promise<BufferSource | null> {
  const process = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  if (typeof document === "object" || !process?.getBuiltinModule) {
    return null;
  }
  const files = process.getBuiltinModule("node:fs/promises") as {
    readFile: (file: URL) => Promise<Uint8Array<ArrayBuffer>>;
  };
  return files.readFile(new URL("../../wasm/ashore_wasm_bg.wasm", import.meta.url));
}

/** What went wrong, as a failure, whatever was thrown. */
export function failureOf(error: unknown): Failure {
  if (isFailure(error)) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    message: `The engine could not start: ${message}`,
    retry: false,
    collection: null,
    id: null,
  };
}

function isFailure(error: unknown): error is Failure {
  return typeof error === "object" && error !== null && "code" in error && "retry" in error && "message" in error;
}
