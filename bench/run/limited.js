/** Nobody is waited for longer than this. */
const LIMIT_MS = 300_000;

export class TookTooLong extends Error {
  constructor(name) {
    super(`${name} took over ${LIMIT_MS / 1_000} s`);
  }
}

/** What `act` resolves with, unless that takes too long. */
export async function limited(name, act) {
  let timer;
  const over = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TookTooLong(name)), LIMIT_MS);
  });
  try {
    return await Promise.race([act, over]);
  } finally {
    clearTimeout(timer);
  }
}
