/** Three apps of SyncKit on two devices each, through a relay's process: what they share arrives, what must stay is nowhere at the relay. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";
import { WebSocket } from "ws";

import { assertUnreadable, canary } from "./harness/canary.js";
import { startRelay } from "./harness/relay.js";
import { until, untilEqual } from "./harness/wait.js";

// Node 20 has none of its own.
globalThis.WebSocket ??= WebSocket;
const { open } = await import("ashore");

const example = async (name) =>
  (await runnerImport(fileURLToPath(new URL(`../../examples/synckit/${name}.ts`, import.meta.url)))).module;

let relay;
const opened = [];

beforeEach(async () => {
  relay = await startRelay();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
  await relay.end();
});

/** Two devices in one group, each with the app's collections. */
async function twoDevices(app) {
  const [alice, bob] = await Promise.all(
    ["alice", "bob"].map((name) =>
      open({ name: `${name}-${crypto.randomUUID()}`, storage: "memory", relay: relay.address }),
    ),
  );
  opened.push(alice, bob);
  const apps = [app(alice), app(bob)];
  await alice.sync.enable();
  await alice.sync.now();
  const { shortCode } = await alice.sync.createInvite();
  const { group } = await bob.sync.joinInvite(shortCode);
  return { alice, bob, first: apps[0], second: apps[1], group, inStep: () => untilInStep([alice, bob]) };
}

/** Everything that was written is here and there. */
async function untilInStep(devices) {
  await until("both are in step", async () => {
    for (const db of devices) {
      await db.sync.now();
    }
    const [one, other] = devices.map((db) => db.sync.status);
    return one.pending === 0 && other.pending === 0 && one.cursor === other.cursor;
  });
}

describe("GoingsOn", () => {
  it("syncs its 13 tables, and of accounts all columns but the credentials", async () => {
    const { goingsOn } = await example("goingson");
    const { first, second, group, inStep } = await twoDevices(goingsOn);
    assert.equal(Object.keys(first).length, 13);
    const secrets = {
      password: canary("password"),
      oauth: { accessToken: canary("access"), refreshToken: canary("refresh"), expiresAt: new Date(0) },
    };
    const columns = {
      name: canary("account"),
      address: "a@example.org",
      provider: "imap",
      username: "a",
      auth: "oauth2",
      imapHost: "imap.example.org",
      imapPort: 993,
      imapSecurity: "tls",
      smtpHost: "smtp.example.org",
      smtpPort: 465,
      smtpSecurity: "tls",
      signature: "",
      pollMinutes: 5,
      sentFolder: "Sent",
      archiveFolder: "Archive",
      enabled: true,
    };
    assert.equal(Object.keys(columns).length, 16);
    await first.emailAccounts.put("a1", { ...columns, ...secrets });
    const task = { title: canary("task"), project: "p1", done: false, tags: ["home"], position: "a0" };
    await first.tasks.put("t1", task);
    await first.projects.put("p1", { name: canary("project"), archived: false, position: "a0" });
    const mail = {
      account: "a1",
      folder: "INBOX",
      messageId: "m1",
      from: "b@example.org",
      to: [],
      subject: canary("subject"),
      date: new Date(0),
      body: canary("body"),
      read: false,
      flagged: false,
      archived: false,
    };
    await first.emails.put("m1", mail);
    await first.attachments.put("f1", {
      email: "m1",
      name: canary("file"),
      type: "text/plain",
      size: 1,
      path: "/home/a/f1",
    });
    await first.emails.update("m1", (email) => ({ ...email, read: true, task: "t1" }));
    await inStep();
    assert.deepEqual(await second.emailAccounts.get("a1"), columns);
    assert.deepEqual(await first.emailAccounts.get("a1"), { ...columns, ...secrets });
    assert.deepEqual(await second.tasks.get("t1"), task);
    assert.deepEqual(await second.emails.list(), []);
    assert.deepEqual(await second.attachments.list(), []);
    // The other device fetches the same message, and has credentials of its own.
    await second.emails.put("m1", mail);
    assert.deepEqual(await second.emails.get("m1"), { ...mail, read: true, task: "t1" });
    await second.emailAccounts.update("a1", (account) => ({
      ...account,
      password: canary("password"),
      pollMinutes: 15,
    }));
    await inStep();
    assert.deepEqual(await first.emailAccounts.get("a1"), { ...columns, ...secrets, pollMinutes: 15 });
    assertUnreadable(relay, group);
  });

  it("tolerates that what a document names is not here yet, or not any more", async () => {
    const { goingsOn } = await example("goingson");
    const { alice, first, second, inStep } = await twoDevices(goingsOn);
    await first.tasks.put("t1", { title: "first the child", project: "p1", done: false, tags: [], position: "a0" });
    await inStep();
    assert.equal((await second.tasks.get("t1")).project, "p1");
    assert.equal(await second.projects.get("p1"), null);
    await alice.transaction(async (tx) => {
      await tx.collection("projects").put("p1", { name: "then the parent", archived: false, position: "a0" });
      await tx.collection("milestones").put("m1", { project: "p1", name: "both at once", reached: false });
    });
    await inStep();
    assert.equal((await second.projects.get("p1")).name, "then the parent");
    assert.equal((await second.milestones.find({ project: "p1" }).all()).length, 1);
    await second.projects.delete("p1");
    await inStep();
    assert.equal((await first.tasks.get("t1")).project, "p1");
  });
});

describe("Balanced Breakfast", () => {
  it("shares what was read and starred, and nothing else of an item", async () => {
    const { balancedBreakfast, takeFetched, dropBefore } = await example("balanced-breakfast");
    const { first, second, group, inStep } = await twoDevices(balancedBreakfast);
    await first.feeds.put("f1", {
      url: "https://example.org/feed",
      title: canary("feed"),
      position: "a0",
      etag: canary("etag"),
    });
    const items = Array.from({ length: 50 }, (_, at) => ({
      feed: "f1",
      url: `https://example.org/${at}`,
      title: canary("title"),
      html: canary("html"),
      publishedAt: new Date(at * 1000),
    }));
    for (const [at, item] of items.entries()) {
      await takeFetched(first, `i${at}`, item);
    }
    await inStep();
    const before = first.items && (await second.items.parked());
    assert.deepEqual(before, [], "what was fetched is nobody's news");
    await first.items.update("i1", (item) => ({ ...item, is_read: true }));
    await first.items.update("i2", (item) => ({ ...item, is_starred: true }));
    await inStep();
    assert.deepEqual(await second.items.list(), []);
    assert.deepEqual(await second.items.parked(), ["i1", "i2"]);
    for (const [at, item] of items.entries()) {
      await takeFetched(second, `i${at}`, item);
    }
    assert.deepEqual(await second.items.get("i1"), { ...items[1], is_read: true, is_starred: false });
    assert.deepEqual(
      (await second.items.find({ is_starred: true }).all()).map(({ id }) => id),
      ["i2"],
    );
    // Fetched again with another text: nothing that was said about it is undone, and nothing travels.
    await takeFetched(second, "i1", { ...items[1], title: canary("corrected") });
    assert.equal((await second.items.get("i1")).is_read, true);
    // Old items go here alone, and come back with what is known about them.
    await dropBefore(second, "f1", new Date(10_000));
    assert.equal(await second.items.count(), 40);
    await inStep();
    assert.equal(await first.items.count(), 50);
    await takeFetched(second, "i2", items[2]);
    assert.equal((await second.items.get("i2")).is_starred, true);
    await second.items.update("i40", (item) => ({ ...item, is_read: true }));
    await untilEqual("the other device hears of it", async () => (await first.items.get("i40")).is_read, true);
    assert.equal((await second.feeds.get("f1")).etag, undefined);
    assertUnreadable(relay, group);
  });
});

describe("audiofiles", () => {
  it("syncs file systems, files and tags, and where a file lies on a disk stays there", async () => {
    const { audioFiles } = await example("audiofiles");
    const { alice, first, second, group, inStep } = await twoDevices(audioFiles);
    await first.fileSystems.put("v1", { name: canary("library"), sync_files: false });
    const file = {
      vfs: "v1",
      parent: null,
      name: canary("kick"),
      folder: false,
      hash: canary("hash"),
      bytes: 4,
      seconds: 0.5,
    };
    await first.files.put("n1", { ...file, cached: { path: canary("path"), at: new Date(0) } });
    await first.waveforms.put("n1", { peaks: new Uint8Array([1, 2, 3]) });
    await first.tags.put("t1", { file: "n1", tag: canary("tag"), value: "dark" });
    await inStep();
    assert.deepEqual(await second.files.get("n1"), file);
    assert.deepEqual(await second.waveforms.list(), []);
    assert.equal((await second.tags.find({ file: "n1" }).all()).length, 1);
    // Both make a file of the same name while they are apart: both are kept, and named.
    await alice.sync.disable();
    await first.files.put("n2", { ...file, name: "new" });
    await second.files.put("n3", { ...file, name: "new" });
    await alice.sync.enable();
    await inStep();
    assert.deepEqual(await first.files.indexConflicts("place"), [["n2", "n3"]]);
    assertUnreadable(relay, group);
  });
});
