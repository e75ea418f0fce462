/** Updates and deletes of whatever a query asks for, outside of transactions. */

import type { Documents, Entry, FindPage, WriteOptions } from "./documents.js";
import { serialise } from "./documents.js";
import type { DeleteResult, UpdateResult } from "./modifiers.js";
import { versionsOf } from "./shaped-writes.js";
import { keyOf } from "./versions.js";

/** A function that edits the draft of a document or returns another one. */
export type Edit<T> = (draft: T) => T | void;

/** What `change` makes of `draft`: what it returns, or the draft itself. */
export function edited<T extends object>(draft: T, change: Edit<T>): T {
  const returned = change(draft) as T | undefined;
  if (returned instanceof Promise) {
    throw new TypeError("The function given to update must not be async.");
  }
  return returned ?? draft;
}

/** Modifies every document that the query asks for, in one step of the engine. */
export async function modifyMany(
  documents: Documents,
  collection: string,
  query: string,
  modifiers: string,
  options: WriteOptions,
): Promise<UpdateResult> {
  const op = "updateMany";
  documents.checkOpen(op);
  const durability = options.durability ?? documents.durability;
  return documents.pending.writeAny(async () => {
    const asked = { updateMany: { collection, query, modifiers, durability } };
    const updated = await documents.ask([collection], asked, "updated", { op, signal: options.signal });
    documents.reportCorrupt(op, collection, updated.corrupt);
    updated.ids.forEach((id, at) => documents.versions.saw(collection, id, updated.versions[at] as string, null));
    documents.steps.wroteMany(updated.changed);
    return { matched: updated.matched, modified: updated.ids.length };
  });
}

/**
 * Modifies every document that the pages have, where the page keeps their shape: they are found and read, what comes of them is checked, and all of it is
 * one write.
 */
export async function modifyChecked<T extends object>(
  documents: Documents,
  collection: string,
  pages: (find: FindPage) => AsyncIterable<Entry<T>[]>,
  modifiers: string,
  options: WriteOptions,
): Promise<UpdateResult> {
  const op = "updateMany";
  documents.checkOpen(op);
  const { pending, versions } = documents;
  const update = async (): Promise<UpdateResult> => {
    const found = new Set<string>();
    for await (const page of pages((...asked) => documents.findStored(...asked))) {
      page.forEach(({ id }) => found.add(id));
    }
    const ids = [...found];
    const written = await documents.writeShaped(op, [{ modify: { collection, ids, modifiers } }], options, true);
    versionsOf(written.results[0]).forEach((version, at) => {
      const id = ids[at] as string;
      if (written.modified.has(keyOf(collection, id))) {
        versions.saw(collection, id, version, null);
      }
    });
    return { matched: ids.length, modified: written.modified.size };
  };
  return pending.writeAny(() => pending.hold(update));
}

/** Deletes every document that the query asks for, in one step of the engine. */
export async function removeMany(
  documents: Documents,
  collection: string,
  query: string,
  options: WriteOptions,
): Promise<DeleteResult> {
  const op = "deleteMany";
  documents.checkOpen(op);
  const durability = options.durability ?? documents.durability;
  return documents.pending.writeAny(async () => {
    const asked = { deleteMany: { collection, query, durability } };
    const removed = await documents.ask([collection], asked, "removed", { op, signal: options.signal });
    documents.reportCorrupt(op, collection, removed.corrupt);
    for (const id of removed.ids) {
      documents.versions.forget(collection, id);
    }
    documents.steps.wroteMany(removed.changed);
    return { deleted: removed.ids.length };
  });
}

/** Reads every document that the pages have, lets `change` edit it, and puts those that are different in one write. */
export async function editMany<T extends object>(
  documents: Documents,
  collection: string,
  pages: (find: FindPage) => AsyncIterable<Entry<T>[]>,
  change: Edit<T>,
  options: WriteOptions,
): Promise<UpdateResult> {
  const op = "updateMany";
  documents.checkOpen(op);
  const edit = async (): Promise<UpdateResult> => {
    const [ids, texts, values, bases]: [string[], string[], T[], (string | null)[]] = [[], [], [], []];
    let matched = 0;
    for await (const page of pages((...asked) => documents.findPage(...asked))) {
      matched += page.length;
      for (const { id, document } of page) {
        const base = documents.versions.baseOf(collection, id, document);
        const before = serialise(op, collection, id, document);
        const value = edited(document, change);
        const text = serialise(op, collection, id, value);
        if (text !== before) {
          ids.push(id);
          texts.push(text);
          values.push(value);
          bases.push(base);
        }
      }
    }
    if (ids.length > 0) {
      await documents.put(op, collection, ids, texts, bases, values, options);
    }
    return { matched, modified: ids.length };
  };
  return documents.pending.writeAny(() => documents.pending.hold(edit));
}
