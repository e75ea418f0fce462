/** What is measured within one session. Each step takes times in milliseconds, and looks whether the answers are right. `bytes`: how long a document is, unless it is an ordinary one. */

import { AUTHORS, document, documents, idOf, PRIORITIES } from "./documents.js";
import { listSteps } from "./list-steps.js";
import { textSteps } from "./text-steps.js";
import { each, expect, once, spread } from "./timing.js";

/** How many a watched answer has, and the latest of one priority. */
export const PAGE = 20;

export const steps = {
  /** Puts `size` documents in as few calls as the system wants. */
  async load(session, { size, bytes }) {
    const entries = documents(size, 0, bytes);
    return once(size, () => session.load(entries));
  },

  /** `count` new documents, all under way at once. */
  async putEach(session, { count, bytes }) {
    const entries = documents(count, 0, bytes);
    return once(count, () => session.putEach(entries));
  },

  /** One new document after another, each awaited. */
  async writes(session, { size, count, bytes }) {
    const entries = documents(count, size, bytes);
    return each(entries, ([id, content]) => session.put(id, content));
  },

  /** One document after another, each read once. */
  async reads(session, { size, count, bytes }) {
    const numbers = spread(size, count);
    return each(numbers, async (number) => {
      const found = await session.get(idOf(number));
      expect(found?.title, document(number, bytes)[1].title);
    });
  },

  /** A text of a document's size there and back, nothing stored. */
  async pings(session, { size, count, bytes }) {
    const texts = spread(size, count).map((number) => JSON.stringify(document(number, bytes)[1]));
    return each(texts, async (text) => expect(await session.ping(text), text));
  },

  async all(session, { size, count }) {
    const result = await each(spread(size, count), async () => {
      expect((await session.all()).length >= size, true);
    });
    return { ...result, documents: size };
  },

  /** The latest 20 of one priority, by an index where there is one. */
  async find(session, { size, count }) {
    return each(spread(size, count), async (_, round) => {
      const found = await session.find(round % PRIORITIES, PAGE);
      expect(found.length, PAGE);
      expect(
        found.every((note, at) => at === 0 || contentOf(note).created < contentOf(found[at - 1]).created),
        true,
      );
    });
  },

  /** All of one author, for whom there is no index. */
  async scan(session, { size, count, bytes }) {
    const all = documents(size, 0, bytes);
    const result = await each(spread(size, count), async (_, round) => {
      const author = `author-${round % AUTHORS}`;
      const found = await session.scan(author);
      const wanted = all.filter(([, content]) => content.author === author).length;
      expect(found.length >= wanted, true);
    });
    return { ...result, documents: size };
  },

  /** What a program would do that has every document as a text and nothing else: the least that looking at all of them costs. */
  async parses(_, { size, count, bytes }) {
    const texts = documents(size, 0, bytes).map(([, content]) => JSON.stringify(content));
    const result = await each(spread(size, count), async (number) => {
      expect(texts.map((text) => JSON.parse(text))[number].created, document(number, bytes)[1].created);
    });
    return { ...result, documents: size };
  },

  /** A watched answer of 20: from a write that changes it to the answer that has it. */
  async live(session, { size, count, from, bytes }) {
    let told = () => {};
    let shown = [];
    const stop = session.watch(1, PAGE, (ids) => {
      shown = ids;
      told();
    });
    const shows = (id) =>
      new Promise((resolve) => {
        told = () => (id === null ? shown.length > 0 : shown[0] === id) && resolve();
        told();
      });
    await shows(null);
    const numbers = Array.from({ length: count }, (_, index) => size + from + index);
    const result = await each(numbers, async (number) => {
      const [id, content] = document(number, bytes);
      const seen = shows(id);
      await Promise.all([session.put(id, { ...content, priority: 1 }), seen]);
    });
    stop();
    return result;
  },

  /** Changes one field of every document. */
  async setEach(session, { size }) {
    const result = await once(size, () => session.setEach("updated", 1));
    expect(contentOf(await session.get(idOf(size - 1))).updated, 1);
    return result;
  },

  /** One document after another is edited here, and the other page answers with an edit of its own: half of the way there and back. */
  async edits(session, { count, pauseMs }) {
    const [id, content] = document(0);
    const [answerId] = document(1);
    let heard = () => {};
    const stop = await session.hear(answerId, (found) => heard(found));
    const samples = [];
    for (let round = 1; round <= count; round += 1) {
      const answered = new Promise((resolve) => {
        heard = (found) => found?.estimate === -round && resolve();
      });
      const began = performance.now();
      await session.put(id, { ...content, estimate: -round });
      await answered;
      samples.push((performance.now() - began) / 2);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    await stop();
    return { samples, documents: 1 };
  },

  /** New documents, all at once. */
  burst: (session, { from, count }) => once(count, () => session.putEach(documents(count, from))),

  ...listSteps,
  ...textSteps,
};

/** Answers each edit that `edits` makes elsewhere. */
export async function echo(session) {
  const [id] = document(0);
  const [answerId, answer] = document(1);
  let last = 0;
  await session.hear(id, (found) => {
    if (found?.estimate < last) {
      last = found.estimate;
      // Not all let their listeners write.
      queueMicrotask(() => void session.put(answerId, { ...answer, estimate: found.estimate }));
    }
  });
}

/** Some answer documents, some entries that hold one. */
function contentOf(found) {
  return found.document ?? found;
}
