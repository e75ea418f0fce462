/**
 * Runs before each file of tests in a Tauri window. Vitest shows tests in a frame of its page, and Tauri puts its bridge into the page alone: the frame
 * takes the page's, so that the package finds what it finds in every page of a Tauri app.
 */

import { inject } from "vitest";

const page = window.parent as unknown as Record<string, unknown>;
const here = globalThis as unknown as Record<string, unknown>;

if (!page["__TAURI_INTERNALS__"]) {
  throw new Error("this page is not shown by a Tauri app");
}
here["isTauri"] = page["isTauri"];
here["__TAURI_INTERNALS__"] = page["__TAURI_INTERNALS__"];
// The plugin asks the page for its name when something was loaded. Each frame has a name of its own, and what an earlier frame had open is over then.
const name = crypto.randomUUID();
here["__ASHORE_DOCUMENT__"] = name;
page["__ASHORE_DOCUMENT__"] = name;

if (inject("way") === "json") {
  refuseItsProtocol();
  here["__TAURI_INTERNALS__"] = withBytesOfThePage(page["__TAURI_INTERNALS__"] as Bridge);
}

interface Bridge {
  invoke(command: string, payload: unknown, options: unknown): Promise<unknown>;
}

/** As a webview does that lets no page ask Tauri's own protocol: Tauri notices and goes its other way, for as long as the page is there. */
function refuseItsProtocol(): void {
  if (page["ashoreRefuses"]) {
    return;
  }
  page["ashoreRefuses"] = true;
  const { fetch } = window.parent;
  window.parent.fetch = (input, init) =>
    new URL(input instanceof Request ? input.url : input).protocol === "ipc:"
      ? Promise.reject(new TypeError("refused"))
      : fetch(input, init);
}

/** What makes JSON of bytes knows those of its own page alone, and no frame's. */
function withBytesOfThePage(bridge: Bridge): Bridge {
  const Bytes = page["Uint8Array"] as Uint8ArrayConstructor;
  const invoke: Bridge["invoke"] = (command, payload, options) =>
    bridge.invoke(command, payload instanceof Uint8Array ? new Bytes(payload) : payload, options);
  return Object.create(bridge, { invoke: { value: invoke } }) as Bridge;
}
