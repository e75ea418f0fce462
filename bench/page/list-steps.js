/** One document with a long list: 10,000 items unless told, each with a text and whether it is done. */

import { document } from "./documents.js";
import { each, expect, once, spread } from "./timing.js";

/** The list that `itemsMake` made. */
let list;

export const listSteps = {
  async itemsMake(session, { size }) {
    const items = Array.from({ length: size }, (_, number) => item(number));
    return once(size, async () => {
      list = await session.makeList(items);
    });
  },

  /** One item after another at the end, each awaited until it is stored. */
  async itemsPush(_, { size, count }) {
    const items = Array.from({ length: count }, (_none, index) => item(size + index));
    const result = await each(items, (added) => list.push(added));
    const found = await list.read();
    expect(found.length, size + count);
    expect(found.at(-1).text, items.at(-1).text);
    return result;
  },

  /** One field of one item after another, all over the list, each awaited until it is stored. */
  async itemsSet(_, { size, count }) {
    const places = spread(size, count);
    const result = await each(places, (at) => list.set(at, !item(at).done));
    const found = await list.read();
    places.forEach((at) => expect(found[at].done, !item(at).done));
    return result;
  },

  async itemsRead(_, { size, count }) {
    const result = await each(spread(size, count), async (at) => {
      const found = await list.read();
      expect(found.length >= size, true);
      expect(found[at].text, item(at).text);
    });
    return { ...result, documents: size };
  },
};

function item(number) {
  const [, { title, done }] = document(number);
  return { text: title, done };
}
