// Where things stand in a list: fractional positions, so that moving one thing changes one document.

import { generateNKeysBetween } from "fractional-indexing";

export type Placed = { readonly id: string; readonly position: string };

/** By position; two devices may have chosen the same one, so the id decides between equals. */
export function inOrder<T extends Placed>(things: Iterable<T>): T[] {
  return [...things].toSorted((a, b) => order(a.position, b.position) || order(a.id, b.id));
}

/**
 * The positions to write so that `ids` stand, in this order, before `others[index]`.
 * `others` is in order and holds none of `ids`. Equal neighbours (two devices put something at the same place) are
 * spread out along the way, which is why there may be more positions than ids.
 */
export function placeAt(others: readonly Placed[], index: number, ids: readonly string[]): Map<string, string> {
  const before = others[index - 1]?.position ?? null;
  const end = before === null ? index : firstBehind(others, index, before);
  const moved = [...ids, ...others.slice(index, end).map((other) => other.id)];
  const keys = generateNKeysBetween(before, others[end]?.position ?? null, moved.length);
  return new Map(moved.map((id, at) => [id, keys[at] ?? "a0"]));
}

export function placeLast(others: readonly Placed[], ids: readonly string[]): Map<string, string> {
  return placeAt(others, others.length, ids);
}

/** Where, from `index` on, a position greater than `before` stands. */
function firstBehind(others: readonly Placed[], index: number, before: string): number {
  const at = others.findIndex((other, place) => place >= index && order(other.position, before) > 0);
  return at === -1 ? others.length : at;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
