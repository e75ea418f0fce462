/** Balanced Breakfast: subscriptions sync; items are fetched by each device, and of them only what was read and starred travels. */

import type { Collection, Database } from "ashore";

export interface Feed {
  url: string;
  title: string;
  folder?: string;
  position: string;
  etag?: string;
  fetchedAt?: Date;
}
export interface FeedItem {
  feed: string;
  url: string;
  title: string;
  html: string;
  publishedAt: Date;
  is_read: boolean;
  is_starred: boolean;
}

export interface BalancedBreakfast {
  readonly feeds: Collection<Feed>;
  readonly items: Collection<FeedItem>;
}

/** The app's collections. An item's id is the hash of its feed and its own id, the same on every device. */
export function balancedBreakfast(db: Database): BalancedBreakfast {
  return {
    feeds: db.collection("feeds", { local: ["etag", "fetchedAt"], indexes: [{ fields: ["url"], unique: true }] }),
    items: db.collection("feed_items", {
      sync: ["is_read", "is_starred"],
      syncDeletes: false,
      indexes: [{ fields: ["feed", "-publishedAt"] }, { fields: ["is_read"] }],
    }),
  };
}

/** Takes over what a device fetched: a new item begins as it is, one that is here keeps what was said about it. */
export async function takeFetched(
  { items }: BalancedBreakfast,
  id: string,
  fetched: Omit<FeedItem, "is_read" | "is_starred">,
): Promise<void> {
  const known = await items.update(id, (item) => ({ ...item, ...fetched }));
  if (!known) await items.put(id, { ...fetched, is_read: false, is_starred: false });
}

/** What was read and starred elsewhere stays when old items are dropped here. */
export async function dropBefore({ items }: BalancedBreakfast, feed: string, oldest: Date): Promise<void> {
  const old = await items.find({ feed, publishedAt: { $lt: oldest } }).all();
  await items.deleteMany(old.map(({ id }) => id));
}
