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

page.addEventListener("message", ({ data }) => {
  if ("calls" in data) {
    seat?.send(data.calls);
  } else if ("check" in data) {
    page.postMessage({ alive: true });
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
      seated: () => page.postMessage({ seated: true }),
      ready: () => page.postMessage({ ready: true }),
      news: (news) => page.postMessage({ news }),
      leads: (term) => page.postMessage({ leads: term }),
      spare: (held) => page.postMessage({ spare: held }),
      gone: (failure) => page.postMessage({ gone: failure }),
    },
    spare,
  );
  taken.start();
  return taken;
}

async function leave(): Promise<void> {
  await seat?.stop();
  page.postMessage({ stopped: true });
}
