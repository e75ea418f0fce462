// Sync as the views see it: where it stands, who is in, and what can be asked of it.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { Database, Device, Invite, SyncStatus } from "ashore";
import { deviceName, rememberDeviceName } from "./device-name.js";
import { ownRelay, relayAddress, rememberRelay } from "./relay.js";

export class Sync {
  readonly #database: Database;
  readonly #status;
  readonly #devices = signal<readonly Device[]>([]);

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

  get devices(): ReadonlySignal<readonly Device[]> {
    return this.#devices;
  }

  /** The relay that is asked, or would be if sync were on. */
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
    await this.loadDevices();
  }

  disable(): Promise<unknown> {
    return this.#database.sync.disable();
  }

  /** Leaves the group; what is on this device stays. */
  async leave(): Promise<void> {
    await this.#database.sync.disable({ forget: true });
    this.#devices.value = [];
  }

  now(): Promise<unknown> {
    return this.#database.sync.now();
  }

  /** An invite to this household, whose link opens this page. Turns sync on when it is off: there is nothing to join before. */
  async createInvite(giveUp: AbortSignal): Promise<Invite> {
    if (!this.#status.value.enabled) {
      await this.enable();
    }
    return this.#database.sync.createInvite({ linkBase: this.#page(), signal: giveUp });
  }

  async join(code: string): Promise<void> {
    const relay = this.relay;
    await this.#database.sync.joinInvite(code, { relay, deviceName: deviceName() });
    rememberRelay(relay);
    await this.loadDevices();
  }

  async loadDevices(): Promise<void> {
    this.#devices.value = this.#status.value.group === null ? [] : await this.#database.sync.devices();
  }

  async renameDevice(name: string): Promise<void> {
    rememberDeviceName(name);
    if (this.#status.value.group === null) {
      return;
    }
    await this.#database.sync.renameDevice(name);
    await this.loadDevices();
  }

  /** This page, for the device that is invited: it says which relay unless that is the page's own. */
  #page(): string {
    const page = location.origin + location.pathname;
    return this.relay === ownRelay() ? page : `${page}?relay=${encodeURIComponent(this.relay)}`;
  }
}
