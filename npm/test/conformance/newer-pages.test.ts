/** A page that is newer than the engine, which another tab's older page may have brought: what the engine does not know is refused, never half understood. */

import { afterEach, describe, expect, it } from "vitest";
// The package's inside, on purpose: nothing in its API asks what an engine does not know.
import { Client } from "../../dist/client.js";
import { startMemory } from "../../dist/hosts/memory.js";
import { rejection } from "./host.js";

const client = new Client(startMemory(undefined));

const ask = (command: unknown): Promise<{ text: string }> =>
  client.ask(command as { ping: { text: string } }, "pong", { op: "ping" });

afterEach(() => client.close());

describe("a page newer than the engine", () => {
  it("is refused what the engine does not know, and answered the rest", async () => {
    expect(await ask({ ping: { text: "before" } })).toEqual({ text: "before" });
    expect(await rejection(ask({ sing: { song: "new" } }))).toMatchObject({ code: "host.outdated", retry: true });
    expect(await rejection(ask({ ping: { text: "a", loudly: true } }))).toMatchObject({ code: "host.outdated" });
    expect(await ask({ ping: { text: "after" } })).toEqual({ text: "after" });
  });
});
