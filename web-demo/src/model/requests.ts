// Joining by request: who asks to be let into this household, and what this device has asked of another one.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { Database, JoinRequestInfo, OwnRequest, Role, Ticket } from "ashore";
import { deviceName } from "./device-name.js";
import type { Members } from "./members.js";
import { invitePage } from "./relay.js";

/** Whether it is a link to ask with. */
export function isTicket(link: string): boolean {
  return /[#&]ticket=/.test(link);
}

/** Whether that link is an invitation. */
export function isInvite(link: string): boolean {
  return isTicket(link) && /[#&]i=/.test(link);
}

export class Requests {
  readonly #database: Database;
  readonly #members: Members;
  readonly #waiting = signal<readonly JoinRequestInfo[]>([]);
  readonly #own = signal<OwnRequest | null>(null);

  /** Who asks, the earliest first; admins are told. */
  readonly waiting: ReadonlySignal<readonly JoinRequestInfo[]> = this.#waiting;
  /** What this device has asked, and how that stands. */
  readonly own: ReadonlySignal<OwnRequest | null> = this.#own;

  constructor(database: Database, members: Members) {
    this.#database = database;
    this.#members = members;
    database.sync.on("requests", ({ requests }) => {
      this.#waiting.value = requests;
    });
    database.sync.on("request", ({ request }) => {
      this.#own.value = request;
    });
  }

  find(device: string | null): JoinRequestInfo | null {
    return this.#waiting.value.find((request) => request.device === device) ?? null;
  }

  /** Its own request is on this device; those of others are at the relay. */
  async loadOwn(): Promise<void> {
    this.#own.value = await this.#database.sync.request();
  }

  async loadWaiting(): Promise<void> {
    this.#waiting.value = this.#members.mayManage.value ? await this.#database.sync.requests() : [];
  }

  /** A link to this page that tells where the household is, and lets nobody in. */
  createTicket(relay: string): Promise<Ticket> {
    return this.#database.sync.createTicket({ linkBase: invitePage(relay) });
  }

  /** Without a role: what the invitation is for. */
  async ask(ticket: string, role: Role | null): Promise<void> {
    const wanted = role === null ? {} : { role };
    this.#own.value = await this.#database.sync.requestToJoin(ticket, { ...wanted, deviceName: deviceName() });
  }

  async takeBack(): Promise<void> {
    await this.#database.sync.withdrawRequest();
    this.#own.value = null;
  }

  async approve(device: string, role: Role): Promise<void> {
    await this.#database.sync.approve(device, role);
    this.#waiting.value = this.#waiting.value.filter((request) => request.device !== device);
    await this.#members.load();
  }

  async reject(device: string): Promise<void> {
    this.#waiting.value = await this.#database.sync.reject(device);
  }
}
