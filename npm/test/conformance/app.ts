/** What the app of the tests does for a page beside the plugin (`tests/tauri-host`). */

interface Bridge {
  invoke(command: string, payload?: unknown): Promise<unknown>;
}

/** One of its commands. */
export async function app<T>(command: string, payload?: Record<string, unknown> | Uint8Array): Promise<T> {
  const bridge = (globalThis as Record<string, unknown>)["__TAURI_INTERNALS__"] as Bridge;
  return (await bridge.invoke(command, payload)) as T;
}
