// The household's database, open: its lists, items and notes, as live results keep them.

import { open, type Database, type TextHandle } from "ashore";
import { signal } from "@preact/signals";
import { Company } from "./company.js";
import { takeLeftDrafts } from "./drafts.js";
import { LiveDocuments } from "./documents.js";
import { Members } from "./members.js";
import { loadPersistence } from "./persistence.js";
import { isShownBySync } from "./problems.js";
import { Recovery } from "./recovery.js";
import { relayAddress } from "./relay.js";
import { Requests } from "./requests.js";
import { Sync } from "./sync.js";
import { attempt, tellProblem } from "./toasts.js";
import { parseItem, parseList, parseNote, type Item, type List, type Note } from "./types.js";

export class Household {
  readonly database: Database;
  readonly lists: LiveDocuments<List>;
  readonly items: LiveDocuments<Item>;
  readonly notes: LiveDocuments<Note>;
  readonly sync: Sync;
  readonly members: Members;
  readonly requests: Requests;
  readonly recovery: Recovery;
  readonly company: Company;

  private constructor(database: Database) {
    this.database = database;
    this.lists = new LiveDocuments(database.collection<List>("lists"), parseList);
    this.items = new LiveDocuments(database.collection<Item>("items"), parseItem);
    this.notes = new LiveDocuments(database.collection<Note>("notes"), parseNote);
    this.sync = new Sync(database);
    this.members = new Members(database, this.sync.status);
    this.requests = new Requests(database, this.members);
    this.recovery = new Recovery(database, this.members);
    this.company = new Company(database);
  }

  static async open(): Promise<Household> {
    const database = await open({ name: "household", relay: relayAddress() || undefined });
    database.on("error", (problem) => {
      if (!isShownBySync(problem)) {
        tellProblem(problem);
      }
    });
    const household = new Household(database);
    const { lists, items, notes } = household;
    try {
      await Promise.all([lists.follow(), items.follow(), notes.follow(), loadPersistence(database)]);
      // Before anything is shown: a reader is offered nothing that would be refused.
      await Promise.all([household.members.load(), household.requests.loadOwn()]);
      return household;
    } catch (problem) {
      // Who tries again opens anew, and nobody waits for this one to end.
      void attempt(database.close());
      throw problem;
    }
  }

  /** The text of a note, to be edited as it is typed. */
  noteText(id: string): TextHandle {
    return this.database.collection<Note>("notes").text(id, "body");
  }
}

/** How opening went: views wait for `open`. */
export type Opening =
  | { readonly state: "opening" }
  | { readonly state: "open"; readonly household: Household }
  | { readonly state: "failed"; readonly problem: unknown };

export const opening = signal<Opening>({ state: "opening" });

export async function openHousehold(): Promise<void> {
  opening.value = { state: "opening" };
  try {
    const household = await Household.open();
    await attempt(takeLeftDrafts(household));
    opening.value = { state: "open", household };
  } catch (problem) {
    opening.value = { state: "failed", problem };
  }
}
