/** A document of its own with a list of objects. */

export async function makeList(repo, items) {
  const handle = repo.create({ items });
  const stored = () => repo.flush([handle.documentId]);
  await stored();
  return {
    async push(item) {
      handle.change((doc) => void doc.items.push(item));
      await stored();
    },
    async set(at, done) {
      handle.change((doc) => void (doc.items[at].done = done));
      await stored();
    },
    // A document is plain objects already.
    read: async () => handle.doc().items,
  };
}
