/** Web Locks and BroadcastChannels of several tabs in one process. */

import type { Channel } from "../../src/hosts/tabs.js";

interface Request {
  readonly owner: unknown;
  readonly run: () => Promise<unknown> | unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The locks of one origin. */
export class FakeLocks {
  readonly #held = new Map<string, Request>();
  readonly #queued = new Map<string, Request[]>();

  holder(name: string): unknown {
    return this.#held.get(name)?.owner;
  }

  /** What `navigator.locks` is for one tab. */
  of(owner: unknown): Pick<LockManager, "request"> {
    const request = (name: string, first: unknown, second?: unknown): Promise<unknown> => {
      const options = (second ? first : {}) as LockOptions;
      const run = (second ?? first) as Request["run"];
      return new Promise((resolve, reject) => this.#request(name, { owner, run, resolve, reject }, options));
    };
    return { request } as Pick<LockManager, "request">;
  }

  /** The owner's process is gone. */
  drop(owner: unknown): void {
    for (const [name, queue] of this.#queued) {
      this.#queued.set(
        name,
        queue.filter((request) => request.owner !== owner),
      );
    }
    for (const [name, request] of this.#held) {
      if (request.owner === owner) {
        this.#held.delete(name);
        this.#next(name);
      }
    }
  }

  #request(name: string, request: Request, { signal, steal }: LockOptions): void {
    if (signal?.aborted) return request.reject(aborted());
    if (steal) {
      this.#held.get(name)?.reject(aborted());
      return this.#grant(name, request);
    }
    const queue = this.#queued.get(name) ?? [];
    this.#queued.set(name, [...queue, request]);
    signal?.addEventListener("abort", () => {
      const waiting = this.#queued.get(name) ?? [];
      if (!waiting.includes(request)) return;
      this.#queued.set(
        name,
        waiting.filter((other) => other !== request),
      );
      request.reject(aborted());
    });
    this.#next(name);
  }

  #next(name: string): void {
    if (this.#held.has(name)) return;
    const next = this.#queued.get(name)?.shift();
    if (next) this.#grant(name, next);
  }

  #grant(name: string, request: Request): void {
    this.#held.set(name, request);
    const release = (end: () => void) => (): void => {
      if (this.#held.get(name) === request) {
        this.#held.delete(name);
        this.#next(name);
      }
      end();
    };
    queueMicrotask(() => {
      void Promise.resolve(request.run()).then(
        (value) => release(() => request.resolve(value))(),
        (error: unknown) => release(() => request.reject(error))(),
      );
    });
  }
}

/** The channels of one origin. A frozen tab gets its messages when it thaws; what it posts is held back as well. */
export class FakeChannels {
  posted = 0;
  readonly #open = new Set<FakeChannel>();
  readonly #frozen = new Map<unknown, (() => void)[]>();
  readonly #silent = new Set<unknown>();

  of(owner: unknown): { open: (name: string) => Channel } {
    return {
      open: (name) => {
        const channel = new FakeChannel(name, owner, this);
        this.#open.add(channel);
        return channel;
      },
    };
  }

  /** Of those that somebody has open. */
  get names(): string[] {
    return [...this.#open].map(({ name }) => name);
  }

  freeze(owner: unknown): void {
    this.#frozen.set(owner, []);
  }

  thaw(owner: unknown): void {
    const held = this.#frozen.get(owner) ?? [];
    this.#frozen.delete(owner);
    for (const act of held) act();
  }

  silence(owner: unknown): void {
    this.#silent.add(owner);
  }

  /** @internal */
  post(from: FakeChannel, message: unknown): void {
    if (this.#silent.has(from.owner)) return;
    this.#whenAwake(from.owner, () => {
      this.posted += 1;
      const data: unknown = structuredClone(message);
      for (const to of this.#open) {
        if (to === from || to.name !== from.name || this.#silent.has(to.owner)) continue;
        queueMicrotask(() =>
          this.#whenAwake(to.owner, () => this.#open.has(to) && to.onmessage?.({ data } as MessageEvent)),
        );
      }
    });
  }

  /** @internal */
  close(channel: FakeChannel): void {
    this.#open.delete(channel);
  }

  #whenAwake(owner: unknown, act: () => void): void {
    const held = this.#frozen.get(owner);
    if (held) held.push(act);
    else act();
  }
}

class FakeChannel implements Channel {
  onmessage: ((event: MessageEvent) => void) | null = null;
  constructor(
    readonly name: string,
    readonly owner: unknown,
    readonly channels: FakeChannels,
  ) {}
  postMessage(message: unknown): void {
    this.channels.post(this, message);
  }
  close(): void {
    this.channels.close(this);
  }
}

function aborted(): DOMException {
  return new DOMException("aborted", "AbortError");
}
