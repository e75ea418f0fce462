/** What a soak looks at: heaps after a collection, memory as diagnostics have it, workers, processes. */

import { commandOf, descendantsOf, residentBytes, threadsOf } from "../harness/processes.js";

/** A page and its workers, asked through Chromium's protocol. */
export class Inspector {
  #session;
  #sessions = new Map();
  #asked = new Map();
  #lastId = 0;

  static async of(page) {
    const inspector = new Inspector();
    await inspector.#begin(await page.context().newCDPSession(page));
    return inspector;
  }

  async #begin(session) {
    this.#session = session;
    session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
      if (targetInfo.type === "worker") {
        this.#sessions.set(sessionId, targetInfo.targetId);
      }
    });
    session.on("Target.detachedFromTarget", ({ sessionId }) => this.#forget(sessionId));
    session.on("Target.receivedMessageFromTarget", ({ message }) => this.#hear(JSON.parse(message)));
    // Not `flatten`: Playwright passes on what is said to sessions of its own alone.
    await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  }

  /** How many workers the page has. */
  get workers() {
    return this.#sessions.size;
  }

  /** Bytes of live objects, the browser's own behind them and their buffers, of the page and of all its workers together, each after a collection. */
  async heaps() {
    const page = await used((method) => this.#session.send(method));
    const workers = await Promise.all([...this.#sessions.keys()].map((id) => used((method) => this.#ask(id, method))));
    return { page, workers: workers.reduce((sum, bytes) => sum + bytes, 0) };
  }

  /** How many listeners of events the page's process has. */
  async listeners() {
    return (await this.#session.send("Memory.getDOMCounters")).jsEventListeners;
  }

  #ask(sessionId, method) {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { sessionId, resolve, reject });
      const message = JSON.stringify({ id, method });
      this.#session.send("Target.sendMessageToTarget", { sessionId, message }).catch(reject);
    });
  }

  #hear({ id, result, error }) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error) {
      asked?.reject(new Error(error.message));
    } else {
      asked?.resolve(result);
    }
  }

  #forget(sessionId) {
    this.#sessions.delete(sessionId);
    for (const [id, asked] of this.#asked) {
      if (asked.sessionId === sessionId) {
        this.#asked.delete(id);
        asked.reject(new Error("the worker has ended"));
      }
    }
  }
}

async function used(ask) {
  // What only finalizers let go of is gone after the second.
  await ask("HeapProfiler.collectGarbage");
  await ask("HeapProfiler.collectGarbage");
  const { usedSize, embedderHeapUsedSize, backingStorageSize } = await ask("Runtime.getHeapUsage");
  return usedSize + embedderHeapUsedSize + backingStorageSize;
}

/** Resident bytes of all browsers that this process started. */
export function browserBytes() {
  const browsers = descendantsOf(process.pid).filter((pid) => commandOf(pid).includes("chrom"));
  return browsers.reduce((sum, pid) => sum + residentBytes(pid), 0);
}

/** A process of its own: what it has in memory, and how many threads. */
export function processGauges(pid) {
  return { resident: residentBytes(pid), threads: threadsOf(pid) };
}
