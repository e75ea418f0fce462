/** How things fail: one class with a stable code, a sentence for people and whether trying again helps. */

import type { ErrorCode } from "./generated/ErrorCode.js";
import type { Failure } from "./generated/Failure.js";
import type { QueryMistake } from "./generated/QueryMistake.js";
import type { Issue } from "./schema.js";

/** What an {@link AshoreError} is about. */
export interface AshoreErrorOptions {
  /** Trying the same again may help. */
  readonly retry?: boolean;
  /** The call that failed, such as `"put"`. */
  readonly op?: string | undefined;
  /** The collection that it is about. */
  readonly collection?: string | undefined;
  /** The document that it is about. */
  readonly id?: string | undefined;
  /** With `query.invalid`: what is wrong where in the query. */
  readonly query?: QueryMistake | undefined;
  /** With `document.invalid`: what is wrong with the document, and where. */
  readonly issues?: readonly Issue[] | undefined;
  /** What was thrown underneath, where there is something. */
  readonly cause?: unknown;
}

/**
 * Every error that Ashore rejects with. Look at {@link AshoreError.code}: codes never change their meaning, sentences may improve.
 *
 * @example
 * ```ts
 * try {
 *   await notes.put("n1", note);
 * } catch (error) {
 *   if (error instanceof AshoreError && error.code === "store.quota-exceeded") askToFreeSpace();
 *   else throw error;
 * }
 * ```
 */
export class AshoreError extends Error {
  override readonly name = "AshoreError";
  /** Stable; what programs look at. */
  readonly code: ErrorCode;
  /** Trying the same again may help. */
  readonly retry: boolean;
  /** The call that failed, such as `"put"`. */
  readonly op: string | undefined;
  /** The collection that it is about. */
  readonly collection: string | undefined;
  /** The document that it is about. */
  readonly id: string | undefined;
  /** With `query.invalid`: what is wrong where in the query. */
  readonly query: QueryMistake | undefined;
  /** With `document.invalid`: what is wrong with the document, and where. */
  readonly issues: readonly Issue[] | undefined;

  constructor(code: ErrorCode, message: string, options: AshoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = options.retry ?? false;
    this.op = options.op;
    this.collection = options.collection;
    this.id = options.id;
    this.query = options.query;
    this.issues = options.issues;
  }

  /** The error for a failure that the engine reported. @internal */
  static from(failure: Failure, op?: string): AshoreError {
    return new AshoreError(failure.code, failure.message, {
      retry: failure.retry,
      op,
      collection: failure.collection ?? undefined,
      id: failure.id ?? undefined,
      query: failure.query,
    });
  }
}

/** The error of every call after `close()`. */
export function closed(op?: string): AshoreError {
  return new AshoreError("database.closed", "The database was closed.", { op });
}
