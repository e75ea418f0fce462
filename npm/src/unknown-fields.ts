/** Fields that an app's schema does not know, because a newer app wrote them: they stay, however a document is put. */

import { toJson } from "./json.js";

type Fields = Record<string, unknown>;

/**
 * `next` with what is in `stored` and not in `known`, which is what the schema made of `stored`. In arrays an item is the same as before when the schema
 * makes the same of it, has the same `id`, or stands at the same place of as many.
 */
export function keepUnknown(stored: unknown, known: unknown, next: unknown): unknown {
  if (Array.isArray(stored) && Array.isArray(known) && Array.isArray(next)) {
    return keepInItems(stored, known, next);
  }
  if (!isFields(stored) || !isFields(known) || !isFields(next)) {
    return next;
  }
  const kept: Fields = { ...next };
  for (const [key, value] of Object.entries(stored)) {
    if (Object.hasOwn(next, key)) {
      set(kept, key, keepUnknown(value, Object.hasOwn(known, key) ? known[key] : undefined, next[key]));
    } else if (!Object.hasOwn(known, key)) {
      set(kept, key, value);
    }
  }
  return kept;
}

/** `next` with everything that is in `stored` and that it does not name. */
export function keepUnnamed(stored: unknown, next: unknown): unknown {
  if (!isFields(stored) || !isFields(next)) {
    return next;
  }
  const kept: Fields = { ...stored };
  for (const [key, value] of Object.entries(next)) {
    set(kept, key, Object.hasOwn(stored, key) ? keepUnnamed(stored[key], value) : value);
  }
  return kept;
}

function keepInItems(stored: readonly unknown[], known: readonly unknown[], next: readonly unknown[]): unknown[] {
  const texts = known.map(textOf);
  const free = new Set(stored.keys());
  const take = (at: number): number => (at >= 0 && free.delete(at) ? at : -1);
  const same = next.map((item) => take(texts.findIndex((text, at) => free.has(at) && text === textOf(item))));
  return next.map((item, at) => {
    let from = same[at] as number;
    if (from < 0) {
      from = take(stored.findIndex((other, place) => free.has(place) && hasSameId(other, item)));
    }
    if (from < 0 && stored.length === next.length) {
      from = take(at);
    }
    return from < 0 ? item : keepUnknown(stored[from], known[from], item);
  });
}

function hasSameId(one: unknown, other: unknown): boolean {
  return isFields(one) && isFields(other) && one["id"] !== undefined && one["id"] === other["id"];
}

function textOf(item: unknown): string {
  return toJson({ item });
}

/** Whether it is a plain object. */
export function isFields(value: unknown): value is Fields {
  const prototype: unknown = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  return prototype === Object.prototype || prototype === null;
}

/** Not by assignment: a field may be called `__proto__`. */
function set(fields: Fields, key: string, value: unknown): void {
  Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true });
}
