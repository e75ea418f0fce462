/** How a database is encrypted on this device, and where its keys stand. `docs/at-rest.md` has all of it. */

import { AshoreError } from "./errors.js";
import type { KeyInfo } from "./generated/KeyInfo.js";
import type { SyncStatus } from "./generated/SyncStatus.js";

/**
 * What keeps the key that everything stored of a database is encrypted with: `"platform"`, a key of the browser that cannot be extracted, or a passphrase
 * of at least 10 characters, 5 of them different.
 */
export type Encrypt = "platform" | { readonly passphrase: string };

/**
 * Where the keys of a database are.
 *
 * - `none`: there are none here. It is not encrypted and in no group; or its keys were wiped; or nothing has been asked of it yet.
 * - `locked`: they are here, and a passphrase is needed.
 * - `unlocked`: they are here and in use.
 * - `remote`: they are only at the relay: this database is in no group, and a recovery is known that brings one back.
 */
export type KeyState = "none" | "locked" | "unlocked" | "remote";

/** What is known of keys as long as no engine has said anything, and of databases that are not encrypted. */
export const NO_KEYS: KeyInfo = Object.freeze({ protection: "none", locked: false, wiped: false });

/** In one word. */
export function keyStateOf({ protection, locked, wiped }: KeyInfo, { group, remote }: SyncStatus): KeyState {
  if (locked) {
    return "locked";
  }
  if (!wiped && group === null && remote === true) {
    return "remote";
  }
  return !wiped && (protection !== "none" || group !== null) ? "unlocked" : "none";
}

/** Nothing can be read or written. */
export function areClosed({ locked, wiped }: KeyInfo): boolean {
  return locked || wiped;
}

/** What was given as `encrypt`, apart from the passphrase; refuses what is neither with `request.invalid`. */
export function kindOf(encrypt: Encrypt | undefined): "platform" | "passphrase" | null {
  if (encrypt === undefined || encrypt === "platform") {
    return encrypt ?? null;
  }
  checkPassphrase("open", (encrypt as { readonly passphrase?: unknown } | null)?.passphrase);
  return "passphrase";
}

/** Refuses what is no text, with `request.invalid`. */
export function checkPassphrase(op: string, passphrase: unknown): void {
  if (typeof passphrase !== "string") {
    throw new AshoreError("request.invalid", "A passphrase is text.", { op });
  }
}
