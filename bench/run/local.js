/** One system at one shape in one round: what is measured on one device, each part in a profile of its own. */

import { Profile } from "./browser.js";
import { addressOf, closed, cold, opened, within } from "./device.js";
import { limited } from "./limited.js";
import { list } from "./list.js";
import { besideAnother } from "./tabs.js";
import { text } from "./text.js";

/** How often each step is taken in one round. */
const TIMES = {
  writes: { count: 100 },
  reads: { count: 200 },
  pings: { count: 200 },
  find: { count: 30 },
  live: { count: 30, from: 10_000 },
  all: { count: 3 },
  scan: { count: 3 },
  parses: { count: 3 },
  setEach: {},
};
/** Writes that are under way at once. */
const AT_ONCE = 10_000;
const STRICT_WRITES = 100;

/** Everything of one system. `skip` says which steps are not to be taken; `isFirst`: what does not depend on the shape is taken, too. */
export async function measureLocally({ isFirst, ...run }) {
  const { skip, note, failed, results } = run;
  /** Takes a step, unless it is to be skipped; says whether it was and nothing failed. */
  const take = async (name, act) => {
    if (skip(name)) {
      return false;
    }
    note(name);
    try {
      results[name] = await limited(name, act());
      return true;
    } catch (error) {
      failed(name, error);
      return false;
    }
  };
  const parts = isFirst ? { filled, empty, strict, list, text } : { filled, empty };
  for (const [name, part] of Object.entries(parts)) {
    try {
      await part({ ...run, take });
    } catch (error) {
      failed(name, error);
    }
  }
}

/** A database of that shape: used, closed, and opened again by another browser. */
async function filled(run) {
  const { system, shape, site, relay, skip, take, results } = run;
  if (skip("load")) {
    return;
  }
  const profile = new Profile();
  const size = shape.count;
  const address = addressOf(site, system, { relay, size, bytes: shape.bytes });
  try {
    const page = await opened(profile, address);
    const step = (name, given) => page.evaluate((asked) => bench.run(...asked), [name, { size, ...given }]);
    if (!(await take("load", () => step("load")))) {
      return;
    }
    await settled(page);
    for (const [name, given] of Object.entries(TIMES)) {
      await take(name, () => step(name, given));
    }
    await settled(page);
    await closed(profile, page);
    if (!skip("bytes")) {
      results.bytes = { samples: [profile.bytes()], documents: size, unit: "bytes" };
    }
    await startedAgain(run, profile, address);
    await besideAnother(run, profile, `${address}&tabs=true`);
  } finally {
    await profile.end();
  }
}

/** What goes on behind the calls is over. */
async function settled(page) {
  await limited(
    "ready",
    page.evaluate(async () => {
      await bench.ready();
      await bench.sent();
    }),
  );
}

async function startedAgain({ shape, take, results }, profile, address) {
  const documents = shape.count;
  await take("coldFirst", () => cold(profile, `${address}&cold=first`));
  await take("coldAll", async () => {
    const result = await cold(profile, `${address}&cold=all`, () => {
      results.memory = { samples: [profile.memory()], documents, unit: "bytes" };
    });
    return { ...result, documents };
  });
  await take("coldFetch", async () => {
    await profile.stop();
    profile.forgetCode();
    return cold(profile, `${address}&cold=first`);
  });
}

/** Documents for an empty database. */
async function empty({ system, shape, site, relay, take }) {
  const { count, bytes } = shape;
  if (count <= AT_ONCE) {
    await take("putEach", () =>
      within(addressOf(site, system, { relay, bytes }), (page) =>
        page.evaluate((given) => bench.run("putEach", given), { count }),
      ),
    );
  }
}

async function strict({ system, site, relay, take }) {
  await take("strict", () =>
    within(addressOf(site, system, { relay, durability: "strict" }), (page) =>
      page.evaluate((count) => bench.run("writes", { size: 0, count }), STRICT_WRITES),
    ),
  );
}
