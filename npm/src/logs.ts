/** What was logged lately, as this page knows it: by the engine, wherever it runs, and by the page about its engine. */

import { AshoreError } from "./errors.js";
import type { ErrorCode } from "./generated/ErrorCode.js";
import type { LogEntry } from "./generated/LogEntry.js";
import type { LogLevel } from "./generated/LogLevel.js";

/** One thing that happened. It is made of the program's own words, counts and codes: no document, name or key is ever in it. */
export interface LogEvent {
  /** When, in milliseconds since 1970. */
  readonly at: number;
  /** How grave it is; never `off`. */
  readonly level: LogLevel;
  /** The part of the program that tells it: `page`, `engine`, `store`, `relay`, `calls`, `group`, `keys`. */
  readonly area: string;
  /** What happened, in words that are the same each time. */
  readonly message: string;
  /** How many of what. */
  readonly counts: Readonly<Record<string, number>>;
  /** The code of what failed. */
  readonly code: ErrorCode | null;
}

/** Which of them. */
export interface LogsOptions {
  /** Only those at or after this time, in milliseconds since 1970. */
  readonly since?: number | undefined;
  /** Only those of this level and graver ones. */
  readonly level?: LogLevel | undefined;
}

const LEVELS: readonly LogLevel[] = ["off", "error", "warn", "info", "debug", "trace"];
/** So many are kept; the oldest go first. */
export const KEPT_LOGS = 1_000;

/** Refuses what is no level, with `request.invalid`. */
export function checkLevel(op: string, level: unknown): LogLevel {
  const known = LEVELS.find((each) => each === level);
  if (known === undefined) {
    throw new AshoreError("request.invalid", `A log level is one of ${LEVELS.join(", ")}.`, { op });
  }
  return known;
}

/** One page's log of one database. */
export class Logs {
  level: LogLevel;
  readonly #tell: (event: LogEvent) => void;
  readonly #kept: LogEvent[] = [];
  /** Which log of an engine was heard last, and how far: some of it comes again when it is asked again. */
  #log = -1;
  #heard = 0;

  constructor(level: LogLevel, tell: (event: LogEvent) => void) {
    this.level = level;
    this.#tell = tell;
  }

  /** What is kept, the oldest first. */
  recent({ since = 0, level = this.level }: LogsOptions): LogEvent[] {
    const wanted = this.#kept.filter((event) => event.at >= since && isWithin(event.level, level));
    return wanted.toSorted((left, right) => left.at - right.at);
  }

  /** What this page itself notices. */
  note(level: LogLevel, message: string, code: ErrorCode | null = null, counts: Record<string, number> = {}): void {
    this.#keep({ at: Date.now(), level, area: "page", message, counts, code });
  }

  /** An engine's log begins to be heard, or is heard on. */
  begin(log: number, entries: readonly LogEntry[]): void {
    if (log !== this.#log) {
      this.#log = log;
      this.#heard = 0;
    }
    this.take(entries);
  }

  /** More of it. */
  take(entries: readonly LogEntry[]): void {
    for (const { number, at, level, area, message, counts, code } of entries) {
      if (number > this.#heard) {
        this.#heard = number;
        this.#keep({ at, level, area, message, counts, code });
      }
    }
  }

  #keep(event: LogEvent): void {
    if (!isWithin(event.level, this.level)) {
      return;
    }
    this.#kept.push(Object.freeze(event));
    if (this.#kept.length > KEPT_LOGS) {
      this.#kept.shift();
    }
    this.#tell(event);
  }
}

function isWithin(level: LogLevel, most: LogLevel): boolean {
  return LEVELS.indexOf(level) <= LEVELS.indexOf(most);
}
