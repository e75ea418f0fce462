/** What a device does in a round of the soak: every kind of write, read and listening, none of which may leave anything behind. */

import { counter, text } from "ashore";

/** So many documents of each device are written over, again and again. */
const DOCUMENTS = 50;
/** Of these some are deleted and made again. */
const PASSING = 10;

/** `writes` in one round, evenly over `forMs`; answers how many there were, and how much those who listened were told. */
export async function work({ device, round, writes, forMs }) {
  const { db } = globalThis;
  // What the page itself keeps for other tests.
  globalThis.events.length = 0;
  const notes = db.collection("notes");
  const told = { live: 0, document: 0, change: 0, text: 0 };
  const stops = listen(db, notes, device, told);
  const loop = loopOver(notes, device);
  const began = performance.now();
  for (let number = 0; number < writes; number += 1) {
    await write(db, notes, { device, round, number });
    if (number % 10 === 0) {
      await read(notes, device);
    }
    await untilMs(began + (forMs * (number + 1)) / writes);
  }
  await typed(notes, device, told);
  await db.presence.set({ device, round });
  await db.presence.clear();
  stops.forEach((stop) => stop());
  await loop.end();
  return { writes, told };
}

/**
 * Puts documents into a collection that stays here until the engine has dropped rows from memory for the first time: from then on what it keeps there is full
 * of rows like those of the rounds, and what grows is no cache. Answers how many there are.
 */
export async function fill() {
  const { db } = globalThis;
  const ballast = db.collection("ballast", { local: true });
  let [kept, count] = [0, 0];
  for (;;) {
    const numbers = Array.from({ length: 1_000 }, (_, at) => count + at);
    await ballast.putMany(Object.fromEntries(numbers.map((n) => [`b${n}`, { n, words: wordsOf(n) }])));
    count += numbers.length;
    const { cachedBytes } = await db.diagnostics();
    if (cachedBytes < kept) {
      return count;
    }
    kept = cachedBytes;
  }
}

/** Every way to listen. */
function listen(db, notes, device, told) {
  const count = (name) => () => void (told[name] += 1);
  return [
    notes.find({ device }).sort("-n").limit(10).subscribe(count("live")),
    notes.subscribe(idOf(device, 0), count("document")),
    notes.on("change", count("change")),
    db.sync.on("status", () => {}),
    db.presence.on("join", () => {}),
    db.presence.on("change", () => {}),
    db.presence.on("leave", () => {}),
    db.on("log", () => {}),
  ];
}

/** A loop over a live query, left with `break`. */
function loopOver(notes, device) {
  const giveUp = new AbortController();
  const over = (async () => {
    for await (const { rows } of notes.find({ device, kind: 1 }).watch({ signal: giveUp.signal })) {
      if (rows.length > DOCUMENTS) {
        throw new Error(`${rows.length} documents where at most ${DOCUMENTS} are`);
      }
    }
  })();
  return {
    end() {
      giveUp.abort();
      return over;
    },
  };
}

async function write(db, notes, { device, round, number }) {
  const id = idOf(device, number % DOCUMENTS);
  const passing = `${device}-passing-${number % PASSING}`;
  const kind = number % 8;
  const document = { device, kind, round, n: round * 1_000 + number, words: wordsOf(round + number), seen: counter(0) };
  if (kind < 3) {
    return notes.put(id, document);
  }
  if (kind === 3) {
    return notes.update(id, (found) => {
      found.n = document.n;
      found.words = document.words;
    });
  }
  if (kind === 4) {
    return notes.update(id, { $set: { round }, $inc: { seen: 1 } });
  }
  if (kind === 5) {
    await notes.put(passing, document);
    return notes.delete(passing);
  }
  if (kind === 6) {
    return notes.putMany({ [id]: document, [idOf(device, (number + 1) % DOCUMENTS)]: { ...document, kind: 7 } });
  }
  return db.transaction(async (tx) => {
    const within = tx.collection("notes");
    await within.get(id);
    await within.put(id, document);
    await tx.collection("lists").put(`${device}-${number % PASSING}`, { round, n: number });
  });
}

async function read(notes, device) {
  await notes.get(idOf(device, 1));
  await notes.list();
  await notes.count({ device, kind: 2 });
  await notes.find({ device }).sort("n").limit(20).all();
  await notes.history(idOf(device, 2), { limit: 5 });
}

/** A text as an editor has it: opened, typed into, heard, closed. */
async function typed(notes, device, told) {
  const id = `${device}-text`;
  await notes.put(id, { body: text("") });
  const [body, elsewhere] = [notes.text(id, "body"), notes.text(id, "body")];
  await Promise.all([body.read(), elsewhere.read()]);
  let stop;
  const heard = new Promise((resolve) => {
    stop = elsewhere.subscribe(() => {
      told.text += 1;
      resolve();
    });
  });
  for (const key of "typed") {
    await body.splice(0, 0, key);
  }
  await heard;
  stop();
  body.close();
  elsewhere.close();
  await notes.delete(id);
}

function idOf(device, number) {
  return `${device}-${String(number).padStart(3, "0")}`;
}

function wordsOf(seed) {
  return Array.from({ length: 20 }, (_, at) => ((seed * 31 + at * 17) % 997).toString(36)).join(" ");
}

async function untilMs(at) {
  const left = at - performance.now();
  if (left > 0) {
    await new Promise((resolve) => setTimeout(resolve, left));
  }
}

/** The locks that this origin's workers hold, in all of its tabs: one for each worker, one for each engine. */
export async function locks() {
  const { held } = await navigator.locks.query();
  const count = (kind) => held.filter(({ name }) => name.startsWith(`ashore-${kind}/`)).length;
  return { workers: count("client"), engines: count("leader") };
}
