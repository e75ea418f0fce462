/** What runs the engine, as a handle sees it: something that takes messages and says when an engine is there. */

import type { Failure } from "./generated/Failure.js";

/** What a host says. */
export interface HostListener {
  /** An engine is there: everything unanswered must be asked, also what was asked of another engine before. */
  ready(): void;
  /** Bytes of `News` messages, as many as came together. */
  news(messages: readonly Uint8Array[]): void;
  /** The answer to {@link Host.check}. */
  alive(): void;
  /** The engine ended by itself, and the host has the next one: what is unanswered must be asked, once more. Nothing else of the host has changed. */
  replaced(failure: Failure): void;
  /** The host is gone or could not start; the next call starts another one. */
  gone(failure: Failure): void;
}

/** One running host. It belongs to one client. */
export interface Host {
  /** Bytes of one `Calls` message; only after `ready`. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /** Asks for a sign of life; {@link HostListener.alive} is the answer. */
  check(): void;
  /** Ends it: what is committed stays, what waits is committed first. Resolves when another one may start. */
  stop(): Promise<void>;
  /** Ends it at once, whatever it is doing: it does not answer. What keeps the database open elsewhere for the next host stays until `kill`. */
  leave(): void;
  /** Ends it at once, and leaves nothing. */
  kill(): void;
}

/** Starts a host for the client of that name. Reports everything, also failure, through the listener. */
export type StartHost = (client: string, listener: HostListener) => Host;

/** What differs between hosts, as data. */
export interface Capabilities {
  /** Where the engine runs. */
  readonly host: "worker" | "memory" | "tauri";
  /** Documents outlive the page. */
  readonly persistent: boolean;
  /** Several tabs, or windows, share one engine. */
  readonly tabs: boolean;
  /** There is something to connect to a relay with. */
  readonly sync: boolean;
}
