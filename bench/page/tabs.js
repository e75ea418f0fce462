/** Two tabs: what one of them writes, and when the other one shows it, by a clock that both have. */

import { document } from "./documents.js";
import { PAGE } from "./steps.js";

const PRIORITY = 1;

/** Watches an answer, as a page does that shows it; `shown(id)` resolves with the time at which it had that document first. */
export async function follow(session) {
  const times = new Map();
  let told = () => {};
  session.watch(PRIORITY, PAGE, ([first]) => {
    if (!times.has(first)) {
      times.set(first, now());
    }
    told();
  });
  const until = (holds) =>
    new Promise((resolve) => {
      told = () => holds() && resolve();
      told();
    });
  await until(() => times.size > 0);
  return async (id) => {
    await until(() => times.has(id));
    return times.get(id);
  };
}

/** Puts a document that comes first in the watched answer; resolves with its id and the time at which it was handed over. */
export async function putFirst(session, number) {
  const [id, content] = document(number);
  const at = now();
  await session.put(id, { ...content, priority: PRIORITY });
  return { id, at };
}

function now() {
  return performance.timeOrigin + performance.now();
}
