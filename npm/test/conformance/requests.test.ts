/** Joining by request: devices through a real relay. */

import { describe, expect, inject, it, onTestFinished, vi } from "vitest";
import type { Database, JoinRequestInfo, OwnRequest } from "ashore";
import { database, needsKeeping, rejection, withWebSocket } from "./host.js";

const relay = inject("relay");
/** A port that nobody listens on. */
const NOWHERE = "ws://127.0.0.1:1/";

/** Waits for what comes when it comes. */
const until = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 20_000, interval: 20 });

withWebSocket();

/** Alice's database, shared, with a note; and the ticket to it. */
async function alices(): Promise<{ alice: Database; ticket: string }> {
  const alice = await database({ relay, deviceName: "Alice" });
  await alice.sync.enable();
  await alice.collection("notes").put("n1", { title: "Milk" });
  await alice.sync.now();
  const { link } = await alice.sync.createTicket({ linkBase: "https://app.example/lists" });
  return { alice, ticket: link };
}

/** Alice's database, shared; and an invite to it that needs approval. */
async function invited(uses = 1): Promise<{ alice: Database; id: string; link: string }> {
  const { alice } = await alices();
  const linkBase = "https://app.example/lists";
  const made = await alice.sync.createInvite({ approval: true, role: "reader", uses, ttlSeconds: 900, linkBase });
  expect(made.qrCode).toMatch(/^data:image\/svg\+xml/);
  expect(made).not.toHaveProperty("shortCode");
  return { alice, ...made };
}

/** What this device is told of those who ask. */
function told(db: Database): (readonly JoinRequestInfo[])[] {
  const all: (readonly JoinRequestInfo[])[] = [];
  onTestFinished(db.sync.on("requests", ({ requests }) => void all.push(requests)));
  return all;
}

/** How this device's own request stood, one after the other. */
function stands(db: Database): (string | null)[] {
  const all: (string | null)[] = [];
  const note = ({ request }: { request: OwnRequest | null }) => void all.push(request?.state ?? null);
  onTestFinished(db.sync.on("request", note));
  return all;
}

describe("a ticket", () => {
  it("says where the group is, and lets nobody in", async () => {
    const { alice, ticket } = await alices();
    const { link, qrCode } = await alice.sync.createTicket({ linkBase: "https://app.example/lists" });
    expect(link).toBe(ticket);
    expect(qrCode).toMatch(/^data:image\/svg\+xml/);
    const parameters = new URLSearchParams(new URL(link).hash.slice(1));
    expect(parameters.get("ticket")).toBe(alice.sync.status.group);
    expect(parameters.getAll("relay")).toEqual([relay]);
    const stranger = await database({ relay });
    expect((await rejection(stranger.sync.joinInvite(link))).code).toBe("invite.bad-code");
    expect((await rejection(stranger.sync.createTicket())).code).toBe("sync.disabled");
  });

  it("that is none is refused, and what this version does not know in one is passed over", async () => {
    const { ticket } = await alices();
    const bob = await database({ relay });
    for (const text of ["", "https://app.example/", "7KQ2-0000-0000-0000", ticket.replace("&k=", "&q=")]) {
      expect(await rejection(bob.sync.requestToJoin(text))).toMatchObject({ code: "ticket.bad", op: "requestToJoin" });
    }
    expect(await bob.sync.request()).toBeNull();
    const { state } = await bob.sync.requestToJoin(`${ticket}&later=%ZZ&flag`);
    expect(state).toBe("pending");
  });
});

describe("a request", () => {
  it("is shown to the admin with name, role and words, and once it is approved everything is there", async () => {
    const { alice, ticket } = await alices();
    const atAlice = told(alice);
    const bob = await database({ deviceName: "Bob's phone" });
    await bob.collection("notes").put("n2", { title: "Bread" });
    const atBob = stands(bob);
    const own = await bob.sync.requestToJoin(ticket, { role: "reader" });
    expect(own).toMatchObject({ state: "pending", role: "reader", group: alice.sync.status.group });
    expect(own.words).toHaveLength(6);
    await until(() => expect(atAlice).toHaveLength(1));
    const [request] = await alice.sync.requests();
    expect(request).toMatchObject({ name: "Bob's phone", role: "reader", device: own.device, words: own.words });
    expect(atAlice[0]).toEqual([request]);
    expect((await rejection(alice.sync.approve(own.device, "king" as never))).code).toBe("request.invalid");
    const waits = bob.sync.admitted();
    const devices = await alice.sync.approve(own.device, "writer");
    expect(devices.map(({ name, role }) => [name, role])).toEqual([
      ["Alice", "admin"],
      ["Bob's phone", "writer"],
    ]);
    expect(await waits).toEqual({ group: alice.sync.status.group });
    await Promise.all([alice.sync.now(), bob.sync.now()]);
    await until(async () => {
      for (const db of [alice, bob]) {
        expect(await db.collection("notes").list()).toEqual(["n1", "n2"]);
      }
    });
    expect(bob.sync.status.device).toBe(own.device);
    await until(() => expect(atAlice.at(-1)).toEqual([]));
    expect(atBob.at(-1)).toBe("admitted");
    expect(await bob.sync.request()).toMatchObject({ state: "admitted" });
    await bob.collection("notes").put("n3", { title: "Salt" });
    await bob.sync.now();
    await alice.sync.now();
    expect(await alice.collection("notes").get("n3")).toEqual({ title: "Salt" });
  });

  it("that is rejected ends in an error, and another may be made", async () => {
    const { alice, ticket } = await alices();
    const bob = await database();
    const { device } = await bob.sync.requestToJoin(ticket);
    const waits = rejection(bob.sync.admitted());
    await until(async () => expect(await alice.sync.requests()).toHaveLength(1));
    expect(await alice.sync.reject(device)).toEqual([]);
    expect(await waits).toMatchObject({ code: "join-request.rejected", op: "admitted" });
    expect(await bob.sync.request()).toMatchObject({ state: "rejected" });
    for (const decide of [alice.sync.approve(device, "writer"), alice.sync.reject(device)]) {
      expect((await rejection(decide)).code).toBe("join-request.not-found");
    }
    const again = await bob.sync.requestToJoin(ticket);
    expect(again.device).not.toBe(device);
    await until(async () => expect((await alice.sync.requests())[0]?.device).toBe(again.device));
  });

  it("survives the end of both apps, and who was away hears of it when it comes back", needsKeeping, async () => {
    const { alice, ticket } = await alices();
    const bob = await database({ deviceName: "Bob" });
    const own = await bob.sync.requestToJoin(ticket);
    await until(async () => expect((await bob.sync.request())?.delivered).toBe(true));
    await Promise.all([alice.close(), bob.close()]);
    const aliceAgain = await database({ name: alice.name, relay });
    await until(async () => expect(await aliceAgain.sync.requests()).toHaveLength(1));
    await aliceAgain.sync.approve(own.device, "reader");
    await aliceAgain.sync.now();
    const bobAgain = await database({ name: bob.name });
    expect(await bobAgain.sync.request()).toMatchObject({ device: own.device, words: own.words });
    await bobAgain.sync.admitted();
    await bobAgain.sync.now();
    expect(await bobAgain.collection("notes").get("n1")).toEqual({ title: "Milk" });
    expect((await rejection(bobAgain.sync.requests())).code).toBe("group.not-allowed");
  });

  it("is taken back, and nobody waits for it any more", async () => {
    const { alice, ticket } = await alices();
    const bob = await database();
    const { device } = await bob.sync.requestToJoin(ticket);
    await until(async () => expect(await alice.sync.requests()).toHaveLength(1));
    const waits = rejection(bob.sync.admitted());
    await bob.sync.withdrawRequest();
    expect((await waits).code).toBe("join-request.not-found");
    expect(await bob.sync.request()).toBeNull();
    await until(async () => expect(await alice.sync.requests()).toEqual([]));
    expect((await rejection(alice.sync.approve(device, "writer"))).code).toBe("join-request.not-found");
    await bob.sync.withdrawRequest();
  });

  it("needs no network to be made, and is refused for a group that the relay does not have", async () => {
    const { ticket } = await alices();
    const bob = await database();
    const own = await bob.sync.requestToJoin(ticket, { relay: NOWHERE });
    expect(own).toMatchObject({ state: "pending", delivered: false });
    const gaveUp = new AbortController();
    const waits = rejection(bob.sync.admitted({ signal: gaveUp.signal }));
    gaveUp.abort();
    expect((await waits).code).toBe("request.aborted");
    const closing = rejection(bob.sync.admitted());
    await bob.close();
    expect((await closing).code).toBe("database.closed");
    const carol = await database({ relay });
    const elsewhere = ticket.replace(/ticket=.{8}/, "ticket=00000000");
    await carol.sync.requestToJoin(elsewhere);
    expect((await rejection(carol.sync.admitted())).code).toBe("join-request.refused");
    expect(await carol.sync.request()).toMatchObject({ state: "refused", code: "relay.unknown-group" });
  });

  it("of a device that is in a group with others is refused", async () => {
    const { alice, ticket } = await alices();
    const { ticket: other } = await alices();
    const bob = await database();
    const { device } = await bob.sync.requestToJoin(ticket);
    expect((await rejection(bob.sync.requestToJoin(other))).code).toBe("request.invalid");
    expect((await bob.sync.requestToJoin(ticket)).device).toBe(device);
    await until(async () => expect(await alice.sync.requests()).toHaveLength(1));
    await alice.sync.approve(device, "admin");
    await bob.sync.admitted();
    await bob.sync.now();
    expect((await rejection(bob.sync.requestToJoin(other))).code).toBe("group.already-joined");
    const carol = await database({ deviceName: "Carol" });
    const asked = await carol.sync.requestToJoin(ticket);
    await until(async () => expect((await bob.sync.requests())[0]?.name).toBe("Carol"));
    await bob.sync.approve(asked.device, "writer");
    await carol.sync.admitted();
  });
});

describe("an invite that needs approval", () => {
  it("lets whoever has it ask, and marks what they ask", async () => {
    const { alice, id, link } = await invited(2);
    expect((await alice.sync.invites()).at(-1)).toMatchObject({ id, approval: true, open: true, usesLeft: 2 });
    const atAlice = told(alice);
    // The app's own relay is not asked: the link names the group's.
    const bob = await database({ relay: NOWHERE, deviceName: "Bob's phone" });
    const { group, request: own } = await bob.sync.joinInvite(link);
    expect(group).toBe(alice.sync.status.group);
    expect(own).toMatchObject({ state: "pending", role: "reader", group });
    await until(() => expect(atAlice).toHaveLength(1));
    const [request] = await alice.sync.requests();
    expect(request).toMatchObject({ device: own?.device, invite: id, role: "reader", words: own?.words });
    expect(request?.name).toBe("Bob's phone");
    expect(bob.sync.status.group).toBeNull();
    await alice.sync.approve(own?.device ?? "", "writer");
    expect(await bob.sync.admitted()).toEqual({ group });
    await bob.sync.now();
    expect(await bob.collection("notes").get("n1")).toEqual({ title: "Milk" });
    expect((await alice.sync.invites()).at(-1)).toMatchObject({ id, open: true, usesLeft: 1 });
    // Asking with it by hand is the same, and a rejection uses nothing.
    const carol = await database({ deviceName: "Carol" });
    const { device } = await carol.sync.requestToJoin(link);
    await until(async () => expect(await alice.sync.requests()).toMatchObject([{ device, invite: id }]));
    await alice.sync.reject(device);
    expect((await rejection(carol.sync.admitted())).code).toBe("join-request.rejected");
    expect((await alice.sync.invites()).at(-1)).toMatchObject({ open: true, usesLeft: 1 });
  });

  it("that was revoked while somebody asked marks nothing any more", async () => {
    const { alice, id, link } = await invited();
    const bob = await database();
    const { request } = await bob.sync.joinInvite(link);
    await until(async () => expect((await alice.sync.requests())[0]?.invite).toBe(id));
    const atAlice = told(alice);
    expect((await alice.sync.revokeInvite(id)).at(-1)).toMatchObject({ id, open: false, approval: true });
    await until(() => expect(atAlice.at(-1)).toHaveLength(1));
    expect(atAlice.at(-1)?.[0]).not.toHaveProperty("invite");
    const [plain] = await alice.sync.requests();
    expect(plain).toMatchObject({ device: request?.device });
    expect(plain).not.toHaveProperty("invite");
    await alice.sync.approve(request?.device ?? "", "writer");
    await bob.sync.admitted();
    expect((await alice.sync.invites()).at(-1)).toMatchObject({ open: false, usesLeft: 1 });
  });

  it("with another secret, or read by a version that does not know it, asks as a ticket does", async () => {
    const { alice, link } = await invited();
    const [forger, older] = [await database({ deviceName: "Forger" }), await database({ deviceName: "Older" })];
    await forger.sync.joinInvite(link.replace(/&i=(.)/, (_, first) => `&i=${first === "a" ? "b" : "a"}`));
    const plain = link.replace(/&i=\w+/, "");
    expect((await rejection(older.sync.joinInvite(plain))).code).toBe("invite.bad-code");
    await older.sync.requestToJoin(plain);
    await until(async () => {
      const asks = await alice.sync.requests();
      expect(asks.map(({ name, invite }) => [name, invite]).toSorted()).toEqual([
        ["Forger", undefined],
        ["Older", undefined],
      ]);
    });
  });

  it("survives the end of both apps", needsKeeping, async () => {
    const { alice, id, link } = await invited();
    const bob = await database({ deviceName: "Bob" });
    const { request: own } = await bob.sync.joinInvite(link);
    await until(async () => expect((await bob.sync.request())?.delivered).toBe(true));
    await Promise.all([alice.close(), bob.close()]);
    const aliceAgain = await database({ name: alice.name, relay });
    await until(async () =>
      expect(await aliceAgain.sync.requests()).toMatchObject([{ device: own?.device, invite: id }]),
    );
    await aliceAgain.sync.approve(own?.device ?? "", "reader");
    await aliceAgain.sync.now();
    const bobAgain = await database({ name: bob.name });
    await bobAgain.sync.admitted();
    await bobAgain.sync.now();
    expect(await bobAgain.collection("notes").get("n1")).toEqual({ title: "Milk" });
    await aliceAgain.close();
    const onceMore = await database({ name: alice.name, relay });
    expect((await onceMore.sync.invites()).at(-1)).toMatchObject({ id, approval: true, open: false, usesLeft: 0 });
  });
});
