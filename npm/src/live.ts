/** Live results, as an app sees them: what a query or a document shows now, again and again. */

import type { CallOptions, Entry } from "./documents.js";
import { reportLater, type Unsubscribe } from "./emitter.js";
import type { AshoreError } from "./errors.js";
import type { Watcher } from "./watches.js";

/** What a live query shows at one moment, and how that differs from what was given before. Entries that did not change are the same objects as before. */
export interface LiveResult<T> {
  /** All of it, in the query's order. */
  readonly rows: readonly Entry<T>[];
  /** What was not there before. */
  readonly added: readonly Entry<T>[];
  /** What was there with another content. */
  readonly changed: readonly Entry<T>[];
  /** What stands elsewhere among the rows that stayed: some of `changed`. */
  readonly moved: readonly Entry<T>[];
  /** What was there before and is not any more, as it was. */
  readonly removed: readonly Entry<T>[];
  /** So many states came and went since the one before, because this consumer was busy. */
  readonly skipped: number;
  /** An engine took over meanwhile: nobody counted the states in between. */
  readonly missed: boolean;
}

/** How a subscription is told that it has ended by itself. */
export interface SubscribeOptions extends CallOptions {
  /** It cannot go on, and tells nothing any more. Without it, the database's `error` event tells. */
  readonly onError?: ((error: AshoreError) => void) | undefined;
}

/** A loop over states: each `next` waits for a state that was not given before. Ends with `return`, as `break` does. */
export class LiveStates<State> implements AsyncIterableIterator<State, undefined, undefined> {
  readonly #open: () => Watcher<State>;
  readonly #signal: AbortSignal | undefined;
  #watcher: Watcher<State> | null = null;
  #over = false;

  /** @internal */
  constructor(open: () => Watcher<State>, signal: AbortSignal | undefined) {
    this.#open = open;
    this.#signal = signal;
  }

  /** The next state; the first one as soon as it is known. */
  async next(): Promise<IteratorResult<State, undefined>> {
    if (this.#over || this.#signal?.aborted) {
      return this.return();
    }
    this.#watcher ??= this.#start();
    try {
      const state = await this.#watcher.next();
      return state === null ? await this.return() : { done: false, value: state.value };
    } catch (error) {
      void this.return();
      throw error;
    }
  }

  /** Ends it, also while a `next` waits. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#over = true;
    this.#watcher?.end();
    return { done: true, value: undefined };
  }

  /** Itself: there is one state of what was given. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): Watcher<State> {
    const watcher = this.#open();
    this.#signal?.addEventListener("abort", () => watcher.end(), { once: true });
    return watcher;
  }
}

/** Hands every state to `handler`, one after another; while a promise of it is open, newer states take the place of older ones. */
export function subscribe<State>(
  open: () => Watcher<State>,
  handler: (state: State) => unknown,
  { onError, signal }: SubscribeOptions,
  report: (error: AshoreError) => void,
): Unsubscribe {
  let watcher: Watcher<State> | null = null;
  let over = signal?.aborted ?? false;
  const end = (): void => {
    over = true;
    watcher?.end();
  };
  const run = async (): Promise<void> => {
    if (!over) {
      watcher = open();
      await hand(watcher, handler);
    }
  };
  signal?.addEventListener("abort", end, { once: true });
  run().catch((error: unknown) => {
    end();
    tell(onError ?? report, error as AshoreError);
  });
  return end;
}

async function hand<State>(watcher: Watcher<State>, handler: (state: State) => unknown): Promise<void> {
  for (let state = await watcher.next(); state !== null; state = await watcher.next()) {
    try {
      await handler(state.value);
    } catch (error) {
      reportLater(error);
    }
  }
}

function tell(onError: (error: AshoreError) => void, error: AshoreError): void {
  try {
    onError(error);
  } catch (thrown) {
    reportLater(thrown);
  }
}
