/** A shared text: keys that are handed over together are one transaction. */

export function openText(doc, stored) {
  const body = doc.getText("text");
  return {
    type(keys) {
      doc.transact(() => {
        for (const { at, delete: count, insert } of keys) {
          body.delete(at, count);
          body.insert(at, insert);
        }
      });
    },
    stored,
    read: async () => body.toString(),
  };
}
