// Who belongs to the household and what each may do: the members, the open invitations, and everything an admin can change.

import { computed, effect, signal, untracked, type ReadonlySignal } from "@preact/signals";
import type { Database, Device, InviteInfo, Role, SyncStatus } from "ashore";
import { rememberDeviceName } from "./device-name.js";
import { attempt } from "./toasts.js";

export const roles: readonly Role[] = ["admin", "writer", "reader"];

export class Members {
  readonly #database: Database;
  readonly #status: ReadonlySignal<SyncStatus>;
  readonly #devices = signal<readonly Device[]>([]);
  readonly #invites = signal<readonly InviteInfo[]>([]);

  /** In the order in which they were admitted. */
  readonly devices: ReadonlySignal<readonly Device[]> = this.#devices;
  /** Those by which somebody may still join, if their time is not up. */
  readonly openInvites = computed(() => this.#invites.value.filter((invite) => invite.open));
  readonly me = computed(() => this.#devices.value.find((device) => device.me) ?? null);
  /** This device was removed: it is a member no more, and what it has stays. */
  readonly removed: ReadonlySignal<boolean>;
  /** Whoever is in no household, and whoever was removed, writes for itself. */
  readonly mayWrite: ReadonlySignal<boolean>;
  /** Invites, removes, and changes roles and the key. */
  readonly mayManage: ReadonlySignal<boolean>;
  /** Whoever is in no household founds one by inviting. */
  readonly mayInvite: ReadonlySignal<boolean>;

  constructor(database: Database, status: ReadonlySignal<SyncStatus>) {
    this.#database = database;
    this.#status = status;
    const group = computed(() => status.value.group);
    const inGroup = computed(() => group.value !== null);
    this.removed = computed(() => inGroup.value && status.value.removed === true);
    const member = computed(() => (inGroup.value && !this.removed.value ? this.me.value : null));
    this.mayWrite = computed(() => member.value?.role !== "reader");
    this.mayManage = computed(() => member.value?.role === "admin");
    this.mayInvite = computed(() => this.mayManage.value || !inGroup.value);
    database.sync.on("membership", ({ devices }) => {
      this.#devices.value = devices;
      void attempt(this.loadInvites());
    });
    // Another tab may join, leave or forget.
    effect(() => {
      if (group.value === null) {
        this.#devices.value = [];
        this.#invites.value = [];
      } else {
        void untracked(() => attempt(this.load()));
      }
    });
  }

  find(id: string | null): Device | null {
    return this.#devices.value.find((device) => device.id === id) ?? null;
  }

  nameOf(id: string): string {
    return nameOf(this.find(id));
  }

  /** Nobody else could invite, remove or give this device its role back. */
  readonly onlyAdmin = computed(
    () => this.mayManage.value && this.#devices.value.filter(({ role }) => role === "admin").length === 1,
  );

  async load(): Promise<void> {
    if (this.#status.value.group !== null) {
      this.#devices.value = await this.#database.sync.devices();
      await this.loadInvites();
    }
  }

  async loadInvites(): Promise<void> {
    this.#invites.value = this.mayManage.value ? await this.#database.sync.invites() : [];
  }

  /** The name for when there is no household yet is remembered too. */
  async rename(name: string): Promise<void> {
    rememberDeviceName(name);
    if (this.#status.value.group !== null) {
      this.#devices.value = await this.#database.sync.renameDevice(name);
    }
  }

  async changeRole(device: string, role: Role): Promise<void> {
    this.#devices.value = await this.#database.sync.changeRole(device, role);
  }

  async remove(device: string): Promise<void> {
    this.#devices.value = await this.#database.sync.removeDevice(device);
  }

  async handOver(device: string): Promise<void> {
    this.#devices.value = await this.#database.sync.handOver(device);
  }

  async withdraw(invite: string): Promise<void> {
    this.#invites.value = await this.#database.sync.revokeInvite(invite);
  }

  changeKey(): Promise<void> {
    return this.#database.sync.rotateKeys();
  }

  /** The others go on without this device; what is on it stays. */
  leave(): Promise<void> {
    return this.#database.sync.leave();
  }
}

export function nameOf(device: Device | null): string {
  return device?.name || "Unnamed device";
}

/** Enough of a device's id to tell two of one name apart. */
export function shortId(id: string): string {
  return `${id.slice(0, 4)} ${id.slice(4, 8)}`;
}
