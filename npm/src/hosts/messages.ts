/**
 * What a page and its worker say to each other, and tabs to tabs. Tabs may have loaded different versions of the package: between them fields are only
 * ever added, a message that is not known is passed over, and the names of locks and channels stay.
 */

import type { Failure } from "../generated/Failure.js";
import type { EngineOptions, Spare } from "./engine.js";

/** From a page to its worker. */
export type ToWorker =
  | {
      readonly start: {
        readonly database: string;
        readonly client: string;
        readonly wasm: string | BufferSource | WebAssembly.Module | null;
        readonly encrypt: EngineOptions["encrypt"];
        /** What an earlier worker of this page was given. */
        readonly spare: Spare | null;
      };
    }
  | { readonly calls: Uint8Array }
  | { readonly check: true }
  | { readonly stop: true };

/** From a worker to its page. */
export type FromWorker =
  /** It holds the lock that tells whether it lives. */
  | { readonly seated: true }
  | { readonly ready: true }
  | { readonly news: readonly Uint8Array[] }
  | { readonly alive: true }
  /** It runs the engine for all tabs, in this term; `null`: not any more. */
  | { readonly leads: string | null }
  /** For this page's next worker. */
  | { readonly spare: Spare | null }
  | { readonly gone: Failure }
  | { readonly stopped: true };

/** On the channel that all tabs of a database hear. */
export type InHall =
  /** From who leads, now and then. `open`: its engine can be asked. A later `at` (milliseconds since 1970) wins. */
  | { readonly beat: { readonly term: string; readonly at: number; readonly open: boolean } }
  /** From who has heard nothing yet or not for long. */
  | { readonly probe: true }
  /** From the page of who leads: its worker is at work, its tab not frozen. */
  | { readonly busy: { readonly term: string } };

/** On the channel of one term: to who leads. */
export type ToLeader =
  /** `spares`: it takes spares. */
  | { readonly hello: { readonly client: string; readonly spares?: true } }
  | { readonly calls: { readonly client: string; readonly bytes: Uint8Array } };

/** On the channel of one client. */
export type ToClient =
  { readonly term: string; readonly news: Uint8Array } | { readonly term: string; readonly spare: Spare | null };

/** Held by who runs the engine. */
export function leaderLock(database: string): string {
  return `ashore-leader/${database}`;
}

/** Held by a client's worker as long as it lives. */
export function clientLock(client: string): string {
  return `ashore-client/${client}`;
}

/** Heard by all tabs of a database. */
export function hallChannel(database: string): string {
  return `ashore-hall/${database}`;
}

/** Heard by who leads in that term. */
export function termChannel(term: string): string {
  return `ashore-term/${term}`;
}

/** Heard by one client's worker. */
export function clientChannel(client: string): string {
  return `ashore-client/${client}`;
}
