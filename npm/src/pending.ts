/**
 * Keeps the order of calls about one document. A second put of an id must be based on what the first one made, so it waits for the first
 * one's answer; whatever reads after it waits too. Calls about different documents never wait for each other, except for writes of which nobody
 * knows beforehand what they will change.
 */

/** Writes of one handle that are under way, by document. */
export class Pending {
  readonly #last = new Map<string, Promise<void>>();
  /** The last write that may be of any document. */
  #any: Promise<void> | null = null;
  #delayed = 0;

  /** Runs `write` once earlier writes of these documents have been answered, at once when there are none. */
  async write<T>(keys: readonly string[], write: () => Promise<T>): Promise<T> {
    const earlier = this.#earlier(keys);
    const running = earlier ? this.#after(earlier, write) : write();
    const done = running.then(ignore, ignore);
    for (const key of keys) {
      this.#last.set(key, done);
    }
    try {
      return await running;
    } finally {
      for (const key of keys) {
        if (this.#last.get(key) === done) {
          this.#last.delete(key);
        }
      }
    }
  }

  /** Runs `write`, which may change any document: when no earlier write is held back. Later writes wait for its answer. */
  async writeAny<T>(write: () => Promise<T>): Promise<T> {
    const running = this.#delayed === 0 ? write() : this.#after(this.all(), write);
    const before = this.#any;
    const done = Promise.all([before, running.then(ignore, ignore)]).then(ignore);
    this.#any = done;
    try {
      return await running;
    } finally {
      if (this.#any === done) {
        this.#any = null;
      }
    }
  }

  /** Runs `read` when no write of these documents (`null`: of any) is held back: at once, unless there is one. */
  read<T>(keys: readonly string[] | null, read: () => Promise<T>): Promise<T> {
    const earlier = this.#delayed === 0 ? null : keys ? this.#earlier(keys) : this.all();
    return earlier ? earlier.then(read) : read();
  }

  /** Runs what a write of this handle does before it is sent, or all of it: until then the write is held back, and reads wait. */
  async hold<T>(prepare: () => Promise<T>): Promise<T> {
    this.#delayed += 1;
    try {
      return await prepare();
    } finally {
      this.#delayed -= 1;
    }
  }

  /** Resolves when every write that is under way now has been answered. */
  async all(): Promise<void> {
    await Promise.all([...this.#last.values(), this.#any]);
  }

  #earlier(keys: readonly string[]): Promise<unknown> | null {
    const earlier = [...keys.map((key) => this.#last.get(key)), this.#any].filter((last) => last instanceof Promise);
    return earlier.length > 0 ? Promise.all(earlier) : null;
  }

  async #after<T>(earlier: Promise<unknown>, write: () => Promise<T>): Promise<T> {
    await this.hold(() => earlier);
    return write();
  }
}

function ignore(): void {}
