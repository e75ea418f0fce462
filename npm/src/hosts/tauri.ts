/**
 * The page's side of `tauri-plugin-ashore`: calls go out as bytes of one request at a time, everything comes back as bytes on one channel.
 *
 * It speaks to the bridge that Tauri 2 puts into every page (`__TAURI_INTERNALS__`), as `@tauri-apps/api` does, and not through that package: an
 * import of it would have to be resolved by every bundler of every web app that uses Ashore.
 */

import { decode } from "cborg";
import { dead, unsupported } from "../client.js";
import type { Failure } from "../generated/Failure.js";
import type { Host, HostListener, StartHost } from "../host.js";
import type { kindOf } from "../keys.js";
import type { Hosting, OpenOptions } from "../opening.js";
import { randomName } from "../random.js";
import { TauriChannel, type TauriBridge } from "./tauri-channel.js";

/** What runs the engine in a Tauri app. */
export function inTauri(options: OpenOptions, encrypt: ReturnType<typeof kindOf>): Hosting {
  const persistent = options.storage !== "memory";
  return {
    start: startTauri(persistent ? options.name : null, encrypt),
    capabilities: { host: "tauri", persistent, tabs: persistent, sync: true },
    // A file in the app's own folder: nobody clears it to make room.
    persisted: () => Promise.resolve(persistent ? "granted" : "unsupported"),
    originStorage: () => Promise.resolve(null),
  };
}

/** Opens the database of that name in the app, or with `null` one in memory. */
export function startTauri(database: string | null, encrypt: ReturnType<typeof kindOf>): StartHost {
  const held: Held = { page: null };
  return (_client, listener) => {
    const bridge = (globalThis as Record<string, unknown>)["__TAURI_INTERNALS__"] as TauriBridge | undefined;
    return bridge ? new TauriHost(bridge, held, database, encrypt, listener) : new NoBridge(listener);
  };
}

const PLUGIN = "plugin:ashore|";
/** Names the page in the headers of a request. */
const PAGE_HEADER = "ashore-page";
const MESSAGE = 0;
const ENDED = 1;
/** Kind (one byte) and length (four bytes, big-endian) of a message. */
const HEAD_BYTES = 5;
/** Signs of life that are asked for and have not come; more are not worth it. */
const MAX_CHECKS = 16;
/** How long the app may take to close a database before nobody waits for it, in milliseconds. */
const STOP_WAITS_MS = 5_000;
/** More than this does not travel in one request, unless one message is larger. */
const MAX_REQUEST_BYTES = 8 << 20;

interface Held {
  /** The number of a page whose engine was given up: the next one asks for another. */
  page: number | null;
}

class TauriHost implements Host {
  readonly #bridge: TauriBridge;
  readonly #held: Held;
  readonly #listener: HostListener;
  readonly #channel: TauriChannel;
  readonly #opening: Promise<void>;
  #page: number | null = null;
  /** Calls that wait until the request before them is through: the engine takes them in their order. */
  #waiting: Uint8Array[] = [];
  #sending: Promise<void> | null = null;
  #checks = 0;
  #over = false;

  constructor(
    bridge: TauriBridge,
    held: Held,
    database: string | null,
    encrypt: ReturnType<typeof kindOf>,
    listener: HostListener,
  ) {
    this.#bridge = bridge;
    this.#held = held;
    this.#listener = listener;
    this.#channel = new TauriChannel(bridge, {
      message: (bytes) => this.#hear(bytes),
      closed: () => this.#onClosed(),
    });
    this.#opening = this.#open(database, encrypt);
  }

  async #open(database: string | null, encrypt: ReturnType<typeof kindOf>): Promise<void> {
    try {
      const [document, channel, insteadOf] = [documentName(), this.#channel.name, this.#held.page];
      this.#held.page = null;
      const page = await this.#bridge.invoke(`${PLUGIN}open`, { document, database, encrypt, insteadOf, channel });
      this.#page = page as number;
      if (this.#channel.isClosed) {
        this.#onClosed();
      }
    } catch (error) {
      return this.#end(failureOf(error));
    }
    if (!this.#over) {
      this.#listener.ready();
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#waiting.push(bytes);
    this.#sending ??= this.#sendAll();
  }

  /** Without bytes a request asks the engine itself for a sign of life. Calls do not wait for it, and the app counts how often it was asked. */
  check(): void {
    if (this.#page !== null && this.#checks < MAX_CHECKS) {
      void this.#check(String(this.#page));
    }
  }

  async #check(page: string): Promise<void> {
    this.#checks += 1;
    try {
      await this.#bridge.invoke(`${PLUGIN}calls`, new Uint8Array(), { headers: { [PAGE_HEADER]: page } });
      if (!this.#over) {
        this.#listener.alive();
      }
    } catch (error) {
      this.#end(failureOf(error));
    } finally {
      this.#checks -= 1;
    }
  }

  async stop(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_WAITS_MS)));
    await Promise.race([this.#stop(), patience]);
    clearTimeout(timer);
    this.#over = true;
  }

  async #stop(): Promise<void> {
    await this.#opening;
    await this.#sending;
    this.#over = true;
    await this.#close();
  }

  leave(): void {
    this.#over = true;
    this.#waiting = [];
    this.#held.page = this.#page;
  }

  kill(): void {
    this.#over = true;
    this.#waiting = [];
    void this.#opening.then(() => this.#close());
  }

  async #close(): Promise<void> {
    this.#channel.close();
    const page = this.#page;
    this.#page = null;
    if (page !== null) {
      // It is gone with the page at the latest.
      await this.#bridge.invoke(`${PLUGIN}close`, { page }).catch(() => {});
    }
  }

  /** One request after another, each with all that waits. */
  async #sendAll(): Promise<void> {
    try {
      do {
        const headers = { [PAGE_HEADER]: String(this.#page) };
        await this.#bridge.invoke(`${PLUGIN}calls`, packed(this.#take()), { headers });
      } while (this.#waiting.length > 0);
    } catch (error) {
      this.#end(failureOf(error));
    } finally {
      this.#sending = null;
    }
  }

  /** What waits, as much as travels together. */
  #take(): Uint8Array[] {
    let bytes = 0;
    const count = this.#waiting.findIndex((message, at) => {
      bytes += message.length;
      return at > 0 && bytes > MAX_REQUEST_BYTES;
    });
    return this.#waiting.splice(0, count < 0 ? this.#waiting.length : count);
  }

  #hear(bytes: Uint8Array): void {
    let news: Uint8Array[] = [];
    const tell = (): void => {
      if (news.length > 0) {
        this.#listener.news(news);
        news = [];
      }
    };
    for (const { kind, message } of unpacked(bytes)) {
      if (this.#over) {
        return;
      }
      if (kind === MESSAGE) {
        news.push(message);
        continue;
      }
      tell();
      if (kind === ENDED) {
        this.#end(decode(message) as Failure);
      } else {
        // The app has the page's place kept: the next calls start another engine.
        this.#listener.replaced(decode(message) as Failure);
      }
    }
    tell();
  }

  #onClosed(): void {
    // An `open` that fails closes the channel, too, and is about to say why.
    if (this.#page !== null) {
      this.#end(dead("The app has closed it for this page."));
    }
  }

  #end(failure: Failure): void {
    if (this.#over) {
      return;
    }
    this.#over = true;
    this.#waiting = [];
    this.#listener.gone(failure);
  }
}

/** A name for this loading of the page, where the app looks for it to know which document a webview shows. */
function documentName(): string {
  const place = globalThis as Record<string, unknown>;
  return (place["__ASHORE_DOCUMENT__"] ??= randomName()) as string;
}

/** What stands in where no Tauri app shows the page. */
class NoBridge implements Host {
  constructor(listener: HostListener) {
    queueMicrotask(() => listener.gone(unsupported("This page is not shown by a Tauri app.")));
  }
  send(): void {}
  check(): void {}
  async stop(): Promise<void> {}
  leave(): void {}
  kill(): void {}
}

function packed(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = messages.reduce((sum, message) => sum + HEAD_BYTES + message.length, 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const message of messages) {
    view.setUint8(at, MESSAGE);
    view.setUint32(at + 1, message.length);
    bytes.set(message, at + HEAD_BYTES);
    at += HEAD_BYTES + message.length;
  }
  return bytes;
}

function* unpacked(bytes: Uint8Array): Generator<{ kind: number; message: Uint8Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const end = at + HEAD_BYTES + view.getUint32(at + 1);
    yield { kind: view.getUint8(at), message: bytes.subarray(at + HEAD_BYTES, end) };
    at = end;
  }
}

/** The plugin rejects with failures; Tauri itself with sentences: of what is not there, and of what the app's capabilities do not allow. */
function failureOf(error: unknown): Failure {
  if (typeof error === "object" && error !== null && "code" in error && "message" in error) {
    return error as Failure;
  }
  const said = error instanceof Error ? error.message : String(error);
  if (said.includes("not allowed")) {
    const message = `The app does not let this window use Ashore: add "ashore:default" to its capability. Tauri says: ${said}`;
    return { code: "permission.refused", message, retry: false, collection: null, id: null };
  }
  if (said.includes("not found")) {
    return unsupported(`The app lacks tauri-plugin-ashore: add it to the app's builder. Tauri says: ${said}`);
  }
  return dead(said);
}
