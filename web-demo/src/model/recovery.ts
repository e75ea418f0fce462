// The ways back into the household for the day when every device is lost: a password, and 24 words on paper.

import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Database, RecoverBy, RecoveryInfo } from "ashore";
import { deviceName } from "./device-name.js";
import type { Members } from "./members.js";
import { rememberRelay } from "./relay.js";

/** How many words a phrase has. */
export const phraseWords = 24;

export class Recovery {
  readonly #database: Database;
  readonly #members: Members;
  readonly #all = signal<readonly RecoveryInfo[]>([]);

  readonly password: ReadonlySignal<RecoveryInfo | null> = computed(() => this.#ofKind("password"));
  readonly phrase: ReadonlySignal<RecoveryInfo | null> = computed(() => this.#ofKind("phrase"));

  constructor(database: Database, members: Members) {
    this.#database = database;
    this.#members = members;
  }

  async load(): Promise<void> {
    this.#all.value = this.#members.mayManage.value ? await this.#database.sync.recoveries() : [];
  }

  /** Answers by what it is found: the name that was given, or a code that must be written down. */
  async setPassword(password: string, name: string): Promise<string> {
    const locator = name.trim() === "" ? undefined : name.trim();
    const made = await this.#database.sync.setPassword(password, { locator });
    await this.load();
    return made.locator;
  }

  async changePassword(password: string): Promise<void> {
    await this.#database.sync.changePassword(password);
    await this.load();
  }

  /** The words are here once; nobody keeps them. */
  async createPhrase(): Promise<{ readonly id: string; readonly words: readonly string[] }> {
    return this.#database.sync.createRecoveryPhrase();
  }

  async remove(recovery: string): Promise<void> {
    this.#all.value = await this.#database.sync.removeRecovery(recovery);
  }

  /** Comes back as a new device, and an admin. */
  async recover(by: RecoverBy, relay: string): Promise<void> {
    await this.#database.sync.recover({ ...by, relay, deviceName: deviceName() });
    rememberRelay(relay);
  }

  #ofKind(kind: string): RecoveryInfo | null {
    return this.#all.value.find((recovery) => recovery.kind === kind) ?? null;
  }
}

/** So many places among the words, in order, for checking that they were written down. */
export function pickPlaces(count: number, among: number): readonly number[] {
  const places = Array.from({ length: among }, (_, place) => place);
  const random = crypto.getRandomValues(new Uint32Array(count));
  const picked = [...random].map((number) => places.splice(number % places.length, 1)[0] as number);
  return picked.toSorted((a, b) => a - b);
}

export function isSameWord(typed: string, word: string | undefined): boolean {
  return typed.trim().toLowerCase() === word;
}
