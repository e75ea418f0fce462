/**
 * What one handle has declared of its collections. The engine is told just before the first call about a collection, and every later engine before
 * anything else (`Client.keepAsking`); calls do not wait for its answer, which comes before theirs.
 */

import type { Client } from "./client.js";
import { AshoreError } from "./errors.js";
import { checkOptions, type CollectionOptions, commandsOf, sameOptions } from "./options.js";

interface Declared {
  readonly options: CollectionOptions;
  told: boolean;
  /** The engine refused it, and would again. */
  refusal: AshoreError | null;
}

/** The options of one handle's collections. */
export class Declarations {
  readonly #client: Client;
  readonly #onRefused: (error: AshoreError) => void;
  readonly #of = new Map<string, Declared>();
  readonly #stops: (() => void)[] = [];

  constructor(client: Client, onRefused: (error: AshoreError) => void) {
    this.#client = client;
    this.#onRefused = onRefused;
  }

  /** Takes note of a collection's options; `request.invalid` when they are others than before. */
  declare(collection: string, options: CollectionOptions): void {
    const before = this.#of.get(collection);
    if (before && !sameOptions(before.options, options)) {
      const message = "This collection was declared with other options: keep them in one constant.";
      throw new AshoreError("request.invalid", message, { op: "collection", collection });
    }
    if (!before) {
      // What cannot be declared is said here, before anything is written as if nothing were declared.
      checkOptions(collection, options);
      commandsOf(collection, options);
      this.#of.set(collection, { options, told: false, refusal: null });
    }
  }

  /** What was declared of a collection. */
  optionsOf(collection: string): CollectionOptions | undefined {
    return this.#of.get(collection)?.options;
  }

  /** A call about this collection comes next: the engine is told what was declared of it, unless it was. Answers whether anything was declared. */
  tell(collection: string): boolean {
    const declared = this.#of.get(collection);
    if (!declared || declared.told) {
      return declared !== undefined;
    }
    const commands = commandsOf(collection, declared.options);
    declared.told = true;
    for (const command of commands) {
      const answered = (): void => void (declared.refusal = null);
      const failed = (error: AshoreError): void => this.#heard(collection, declared, error);
      this.#stops.push(this.#client.keepAsking({ command, op: "collection", answered, failed }));
    }
    return true;
  }

  /** The engine is told of every collection that was declared so far. */
  tellAll(): void {
    for (const collection of this.#of.keys()) {
      this.tell(collection);
    }
  }

  /** Throws what the engine said about a declaration that it refused. */
  check(op: string, collection: string): void {
    const refusal = this.#of.get(collection)?.refusal;
    if (refusal) {
      throw new AshoreError(refusal.code, refusal.message, { op, collection, cause: refusal });
    }
  }

  /** Later engines are told nothing more. */
  end(): void {
    for (const stop of this.#stops.splice(0)) {
      stop();
    }
  }

  /** What may pass, such as an engine that died, is no refusal: the next engine is told. */
  #heard(collection: string, declared: Declared, error: AshoreError): void {
    if (error.retry || error.code === "database.closed") {
      return;
    }
    declared.refusal = new AshoreError(error.code, error.message, { op: "collection", collection, cause: error });
    this.#onRefused(declared.refusal);
  }
}
