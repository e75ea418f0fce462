/** A shared text; each key is a transaction of its own. Where it is, the page remembers. */

import { co } from "jazz-tools";

const Body = co.plainText();

/** `stored(ids)` waits until those are. */
export async function openText(owner, stored, key, isNew) {
  const body = isNew ? Body.create("", { owner }) : await Body.load(localStorage.getItem(key));
  const { id } = body.$jazz;
  localStorage.setItem(key, id);
  return {
    type(keys) {
      for (const { at, delete: count, insert } of keys) {
        if (count > 0) {
          body.deleteRange({ from: at, to: at + count });
        }
        if (insert) {
          body.insertBefore(at, insert);
        }
      }
    },
    stored: () => stored([id]),
    read: async () => body.toString(),
  };
}
