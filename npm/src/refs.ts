/** References between documents: a field that holds the id of a document of another collection, and what it names. */

import type { Documents } from "./documents.js";
import { AshoreError } from "./errors.js";

/** What a reference names: the document, `null` as long as it is not there; in arrays one for each item. */
export type Resolved = object | null | readonly Resolved[];

/** What documents name at a path, in their order; read in one go. */
export async function resolve(
  documents: Documents,
  collection: string,
  referrers: readonly object[],
  path: string,
  signal?: AbortSignal,
): Promise<Resolved[]> {
  const op = "resolve";
  const refs = documents.declarations.optionsOf(collection)?.refs as Readonly<Record<string, string>> | undefined;
  const target = refs?.[path];
  if (target === undefined) {
    const message = `The collection's options name no collection that \`${path}\` refers to.`;
    throw new AshoreError("request.invalid", message, { op, collection });
  }
  const named = referrers.map((referrer) => idsAt(referrer, path.split(".")));
  const ids = [...new Set(named.flatMap(listed))];
  const reads = await documents.read(op, target, ids, signal);
  const found = new Map(ids.map((id, at) => [id, reads[at]?.document ?? null]));
  return named.map((id) => fill(id, found));
}

type Ids = string | null | readonly Ids[];

/** The ids at a path; `null` where there is none. Of an array, those of each item. */
function idsAt(value: unknown, steps: readonly string[]): Ids {
  if (Array.isArray(value)) {
    return value.map((item) => idsAt(item, steps));
  }
  const [step, ...rest] = steps;
  if (step === undefined) {
    return typeof value === "string" ? value : null;
  }
  const fields = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  return Object.hasOwn(fields, step) ? idsAt(fields[step], rest) : null;
}

function listed(ids: Ids): string[] {
  if (typeof ids === "string") {
    return [ids];
  }
  return ids === null ? [] : ids.flatMap(listed);
}

function fill(ids: Ids, found: ReadonlyMap<string, object | null>): Resolved {
  if (typeof ids === "string") {
    return found.get(ids) ?? null;
  }
  return ids === null ? null : ids.map((id) => fill(id, found));
}
