/** Where this page's engine stands, from what its host has said and how it behaves; and when one that died is tried again. */

import { AshoreError } from "./errors.js";
import type { ErrorCode } from "./generated/ErrorCode.js";
import type { Failure } from "./generated/Failure.js";
import type { LogLevel } from "./generated/LogLevel.js";

/**
 * What an engine is doing, as far as this page knows; never what is hoped.
 *
 * - `idle`: none runs; the next call starts one.
 * - `starting`: one was started, and cannot be asked yet.
 * - `running`: it can be asked, and owes no sign of life.
 * - `unhealthy`: it has missed a heartbeat. When it goes on like this it is ended and replaced.
 * - `restarting`: the last one ended by itself, and the next is on its way or about to be.
 * - `failed`: one after another ended by itself. Calls are refused until `retryAt`; from then on the next call, or a listener, starts another, and
 *   {@link Database.start} does at once.
 * - `stopping`: what waits is sent and committed before the end.
 * - `closed`: this page closed its database.
 */
export type EngineState =
  "idle" | "starting" | "running" | "unhealthy" | "restarting" | "failed" | "stopping" | "closed";

/** Where an engine stands, and what came before. */
export interface EngineStatus {
  readonly state: EngineState;
  /** Its last sign of life, in milliseconds since 1970. */
  readonly lastSeen: number | null;
  /** How many engines were started because the one before had ended by itself. */
  readonly restarts: number;
  /** Why the last one ended by itself. */
  readonly lastError: AshoreError | null;
  /** When the next one may be started, in milliseconds since 1970; `null`: at any time. */
  readonly retryAt: number | null;
}

/** What supervision tells. */
export interface SupervisionListener {
  changed(status: EngineStatus): void;
  note(level: LogLevel, message: string, code?: ErrorCode | null, counts?: Record<string, number>): void;
}

/** Engines that die one after another are replaced so often without a pause. */
export const RESTARTS_AT_ONCE = 3;
/** The shortest pause, in milliseconds; it doubles with every death. */
export const FIRST_RESTART_DELAY_MS = 500;
/** The longest. */
export const MAX_RESTART_DELAY_MS = 30_000;

/** One page's view of its engines, one after another. */
export class Supervision {
  readonly #listener: SupervisionListener;
  #state: EngineState = "idle";
  #lastSeen: number | null = null;
  #restarts = 0;
  #lastError: AshoreError | null = null;
  #retryAt: number | null = null;
  #failuresInARow = 0;
  #lastFailure: Failure | null = null;
  /** On the clock that only rises. */
  #restartAt = 0;
  #diedAt = -Infinity;

  constructor(listener: SupervisionListener) {
    this.#listener = listener;
  }

  get status(): EngineStatus {
    return {
      state: this.#state,
      lastSeen: this.#lastSeen,
      restarts: this.#restarts,
      lastError: this.#lastError,
      retryAt: this.#retryAt,
    };
  }

  /** Why none may be started now; `null`: one may. */
  get refusal(): Failure | null {
    return this.#failuresInARow > RESTARTS_AT_ONCE && now() < this.#restartAt ? this.#lastFailure : null;
  }

  /** How long it takes until one may be started, in milliseconds. */
  get delayMs(): number {
    return Math.max(this.#restartAt - now(), FIRST_RESTART_DELAY_MS);
  }

  /** A host was started. */
  started(): void {
    const again = this.#lastFailure !== null;
    this.#restarts += again ? 1 : 0;
    this.#retryAt = null;
    this.#listener.note("info", "an engine is started", null, { restarts: this.#restarts });
    this.#enter(again ? "restarting" : "starting");
  }

  /** An engine can be asked. */
  ready(): void {
    this.#lastSeen = Date.now();
    this.#listener.note("info", "an engine can be asked");
    this.#enter("running");
  }

  /** It shows that it lives. */
  seen(): void {
    this.#lastSeen = Date.now();
    if (this.#state === "unhealthy") {
      this.#listener.note("info", "the engine gives signs of life again");
      this.#enter("running");
    }
  }

  /** It answered: whatever made others die is over. */
  answered(): void {
    this.#failuresInARow = 0;
  }

  /** It has missed a heartbeat. */
  missed(): void {
    if (this.#state === "running") {
      this.#listener.note("warn", "the engine has missed a heartbeat");
      this.#enter("unhealthy");
    }
  }

  /** It ended by itself. `restarts`: another is started without a call. */
  gone(failure: Failure, restarts: boolean): void {
    this.#died(failure);
    const failed = this.#failuresInARow > RESTARTS_AT_ONCE;
    this.#retryAt = failed ? Date.now() + Math.max(this.#restartAt - now(), 0) : null;
    this.#enter(failed ? "failed" : restarts ? "restarting" : "idle");
  }

  /** It ended by itself, and its host has another one. `false`: this goes on for too long. */
  replaced(failure: Failure): boolean {
    // Asked again at once of the next: whatever two broke over must not break one after another.
    const tooSoon = now() - this.#diedAt < FIRST_RESTART_DELAY_MS;
    if (tooSoon || this.#failuresInARow >= RESTARTS_AT_ONCE) {
      return false;
    }
    this.#died(failure);
    this.#restarts += 1;
    this.#enter("restarting");
    return true;
  }

  /** Somebody wants one to be started whatever happened. */
  forgive(): void {
    this.#failuresInARow = 0;
    this.#restartAt = 0;
    this.#retryAt = null;
  }

  /** The page closes its database. */
  stopping(): void {
    this.#listener.note("info", "the database is being closed");
    this.#enter("stopping");
  }

  /** It did. */
  closed(): void {
    this.#enter("closed");
  }

  #died(failure: Failure): void {
    this.#failuresInARow += 1;
    this.#diedAt = now();
    this.#lastFailure = failure;
    this.#lastError = AshoreError.from(failure);
    this.#restartAt = now() + restartDelayMs(this.#failuresInARow);
    this.#listener.note("error", "the engine has ended", failure.code, { inARow: this.#failuresInARow });
  }

  #enter(state: EngineState): void {
    if (this.#state !== state) {
      this.#state = state;
      this.#listener.changed(this.status);
    }
  }
}

function restartDelayMs(failures: number): number {
  if (failures <= RESTARTS_AT_ONCE) {
    return 0;
  }
  return Math.min(FIRST_RESTART_DELAY_MS * 2 ** (failures - RESTARTS_AT_ONCE - 1), MAX_RESTART_DELAY_MS);
}

function now(): number {
  return performance.now();
}
