/** An invite opens once, for a while, for whoever has its code; everything else ends in its own error. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { assertUnreadable, canary } from "./harness/canary.js";
import { pair } from "./harness/device.js";
import { useParts } from "./harness/parts.js";
import { until } from "./harness/wait.js";

const parts = useParts("--log-level", "debug");

/** More wrong codes than an address may try. */
const MANY = 60;

describe("an invite", () => {
  it("names its code, a link with it, and when it ends", async () => {
    const alice = await parts.device();
    await alice.enable(parts.relay.address, canary("Alice"));
    const asked = Date.now();
    const [one, other] = [
      await alice.invite({ ttlSeconds: 300, linkBase: "https://app.example/" }),
      await alice.invite(),
    ];
    assert.match(one.shortCode, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/);
    assert.equal(one.link, `https://app.example/#join=${one.shortCode}`);
    assert.ok(Math.abs(Number(one.expiresAt) - asked - 300_000) < 30_000);
    assert.notEqual(one.shortCode, other.shortCode);
  });

  it("that was used ends in invite.used", async () => {
    const [alice, bob, carol] = await parts.devices(3);
    await alice.enable(parts.relay.address, canary("Alice"));
    const { shortCode } = await alice.invite();
    await bob.join(shortCode, parts.relay.address, canary("Bob"));
    await assert.rejects(carol.join(shortCode, parts.relay.address, canary("Carol")), { code: "invite.used" });
    await bob.untilSynced();
    assert.equal((await alice.devices()).length, 2);
    assertUnreadable(parts.relay, (await alice.status()).group);
  });

  it("that has expired ends in invite.expired", async () => {
    const [alice, bob] = await parts.devices(2);
    await alice.enable(parts.relay.address, canary("Alice"));
    const { shortCode, expiresAt } = await alice.invite({ ttlSeconds: 1 });
    await until("the invite has expired", () => Date.now() > Number(expiresAt));
    await assert.rejects(bob.join(shortCode, parts.relay.address, canary("Bob")), { code: "invite.expired" });
    assert.equal((await alice.devices()).length, 1);
  });

  it("that nobody made ends in invite.not-found", async () => {
    const bob = await parts.device();
    await assert.rejects(bob.join("7KQ2-7KQ2-7KQ2-7KQ2", parts.relay.address, canary("Bob")), {
      code: "invite.not-found",
    });
  });

  it("that is no code ends in invite.bad-code", async () => {
    const bob = await parts.device();
    for (const garbage of ["", "hello", "7KQ2-7KQ2-7KQ2", "UUUU-UUUU-UUUU-UUUU", "https://app.example/#join=7KQ2"]) {
      await assert.rejects(bob.join(garbage, parts.relay.address, canary("Bob")), { code: "invite.bad-code" });
    }
  });

  it("is not guessed: many wrong codes end in invite.locked-out", async () => {
    const bob = await parts.device();
    const codes = [];
    await until("the relay answers no more guesses", async () => {
      assert.ok(codes.length < MANY, `${codes.length} guesses were answered`);
      const guess = `${String(codes.length).padStart(4, "0")}-0000-0000-0000`;
      const error = await bob.join(guess, parts.relay.address, "Bob").then(
        () => ({ code: "joined" }),
        (reason) => reason,
      );
      codes.push(error.code);
      return error.code === "invite.locked-out";
    });
    assert.deepEqual([...new Set(codes.slice(0, -1))], ["invite.not-found"]);
  });

  it("of another household does not take a device away from its own", async () => {
    const [alice, bob, carol] = await parts.devices(3);
    await pair(alice, bob, parts.relay.address);
    await carol.enable(parts.relay.address, canary("Carol"));
    const { shortCode } = await carol.invite();
    await assert.rejects(bob.join(shortCode, parts.relay.address, canary("Bob")), { code: "group.already-joined" });
  });
});
