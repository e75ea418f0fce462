// Sync as the views see it: where it stands, and what can be asked of it. Who is in: members.ts.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { ApprovalInvite, Database, Invite, Role, SyncStatus } from "ashore";
import { deviceName } from "./device-name.js";
import { parseLink } from "./links.js";
import { invitePage, relayAddress, rememberRelay } from "./relay.js";
import { isTicket } from "./requests.js";

export class Sync {
  readonly #database: Database;
  readonly #status;

  constructor(database: Database) {
    this.#database = database;
    this.#status = signal<SyncStatus>(database.sync.status);
    database.sync.on("status", (status) => {
      this.#status.value = status;
    });
  }

  get status(): ReadonlySignal<SyncStatus> {
    return this.#status;
  }

  /** The relay that is asked, or would be if sync were on. Empty when none is known yet. */
  get relay(): string {
    const { enabled, relay } = this.#status.value;
    return (enabled ? relay : null) ?? relayAddress();
  }

  /** Asks another relay from now on. */
  async useRelay(relay: string): Promise<void> {
    if (this.#status.value.enabled) {
      await this.enable(relay);
    }
    rememberRelay(relay);
  }

  async enable(relay: string = relayAddress()): Promise<void> {
    await this.#database.sync.enable({ relay, deviceName: deviceName() });
    rememberRelay(relay);
  }

  disable(): Promise<unknown> {
    return this.#database.sync.disable();
  }

  /** Forgets the household and its keys, without a word to the others; what is on this device stays. */
  forget(): Promise<unknown> {
    return this.#database.sync.disable({ forget: true });
  }

  now(): Promise<unknown> {
    return this.#database.sync.now();
  }

  /**
   * An invite to this household, whose link opens this page; with `approval` it has no code, and whoever opens it asks. Turns sync on when it is off: there is
   * nothing to join before.
   */
  async createInvite(role: Role, approval: boolean): Promise<Invite | ApprovalInvite> {
    if (!this.#status.value.enabled) {
      await this.enable();
    }
    const wanted = { role, linkBase: invitePage(this.relay) };
    const { sync } = this.#database;
    return approval ? sync.createInvite({ ...wanted, approval }) : sync.createInvite(wanted);
  }

  /** `true`: the invitation needs an admin's yes, and this device asks for it now. */
  async join(code: string): Promise<boolean> {
    if (isTicket(code)) {
      await this.#database.sync.joinInvite(code, { deviceName: deviceName() });
      return true;
    }
    const relay = (this.#status.value.enabled ? null : parseLink(code)?.relay) ?? this.relay;
    await this.#database.sync.joinInvite(code, { relay, deviceName: deviceName() });
    rememberRelay(relay);
    return false;
  }
}
