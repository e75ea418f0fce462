/** Waiting for something to be so, instead of for a time to pass. */

const LONGEST_MS = 60_000;
const BETWEEN_MS = 25;

/**
 * Asks again and again until the answer is truthy, and gives it; throws with `what` and the last answer when it takes longer than a minute. A
 * question that throws is asked again too.
 */
export async function until(what, question, longestMs = LONGEST_MS) {
  const end = Date.now() + longestMs;
  for (;;) {
    let answer;
    try {
      answer = await question();
      if (answer) {
        return answer;
      }
    } catch (error) {
      answer = error;
    }
    if (Date.now() > end) {
      const last = answer instanceof Error ? answer.stack : JSON.stringify(answer);
      throw new Error(`waited ${longestMs} ms in vain: ${what}; at last: ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
}

/** Waits until `question` gives what deeply equals `wanted`. */
export async function untilEqual(what, question, wanted, longestMs = LONGEST_MS) {
  const text = canonical(wanted);
  let last;
  await until(
    what,
    async () => {
      last = await question();
      return canonical(last) === text;
    },
    longestMs,
  ).catch((error) => {
    throw new Error(`${error.message}\nwanted ${text}\ngot    ${canonical(last)}`, { cause: error });
  });
}

/** JSON with sorted keys. */
export function canonical(value) {
  return JSON.stringify(value, (_key, part) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
