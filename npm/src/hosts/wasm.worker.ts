/** The worker of one page: joins the tabs of its database and runs the engine when it is elected. */

import { randomName } from "../random.js";
import { openEngine, prepare } from "./engine.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { Seat } from "./tabs.js";

const page = globalThis as unknown as {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  addEventListener(name: "message", handler: (event: MessageEvent<ToWorker>) => void): void;
  close(): void;
};
let seat: Seat | null = null;
/** What the engine says in one turn, which goes to the page in one message. */
let untold: Uint8Array[] = [];

page.addEventListener("message", ({ data }) => {
  if ("calls" in data) {
    seat?.send(data.calls);
  } else if ("check" in data) {
    post({ alive: true });
  } else if ("start" in data) {
    seat ??= take(data.start);
  } else {
    void leave();
  }
});

function take({ database, client, wasm, encrypt, spare }: Extract<ToWorker, { start: unknown }>["start"]): Seat {
  const taken = new Seat(
    database,
    client,
    {
      locks: navigator.locks,
      openChannel: (name) => new BroadcastChannel(name),
      openEngine: (listener, held) => openEngine({ database, storage: "persistent", wasm, encrypt }, listener, held),
      prepare: () => prepare(wasm),
      randomName,
      now: () => performance.now(),
    },
    {
      seated: () => post({ seated: true }),
      ready: () => post({ ready: true }),
      news: tell,
      leads: (term) => post({ leads: term }),
      spare: (held) => post({ spare: held }),
      gone: (failure) => post({ gone: failure }),
    },
    spare,
  );
  taken.start();
  return taken;
}

async function leave(): Promise<void> {
  await seat?.stop();
  post({ stopped: true });
}

function tell(news: Uint8Array): void {
  if (untold.push(news) === 1) {
    queueMicrotask(tellAll);
  }
}

function tellAll(): void {
  if (untold.length > 0) {
    page.postMessage({ news: untold });
    untold = [];
  }
}

/** Behind everything that was told before. */
function post(message: FromWorker): void {
  tellAll();
  page.postMessage(message);
}
