/** Modifiers, which the engine applies: the page sends what changes, not the list. */

const ID = "list";

export async function makeList(notes, items) {
  await notes.put(ID, { items });
  return {
    push: (item) => notes.update(ID, { $push: { items: item } }),
    set: (at, done) => notes.update(ID, { $set: { [`items.${at}.done`]: done } }),
    read: async () => (await notes.get(ID)).items,
  };
}
