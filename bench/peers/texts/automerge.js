/** A text in a document of its own: keys that are handed over together are one change. Where it is, the page remembers. */

import { splice } from "@automerge/automerge/slim";

export async function openText(repo, key, isNew) {
  const handle = isNew ? repo.create({ body: "" }) : await repo.find(localStorage.getItem(key));
  localStorage.setItem(key, handle.url);
  return {
    type: (keys) =>
      handle.change((doc) => {
        for (const { at, delete: count, insert } of keys) {
          splice(doc, ["body"], at, count, insert);
        }
      }),
    stored: () => repo.flush([handle.documentId]),
    read: async () => handle.doc().body,
  };
}
