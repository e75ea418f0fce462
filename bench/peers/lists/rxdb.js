/** A collection of its own, for its schema; items by RxDB's own operators. */

const ID = "list";
const LISTS = {
  version: 0,
  primaryKey: "id",
  type: "object",
  properties: {
    id: { type: "string", maxLength: 32 },
    items: {
      type: "array",
      items: { type: "object", properties: { text: { type: "string" }, done: { type: "boolean" } } },
    },
  },
  required: ["id", "items"],
};

export async function makeList(db, items) {
  const { lists } = await db.addCollections({ lists: { schema: LISTS } });
  const list = await lists.insert({ id: ID, items });
  return {
    push: (item) => list.incrementalUpdate({ $push: { items: item } }),
    set: (at, done) =>
      list.incrementalModify((data) => {
        data.items[at].done = done;
        return data;
      }),
    read: async () => (await lists.findOne(ID).exec()).toJSON().items,
  };
}
