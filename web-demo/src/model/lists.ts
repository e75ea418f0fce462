// What can be done with lists and their items. Everything shows at once; what is deleted can be brought back.

import type { Household } from "./household.js";
import { newId } from "./ids.js";
import { inOrder, placeAt, placeLast } from "./positions.js";
import { attempt, tell } from "./toasts.js";
import { listColours, type Item, type Kept, type List, type ListColour, type ListKind } from "./types.js";

export function listsInOrder(household: Household): Kept<List>[] {
  return inOrder(household.lists.all.value);
}

export function itemsOf(household: Household, list: string): Kept<Item>[] {
  return inOrder(household.items.all.value.filter((item) => item.list === list));
}

export function createList(household: Household, title: string, kind: ListKind, colour: ListColour): string {
  const id = newId();
  const position = placeLast(listsInOrder(household), [id]).get(id) ?? "a0";
  void attempt(household.lists.put([[id, { title: title.trim(), kind, colour, position }]]));
  return id;
}

/** The colour that the fewest lists wear, so that a new list can be told from the others. */
export function freeColour(household: Household): ListColour {
  const worn = household.lists.all.value.map((list) => list.colour);
  const count = (colour: ListColour): number => worn.filter((one) => one === colour).length;
  return listColours.reduce((best, colour) => (count(colour) < count(best) ? colour : best));
}

export function editList(household: Household, id: string, fields: Partial<List>): void {
  void attempt(household.lists.edit(id, fields));
}

/** Moves a list so many places among the others. */
export function moveList(household: Household, id: string, by: -1 | 1): void {
  const lists = listsInOrder(household);
  const others = lists.filter((list) => list.id !== id);
  const to = lists.findIndex((list) => list.id === id) + by;
  const positions = placeAt(others, Math.max(0, Math.min(to, others.length)), [id]);
  void attempt(Promise.all([...positions].map(([moved, position]) => household.lists.edit(moved, { position }))));
}

/** Deletes a list with its items, or brings them back: one transaction, so no device ever shows half of it. */
export function deleteList(household: Household, list: Kept<List>): void {
  const items = itemsOf(household, list.id);
  void attempt(writeList(household, list, items, "delete"));
  tell(`Deleted “${list.title || "Untitled list"}”`, () => void attempt(writeList(household, list, items, "put")));
}

function writeList(
  household: Household,
  list: Kept<List>,
  items: readonly Kept<Item>[],
  what: "put" | "delete",
): Promise<void> {
  const show = <T extends object>(document: Kept<T>): readonly [string, T | null] => [
    document.id,
    what === "put" ? withoutId(document) : null,
  ];
  const write = (): Promise<unknown> =>
    household.database.transaction(async (transaction) => {
      const lists = transaction.collection<List>("lists");
      const kept = transaction.collection<Item>("items");
      if (what === "put") {
        await lists.put(list.id, withoutId(list));
        await Promise.all(items.map((item) => kept.put(item.id, withoutId(item))));
      } else {
        await Promise.all(items.map((item) => kept.delete(item.id)));
        await lists.delete(list.id);
      }
    });
  return household.lists.showing([show(list)], () => household.items.showing(items.map(show), write));
}

/** One item per line: a pasted list becomes items. */
export function addItems(household: Household, list: string, text: string): void {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const added = lines.filter((line) => line !== "").map((line) => ({ id: newId(), text: line }));
  const ids = added.map((item) => item.id);
  const positions = placeLast(itemsOf(household, list), ids);
  const documents = added.map(
    ({ id, text: words }) => [id, { list, text: words, done: false, position: positions.get(id) ?? "a0" }] as const,
  );
  void attempt(household.items.put(documents));
}

export function tickItem(household: Household, id: string, done: boolean): void {
  void attempt(household.items.edit(id, { done }));
}

/** An item without words is no item: emptying one deletes it. */
export function renameItem(household: Household, item: Kept<Item>, text: string): void {
  const words = text.trim();
  if (words === "") {
    deleteItems(household, [item], `Deleted “${item.text}”`);
  } else if (words !== item.text) {
    void attempt(household.items.edit(item.id, { text: words }));
  }
}

/** Moves an item to a place among `shown`, the items of its part of the list, in order and with the item itself. */
export function moveItem(household: Household, shown: readonly Kept<Item>[], id: string, index: number): void {
  const others = shown.filter((item) => item.id !== id);
  const positions = placeAt(others, Math.max(0, Math.min(index, others.length)), [id]);
  void attempt(Promise.all([...positions].map(([moved, position]) => household.items.edit(moved, { position }))));
}

export function deleteItems(household: Household, items: readonly Kept<Item>[], sentence: string): void {
  if (items.length === 0) {
    return;
  }
  void attempt(household.items.delete(items.map((item) => item.id)));
  const back = items.map((item) => [item.id, withoutId(item)] as const);
  tell(sentence, () => void attempt(household.items.put(back)));
}

function withoutId<T extends object>(kept: Kept<T>): T {
  return Object.fromEntries(Object.entries(kept).filter(([name]) => name !== "id")) as T;
}
