/** One long text, typed key by key. */

import { document } from "./documents.js";
import { each, expect, once } from "./timing.js";
import { BATCH, trace } from "./trace.js";

/** The text that `typeAll` began. */
let body;

export const readText = () => body.read();

export const textSteps = {
  /** The whole trace, handed over in batches as an editor would, between which the page may do other things; until all of it is stored. */
  async typeAll(session) {
    const { keys, text } = trace();
    body = await session.openText(true);
    const result = await once(keys.length, async () => {
      for (let at = 0; at < keys.length; at += BATCH) {
        body.type(keys.slice(at, at + BATCH));
        await scheduler.yield();
      }
      await body.stored();
    });
    expect((await readText()) === text, true);
    return result;
  },

  /** Single keys at a caret in the middle, each awaited until it is stored. */
  async typeKeys(_, { count }) {
    const before = await readText();
    const at = Math.floor(before.length / 2);
    const letters = document(0, count)[1].body.slice(0, count);
    const result = await each([...letters], async (letter, index) => {
      body.type([{ at: at + index, delete: 0, insert: letter }]);
      await body.stored();
    });
    expect((await readText()) === before.slice(0, at) + letters + before.slice(at), true);
    return result;
  },
};
