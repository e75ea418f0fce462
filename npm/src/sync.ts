/** Sync with other devices: enabling it, inviting and joining, and where it stands. */

import type { Client } from "./client.js";
import type { CallOptions, Documents } from "./documents.js";
import { Emitter, type Unsubscribe } from "./emitter.js";
import { AshoreError } from "./errors.js";
import type { AddressInfo } from "./generated/AddressInfo.js";
import type { ChangedDocuments } from "./generated/ChangedDocuments.js";
import type { Device } from "./generated/Device.js";
import type { DisconnectReason } from "./generated/DisconnectReason.js";
import type { DocumentState } from "./generated/DocumentState.js";
import type { ErrorCode } from "./generated/ErrorCode.js";
import type { Event } from "./generated/Event.js";
import type { InviteInfo } from "./generated/InviteInfo.js";
import type { JoinRequestInfo } from "./generated/JoinRequestInfo.js";
import type { OwnRequest } from "./generated/OwnRequest.js";
import type { Quarantined } from "./generated/Quarantined.js";
import type { RecoveryInfo } from "./generated/RecoveryInfo.js";
import type { SyncSettings } from "./generated/SyncSettings.js";
import type { SyncStatus } from "./generated/SyncStatus.js";
import { checkPassphrase, type KeyState } from "./keys.js";

/** Where and as whom this device syncs. */
export interface SyncOptions {
  /** The relay's WebSocket address, such as `wss://relay.example.org/v1/ws`. Left out: the one given to `open`, or the one from before. */
  readonly relay?: string | undefined;
  /** What the other members see this device as; at most 256 bytes, sealed before it leaves. */
  readonly deviceName?: string | undefined;
}

/** What a member may do: a reader reads, a writer writes too, an admin also invites, removes, and changes roles and keys. */
export type Role = "admin" | "writer" | "reader";

/** An invite, in the three forms that people pass on. It opens as often as it was made for, once unless told otherwise, and until it expires. */
export interface Invite {
  /** Names it for {@link Sync.revokeInvite}; says nothing of the code. */
  readonly id: string;
  /** `XXXX-XXXX-XXXX-XXXX`, to read aloud or type. */
  readonly shortCode: string;
  /** The app's page with the code behind `#`: the part of an address that browsers never send. */
  readonly link: string;
  /** The link as a QR code: a `data:image/svg+xml` URL for an `<img>`. */
  readonly qrCode: string;
  /** When it stops opening, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** An invite that needs approval: whoever comes with it asks to join, and an admin decides. */
export type ApprovalInvite = Omit<Invite, "shortCode">;

/** What an invite is to be like. */
export interface InviteOptions {
  /** What whoever joins by it becomes, an admin unless told otherwise. */
  readonly role?: Role | undefined;
  /** How many devices may join by it, 1 to 100; one unless told otherwise. */
  readonly uses?: number | undefined;
  /** How long it opens; 600 unless told otherwise. */
  readonly ttlSeconds?: number | undefined;
  /** The page that the link opens; this page unless told otherwise. */
  readonly linkBase?: string | undefined;
  /** Whoever comes with it asks, and an admin decides: see {@link Sync.requests}. It has no short code then, and is made offline too. */
  readonly approval?: boolean | undefined;
}

/** What {@link Sync.joinInvite} did. */
export interface Joined {
  /** The group's id, 52 characters of base32. */
  readonly group: string;
  /** The invite needs approval: what this device asks now, and is not in the group yet. `null`: it is. */
  readonly request: OwnRequest | null;
}

/** Where a group is and how to ask to be let in. It holds no secret: whoever has it may ask, and an admin decides. */
export interface Ticket {
  /** The app's page with the ticket behind `#`: the part of an address that browsers never send. */
  readonly link: string;
  /** The link as a QR code: a `data:image/svg+xml` URL for an `<img>`. */
  readonly qrCode: string;
}

/**
 * By what a device comes back into a group: the password and what that is found by, its `locator`, or the 24 words of a recovery phrase, as one text or as a
 * list.
 */
export type RecoverBy =
  { readonly locator: string; readonly password: string } | { readonly words: string | readonly string[] };

/** What the browser does not let a web app do for sync: `false` is a promise not made. Nothing is lost by it, only later. */
export interface SyncCapabilities {
  /** Syncs while no page of the app is open. Without it, sync goes on at the next opening. */
  readonly backgroundSync: boolean;
  /** The relay wakes a closed app when another device has written. Without it, the app hears of it at the next opening. */
  readonly pushNotifications: boolean;
  /** Stays connected while the page is hidden or the device sleeps. Without it, sync goes on as soon as the page comes to the front. */
  readonly alwaysOn: boolean;
  /** Everything written has been sent when the page is closed. Without it, what was written last is durable here and sent at the next opening. */
  readonly exitSync: boolean;
}

/** What sync tells. */
export interface SyncEvents {
  /** The relay accepted this device: once per handshake. */
  readonly connected: { readonly relay: string };
  /** The connection ended. */
  readonly disconnected: { readonly reason: DisconnectReason };
  /** Sync stands elsewhere than before. */
  readonly status: SyncStatus;
  /** Who is in the group, or what they may do, changed: the members now. */
  readonly membership: { readonly devices: readonly Device[] };
  /** Other devices ask to join the group, or do not any more: who waits now. Told to admins only. */
  readonly requests: { readonly requests: readonly JoinRequestInfo[] };
  /** This device's own request to join stands elsewhere than before; `null`: there is none. */
  readonly request: { readonly request: OwnRequest | null };
  /** Documents changed because another device changed them. */
  readonly change: { readonly changes: readonly ChangedDocuments[]; readonly missed: boolean };
  /** Something went wrong that no call waits for; once per fault. */
  readonly error: AshoreError;
}

const DEFAULT_INVITE_SECONDS = 600;
/** A ticket, also one of an invite that needs approval. */
const IS_TICKET = /(?:^|[#&])ticket=/;
const DEFAULT_NOW_MS = 30_000;
const DEFAULT_READY_MS = 24 * 3_600_000;
const DEFAULT_SNAPSHOT_MS = 120_000;
const CAPABILITIES: SyncCapabilities = Object.freeze({
  backgroundSync: false,
  pushNotifications: false,
  alwaysOn: false,
  exitSync: false,
});

/**
 * Sync of one database, at {@link Database.sync}.
 *
 * @example
 * ```ts
 * await db.sync.enable({ relay: "wss://relay.example.org/v1/ws" });
 * const { shortCode, qrCode } = await db.sync.createInvite();
 * // on the other device:
 * await db.sync.joinInvite("7KQ2-…");
 * db.sync.on("status", ({ state, pending }) => show(state, pending));
 * ```
 */
export class Sync {
  /** What sync does beyond an open page, as data: nothing of it in browsers. The same before anything was called. */
  readonly capabilities: SyncCapabilities = CAPABILITIES;
  readonly #client: Client;
  readonly #documents: Documents;
  readonly #defaults: SyncOptions;
  readonly #events = new Emitter<SyncEvents>();
  /** Ends what waits for something that will not come once the database is closed. */
  readonly #ends = new Set<() => void>();

  /** @internal Use {@link Database.sync}. */
  constructor(client: Client, documents: Documents, defaults: SyncOptions) {
    this.#client = client;
    this.#documents = documents;
    this.#defaults = defaults;
  }

  /**
   * Where sync stands: always true, never hopeful, the same in every tab. Before the first call that starts the engine it is `offline`; from then on
   * it follows by itself.
   */
  get status(): SyncStatus {
    return this.#client.status;
  }

  /**
   * Where the keys of this database are: `none`, `locked`, `unlocked` or `remote`. Until an engine was asked something it is `none`; from then on it
   * follows by itself, and {@link Database.on} `keys` tells when it changes.
   */
  get keyState(): KeyState {
    return this.#client.keyState;
  }

  /** The last place in the relay's log up to which everything is stored here. */
  get lastCursor(): number {
    return this.#client.status.cursor;
  }

  /** Starts syncing. Resolves without a network: connecting goes on in the background, and again after every restart of the app. */
  async enable(options: SyncOptions & CallOptions = {}): Promise<SyncStatus> {
    const { relay, deviceName } = { ...this.#defaults, ...defined(options) };
    const enableSync = { relay: relay ?? null, deviceName: deviceName ?? null };
    return (await this.#ask("enable", { enableSync }, "status", options)).status;
  }

  /** Stops syncing; documents stay. `forget` also leaves the group: its keys and its log are removed from this device. */
  async disable(options: { readonly forget?: boolean | undefined } & CallOptions = {}): Promise<SyncStatus> {
    return (await this.#ask("disable", { disableSync: { forget: options.forget ?? false } }, "status", options)).status;
  }

  /** When sync runs; `{ auto: true, intervalMs: 300000 }` unless it was configured. */
  async settings(options: CallOptions = {}): Promise<SyncSettings> {
    return this.configure({}, options);
  }

  /**
   * Sets when sync runs, now and after every restart of the app; what is left out stays. Resolves with what holds.
   *
   * @param settings `auto: false`: nothing is sent and nobody is connected until `now`, `createInvite` or `joinInvite` asks for it. `intervalMs`: how
   * often the relay is asked for news though nothing happened, from 1,000 to 31 days; news is pushed at once anyway, this is for a push that was lost.
   * `relays`: the addresses of one to eight relays, the preferred one first. One is followed at a time; when it cannot be reached, the next, and after
   * ten minutes the first is tried again. Give all devices the same. `status.relay` says which one it is. `channels`: at most four addresses `channel:NAME`
   * on which databases of this group that are open at the same time meet without a relay; in browsers those of the same origin.
   *
   * @example
   * ```ts
   * await db.sync.configure({ auto: false });
   * await db.sync.now();
   * ```
   */
  async configure(settings: Partial<SyncSettings>, options: CallOptions = {}): Promise<SyncSettings> {
    const { auto, intervalMs, relays, channels } = settings;
    const configureSync = {
      auto: auto ?? null,
      intervalMs: intervalMs === undefined ? null : wholeMs("configure", intervalMs),
      ...(relays === undefined ? {} : { relays: Array.from(relays, String) }),
      ...(channels === undefined ? {} : { channels: Array.from(channels, String) }),
    };
    return (await this.#ask("configure", { configureSync }, "syncSettings", options)).settings;
  }

  /**
   * Every address by which others are reached: the relays in the order in which they are preferred, then the channels, each with how it stands now and which
   * members are met there.
   *
   * @example
   * ```ts
   * await db.sync.configure({ channels: ["channel:family"] });
   * const [relay, channel] = await db.sync.addresses(); // { address, kind, state, peers }
   * ```
   */
  async addresses(options: CallOptions = {}): Promise<readonly AddressInfo[]> {
    return (await this.#ask("addresses", { addresses: {} }, "addresses", options)).addresses;
  }

  /**
   * Resolves as soon as everything that the group has was here once: for a device that has just joined. At once when it was before, also without a
   * network. Resolves with where sync stands.
   *
   * @param options `timeoutMs`: how long it may take, a day unless told otherwise. `signal`: gives up.
   * @throws {@link AshoreError} `sync.disabled`: in no group. After `timeoutMs`: `sync.offline`, `request.timed-out`, or why the relay refused.
   *
   * @example
   * ```ts
   * await db.sync.joinInvite(code);
   * await db.sync.ready({ timeoutMs: 60_000 });
   * ```
   */
  async ready(options: { readonly timeoutMs?: number | undefined } & CallOptions = {}): Promise<SyncStatus> {
    const syncReady = { timeoutMs: wholeMs("ready", options.timeoutMs ?? DEFAULT_READY_MS) };
    return (await this.#ask("ready", { syncReady }, "status", options)).status;
  }

  /**
   * Pushes and pulls now; resolves when both are through.
   *
   * @param options `timeoutMs`: how long it may take, 30 seconds unless told otherwise.
   * @throws {@link AshoreError} `sync.disabled`, `sync.offline`, `request.timed-out`, or why the relay refused.
   */
  async now(
    options: { readonly timeoutMs?: number | undefined } & CallOptions = {},
  ): Promise<{ readonly pushed: number; readonly pulled: number }> {
    return this.#ask(
      "now",
      { syncNow: { timeoutMs: wholeMs("now", options.timeoutMs ?? DEFAULT_NOW_MS) } },
      "synced",
      options,
    );
  }

  /**
   * Leaves a snapshot of all documents at the relay, sealed, so that a new device or one that was away for long takes it instead of every
   * entry. It is done by itself when it is worth it; this is for whoever cannot wait, such as before a relay is moved. Needs a writer's or an
   * admin's role.
   *
   * @param options `timeoutMs`: how long it may take, 120 seconds unless told otherwise.
   * @returns How many documents are in it, bytes of its sealed parts, and up to which cursor it covers the relay's log.
   * @throws {@link AshoreError} `sync.disabled`, `group.not-allowed`, `sync.offline`, `relay.quota-exceeded`, `request.timed-out`, or why the relay refused.
   *
   * @example
   * ```ts
   * const { documents, bytes } = await db.sync.publishSnapshot();
   * ```
   */
  async publishSnapshot(
    options: { readonly timeoutMs?: number | undefined } & CallOptions = {},
  ): Promise<{ readonly documents: number; readonly bytes: number; readonly cursor: number }> {
    const timeoutMs = wholeMs("publishSnapshot", options.timeoutMs ?? DEFAULT_SNAPSHOT_MS);
    return this.#ask("publishSnapshot", { publishSnapshot: { timeoutMs } }, "snapshot", options);
  }

  /**
   * A code for another device, or for several; needs the relay. With `approval` a link whose holders ask to join: it needs none, and lets nobody in before an
   * admin says so with {@link Sync.approve}.
   *
   * @throws {@link AshoreError} `group.not-allowed`: this device is no admin. `group.removed`, `sync.disabled`, `sync.offline`.
   *
   * @example
   * ```ts
   * const { link } = await db.sync.createInvite({ approval: true, role: "writer", uses: 20, ttlSeconds: 86_400 });
   * ```
   */
  async createInvite(
    options?: InviteOptions & { readonly approval?: false | undefined } & CallOptions,
  ): Promise<Invite>;
  async createInvite(options: InviteOptions & { readonly approval: true } & CallOptions): Promise<ApprovalInvite>;
  async createInvite(options: InviteOptions & CallOptions = {}): Promise<Invite | ApprovalInvite> {
    const ttlSeconds = wholeMs("createInvite", options.ttlSeconds ?? DEFAULT_INVITE_SECONDS);
    const role = options.role === undefined ? {} : { role: options.role };
    // What an older engine, in another tab, does not know is left out where it says nothing.
    const uses = (options.uses ?? 1) === 1 ? {} : { uses: wholeMs("createInvite", options.uses ?? 1) };
    const asked = { ttlSeconds, linkBase: options.linkBase ?? thisPage(), ...role, ...uses };
    if (options.approval === true) {
      return this.#ask("createInvite", { createApprovalInvite: asked }, "approvalInvite", options);
    }
    // An engine of an older version, in another tab, names no id.
    return { id: "", ...(await this.#ask("createInvite", { createInvite: asked }, "invite", options)) };
  }

  /** The invites of the group, open or not, in the order in which they came here; without their codes, which nobody keeps. */
  async invites(options: CallOptions = {}): Promise<readonly InviteInfo[]> {
    return (await this.#ask("invites", { invites: {} }, "invites", options)).invites;
  }

  /**
   * Closes an invite, also another admin's: nobody joins by it any more. Works offline; until the relay knows, somebody may still join.
   *
   * @throws {@link AshoreError} `invite.not-found`, `group.not-allowed`, `group.removed`.
   */
  async revokeInvite(invite: string, options: CallOptions = {}): Promise<readonly InviteInfo[]> {
    return (await this.#ask("revokeInvite", { revokeInvite: { invite: String(invite) } }, "invites", options)).invites;
  }

  /**
   * Joins the group of an invite: a short code, a link or a QR code's text. With the link of an invite that needs approval it asks to join instead, as
   * {@link Sync.requestToJoin} does: `request` is what it asks then, and {@link Sync.admitted} waits for the answer.
   *
   * @throws {@link AshoreError} `invite.bad-code`, `invite.not-found`, `invite.used`, `invite.expired`, `invite.locked-out`, `group.already-joined`.
   */
  async joinInvite(invite: string, options: SyncOptions & CallOptions = {}): Promise<Joined> {
    const text = String(invite);
    const { relay = null, deviceName = null } = { ...this.#defaults, ...defined(options) };
    if (!IS_TICKET.test(text)) {
      const joinInvite = { invite: text, relay, deviceName };
      return { ...(await this.#ask("joinInvite", { joinInvite }, "joined", options)), request: null };
    }
    // It names its relays, as a ticket does.
    const joinInvite = { invite: text, relay: options.relay ?? null, deviceName };
    const request = still(await this.#ask("joinInvite", { joinInvite }, "ownRequest", options), "joinInvite");
    return { group: request.group, request };
  }

  /**
   * A ticket for somebody who is to ask to join: it tells where the group is, and lets nobody in. Any member may make one, offline too, as often as it
   * likes; it does not expire.
   *
   * @param options `linkBase`: the page that the link opens; this page unless told otherwise.
   * @throws {@link AshoreError} `sync.disabled`, `group.removed`.
   */
  async createTicket(options: { readonly linkBase?: string | undefined } & CallOptions = {}): Promise<Ticket> {
    const createTicket = { linkBase: options.linkBase ?? thisPage() };
    return this.#ask("createTicket", { createTicket }, "ticket", options);
  }

  /**
   * Asks to join the group of a ticket. Resolves as soon as the request is stored here, with or without a network; it is sent when there is one, and what comes of
   * it is told by `request` events, also after restarts. While it waits, a group that this device has alone does not sync.
   *
   * @param ticket The link, a QR code's text, or what stands behind `#`. Parameters that this version does not know are passed over.
   * @param options `role`: what to become, a writer unless the ticket or this says otherwise; the admin decides. `relay`: instead of the ticket's.
   * @returns The request; its `words` are to be compared with those that the admin is shown.
   * @throws {@link AshoreError} `ticket.bad`, `group.already-joined`, `relay.invalid-address`; `request.invalid`: another join is under way.
   *
   * @example
   * ```ts
   * const { words } = await db.sync.requestToJoin(location.href, { deviceName: "Bob's phone" });
   * show(`Tell them: ${words.join(" ")}`);
   * await db.sync.admitted();
   * ```
   */
  async requestToJoin(
    ticket: string,
    options: { readonly role?: Role | undefined } & SyncOptions & CallOptions = {},
  ): Promise<OwnRequest> {
    const { deviceName } = { ...this.#defaults, ...defined(options) };
    const { role, relay } = options;
    const requestToJoin = {
      ticket: String(ticket),
      role: role ?? null,
      relay: relay ?? null,
      deviceName: deviceName ?? null,
    };
    return still(await this.#ask("requestToJoin", { requestToJoin }, "ownRequest", options), "requestToJoin");
  }

  /** This device's own request and how it stands, or how it ended; `null` when nothing was asked. */
  async request(options: CallOptions = {}): Promise<OwnRequest | null> {
    return (await this.#ask("request", { ownRequest: {} }, "ownRequest", options)).request;
  }

  /**
   * Resolves when an admin has let this device in, however long that takes: it waits for {@link Sync.requestToJoin}'s request, also one of an earlier visit.
   *
   * @throws {@link AshoreError} `join-request.rejected`: an admin has said no. `join-request.refused`: the relay does not take it.
   * `join-request.not-found`: nothing is asked, or it was taken back. `database.closed`, and `request.aborted` by `signal`.
   */
  async admitted(options: CallOptions = {}): Promise<{ readonly group: string }> {
    return new Promise((resolve, reject) => {
      const stop = this.on("request", ({ request }) => settle(request));
      const closed = () => end(() => reject(notAdmitted("database.closed", "The database was closed.")));
      const aborted = () => end(() => reject(notAdmitted("request.aborted", "The caller gave up.")));
      const end = (how: () => void) => {
        stop();
        this.#ends.delete(closed);
        options.signal?.removeEventListener("abort", aborted);
        how();
      };
      const settle = (request: OwnRequest | null) => {
        if (request === null) {
          end(() => reject(notAdmitted("join-request.not-found", "Nothing is asked.")));
        } else if (request.state === "admitted") {
          end(() => resolve({ group: request.group }));
        } else if (request.state === "rejected") {
          end(() => reject(notAdmitted("join-request.rejected", "An admin has said no.")));
        } else if (request.state === "refused") {
          end(() => reject(notAdmitted("join-request.refused", `The relay does not take it: ${request.code}.`)));
        }
      };
      this.#ends.add(closed);
      options.signal?.addEventListener("abort", aborted);
      this.request(options).then(settle, (error: unknown) => end(() => reject(error)));
    });
  }

  /** Takes this device's request back, offline too; of one that was decided, forgets how. Nothing to take back is no error. */
  async withdrawRequest(options: CallOptions = {}): Promise<void> {
    await this.#ask("withdrawRequest", { withdrawRequest: {} }, "done", options);
  }

  /**
   * Who asks to join the group, the earliest first. Admins only; needs the relay, which keeps the requests.
   *
   * @throws {@link AshoreError} `group.not-allowed`, `group.removed`, `sync.disabled`, `sync.offline`, `request.timed-out`.
   */
  async requests(options: CallOptions = {}): Promise<readonly JoinRequestInfo[]> {
    return (await this.#ask("requests", { requests: {} }, "requests", options)).requests;
  }

  /**
   * Lets a device in that asks. Compare the words of its request with those on its screen first: then it is the device that you mean, whatever the relay does.
   *
   * @param device Its id, from {@link Sync.requests}.
   * @param role What it becomes, whatever it asked for.
   * @throws {@link AshoreError} `join-request.not-found`: it does not ask (any more). Others as those of {@link Sync.requests}.
   */
  async approve(device: string, role: Role, options: CallOptions = {}): Promise<readonly Device[]> {
    const approveRequest = { device: String(device), role };
    return (await this.#ask("approve", { approveRequest }, "devices", options)).devices;
  }

  /** Turns a device away that asks. Answers who is left. Errors as those of {@link Sync.approve}. */
  async reject(device: string, options: CallOptions = {}): Promise<readonly JoinRequestInfo[]> {
    return (await this.#ask("reject", { rejectRequest: { device: String(device) } }, "requests", options)).requests;
  }

  /** The members of the group, in the order in which they were admitted. */
  async devices(options: CallOptions = {}): Promise<readonly Device[]> {
    return (await this.#ask("devices", { devices: {} }, "devices", options)).devices;
  }

  /** Renames this device for all members; at most 256 bytes. */
  async renameDevice(name: string, options: CallOptions = {}): Promise<readonly Device[]> {
    return (await this.#ask("renameDevice", { renameDevice: { name } }, "devices", options)).devices;
  }

  /**
   * Removes a member and changes the group's key: what is written from now on it cannot open, and what it writes reaches nobody. What it had read before
   * stays readable to it. Works offline; it takes effect for others when they hear of it.
   *
   * @throws {@link AshoreError} `group.not-allowed`: this device is no admin. `request.invalid`: no other member has this id. `group.removed`.
   *
   * @example
   * ```ts
   * const lost = (await db.sync.devices()).find(({ name }) => name === "Lost phone");
   * if (lost) await db.sync.removeDevice(lost.id);
   * ```
   */
  async removeDevice(device: string, options: CallOptions = {}): Promise<readonly Device[]> {
    return (await this.#ask("removeDevice", { removeDevice: { device: String(device) } }, "devices", options)).devices;
  }

  /**
   * Gives a member another role; admins only. A reader's writes are refused with `group.not-allowed` from the moment it hears of it.
   *
   * @throws {@link AshoreError} `group.not-allowed`, `group.last-admin`: members would be left without an admin. `request.invalid`, `group.removed`.
   */
  async changeRole(device: string, role: Role, options: CallOptions = {}): Promise<readonly Device[]> {
    const changeRole = { device: String(device), role };
    return (await this.#ask("changeRole", { changeRole }, "devices", options)).devices;
  }

  /** Makes another member an admin and this device a writer. Errors as those of {@link Sync.changeRole}. */
  async handOver(device: string, options: CallOptions = {}): Promise<readonly Device[]> {
    return (await this.#ask("handOver", { handOver: { device: String(device) } }, "devices", options)).devices;
  }

  /**
   * Leaves the group. Documents stay here; once the relay knows, the group and its keys are forgotten here and sync is disabled.
   *
   * @throws {@link AshoreError} `group.last-admin`: hand over first. `sync.disabled`, `group.removed`.
   */
  async leave(options: CallOptions = {}): Promise<void> {
    await this.#ask("leave", { leaveGroup: {} }, "done", options);
  }

  /** Changes the group's key, for all who are members now; admins only. For when a key may have leaked though nobody leaves. */
  async rotateKeys(options: CallOptions = {}): Promise<void> {
    await this.#ask("rotateKeys", { rotateKeys: {} }, "done", options);
  }

  /**
   * Leaves what brings the group back at the relay, sealed with a password: for the day when all devices are lost. It takes the place of a password that was
   * set before, by this or another admin. Resolves when the relay has it; deriving the key takes about a second.
   *
   * @param password At least 10 characters, 5 of them different. Whoever runs the relay can try to guess it, and the group is only as safe as it is hard to
   * guess: four random words are good.
   * @param options `locator`: a name that it is found by, such as a mail address, 3 to 256 bytes. Left out, it is what was found by before, or a random code
   * of the form `XXXX-XXXX-XXXX-XXXX`, which has to be written down with the password.
   * @throws {@link AshoreError} `recovery.weak-password`; `recovery.bad-locator`: the name is too short, reads as a code or is taken at this relay;
   * `group.not-allowed`: this device is no admin; `group.removed`, `sync.disabled`, `sync.offline`, `relay.unreachable`.
   *
   * @example
   * ```ts
   * const { locator } = await db.sync.setPassword("eleven grey herons wade");
   * // all devices are lost; on a new one:
   * await fresh.sync.recover({ locator, password: "eleven grey herons wade" });
   * ```
   */
  async setPassword(
    password: string,
    options: { readonly locator?: string | undefined } & CallOptions = {},
  ): Promise<{ readonly id: string; readonly locator: string }> {
    return this.#setPassword("setPassword", password, options.locator ?? null, options);
  }

  /**
   * Sets another password, found by the same; the one before opens nothing from then on. Any admin may, also without the old one.
   *
   * @throws {@link AshoreError} `recovery.not-found`: no password was set; and what {@link Sync.setPassword} throws.
   */
  async changePassword(
    next: string,
    options: CallOptions = {},
  ): Promise<{ readonly id: string; readonly locator: string }> {
    if (!(await this.recoveries(options)).some(({ kind }) => kind === "password")) {
      throw new AshoreError("recovery.not-found", "No password was set.", { op: "changePassword" });
    }
    return this.#setPassword("changePassword", next, null, options);
  }

  /**
   * Makes 24 words that bring the group back, to be written on paper. They take the place of those made before. Nobody keeps them: they are here once.
   *
   * @throws {@link AshoreError} `group.not-allowed`: this device is no admin; `group.removed`, `sync.disabled`, `sync.offline`, `relay.unreachable`.
   */
  async createRecoveryPhrase(
    options: CallOptions = {},
  ): Promise<{ readonly id: string; readonly words: readonly string[] }> {
    const { id, words } = await this.#ask("createRecoveryPhrase", { createRecoveryPhrase: {} }, "recovery", options);
    return { id, words: (words ?? "").split(" ") };
  }

  /** The recoveries of the group that are open, in the order in which they came here; without their secrets. */
  async recoveries(options: CallOptions = {}): Promise<readonly RecoveryInfo[]> {
    return (await this.#ask("recoveries", { recoveries: {} }, "recoveries", options)).recoveries;
  }

  /**
   * Closes a recovery, also another admin's, and changes the group's key: nobody comes back by it. Works offline; until the relay knows, somebody still may.
   *
   * @throws {@link AshoreError} `recovery.not-found`, `group.not-allowed`, `group.removed`.
   */
  async removeRecovery(recovery: string, options: CallOptions = {}): Promise<readonly RecoveryInfo[]> {
    const removeRecovery = { recovery: String(recovery) };
    return (await this.#ask("removeRecovery", { removeRecovery }, "recoveries", options)).recoveries;
  }

  /**
   * Comes back into a group as a new device and an admin, when its other devices are lost or out of reach. Resolves with the group's id when the relay has
   * taken this device in; documents follow, as after {@link Sync.joinInvite}.
   *
   * @throws {@link AshoreError} `recovery.bad-password`: it is wrong, or nothing lies under this name, which the relay does not tell apart;
   * `recovery.bad-words`: one of them is mistyped; `recovery.not-found`, `recovery.closed`, `recovery.too-many-attempts`, `recovery.bad-locator`;
   * `relay.misbehaved`: what the relay gave does not open; `group.already-joined`, `sync.offline`.
   *
   * @example
   * ```ts
   * await db.sync.recover({ relay, words: "legal winner thank year …" });
   * ```
   */
  async recover(by: RecoverBy & SyncOptions & CallOptions): Promise<{ readonly group: string }> {
    const { relay, deviceName } = { ...this.#defaults, ...defined(by) };
    const [locator, secret] =
      "words" in by
        ? [null, typeof by.words === "string" ? by.words : by.words.join(" ")]
        : [String(by.locator), by.password];
    checkPassphrase("recover", secret);
    const recover = { relay: relay ?? null, deviceName: deviceName ?? null, locator, secret };
    return this.#ask("recover", { recover }, "joined", by);
  }

  /** Entries that are kept but could not be opened or applied. */
  async quarantine(options: CallOptions = {}): Promise<readonly Quarantined[]> {
    return (await this.#ask("quarantine", { quarantine: {} }, "quarantine", options)).entries;
  }

  /** Where one document stands. */
  async statusOf(collection: string, id: string, options: CallOptions = {}): Promise<DocumentState> {
    return (await this.#ask("statusOf", { documentStatus: { collection, id } }, "documentStatus", options)).state;
  }

  /** Calls `handler` for every event of that name from now on; the returned function ends it. Listening starts the engine. */
  on<Name extends keyof SyncEvents>(name: Name, handler: (event: SyncEvents[Name]) => void): Unsubscribe {
    const stopListening = this.#documents.listen();
    const off = this.#events.on(name, handler);
    return () => {
      off();
      stopListening();
    };
  }

  /** @internal */
  hear(event: Event): void {
    if ("status" in event) {
      this.#events.emit("status", event.status.status);
    } else if ("connected" in event) {
      this.#events.emit("connected", event.connected);
    } else if ("membership" in event) {
      this.#events.emit("membership", event.membership);
    } else if ("requests" in event) {
      this.#events.emit("requests", event.requests);
    } else if ("ownRequest" in event) {
      this.#events.emit("request", event.ownRequest);
    } else if ("disconnected" in event) {
      this.#events.emit("disconnected", event.disconnected);
    } else if ("error" in event) {
      this.#events.emit("error", AshoreError.from(event.error.failure));
    } else if ("changed" in event) {
      const changes = event.changed.changes.filter((change) => change.remote);
      if (changes.length > 0 || event.changed.missed) {
        this.#events.emit("change", { changes, missed: event.changed.missed });
      }
    }
  }

  /** @internal */
  end(): void {
    this.#ends.forEach((end) => end());
    this.#events.clear();
  }

  async #setPassword(op: string, password: string, locator: string | null, options: CallOptions) {
    checkPassphrase(op, password);
    const made = await this.#ask(op, { setPassword: { password, locator } }, "recovery", options);
    return { id: made.id, locator: made.locator ?? "" };
  }

  async #ask<Kind extends Parameters<Client["ask"]>[1]>(
    op: string,
    command: Parameters<Client["ask"]>[0],
    kind: Kind,
    { signal }: CallOptions,
  ) {
    this.#documents.checkOpen(op);
    // What may leave is said before anything can.
    this.#documents.declarations.tellAll();
    return this.#client.ask(command, kind, { op, signal });
  }
}

/** Checks a time or duration and makes it whole; what is not a number of at least 0 is refused with `request.invalid`. */
export function wholeMs(op: string, value: number): number {
  if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
    return Math.round(value);
  }
  throw new AshoreError("request.invalid", `${value} is no duration.`, { op });
}

/** The request that was made, unless it was taken back meanwhile. */
function still({ request }: { readonly request: OwnRequest | null }, op: string): OwnRequest {
  if (request === null) {
    throw new AshoreError("join-request.not-found", "The request was taken back.", { op });
  }
  return request;
}

function notAdmitted(code: ErrorCode, message: string): AshoreError {
  return new AshoreError(code, message, { op: "admitted" });
}

function thisPage(): string | null {
  const place = (globalThis as { document?: { location?: Location } }).document?.location;
  return place ? place.origin + place.pathname : null;
}

/** Without the properties that are `undefined`, so that they do not hide the defaults. */
function defined({ relay, deviceName }: SyncOptions): SyncOptions {
  return Object.fromEntries(Object.entries({ relay, deviceName }).filter(([, value]) => value !== undefined));
}
