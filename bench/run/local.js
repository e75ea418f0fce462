/** One system at one size in one round: what is measured on one device, each part in a profile of its own. */

import { Profile } from "./browser.js";
import { limited } from "./limited.js";

/** How often each step is taken in one round. */
const TIMES = {
  writes: { count: 100 },
  reads: { count: 200 },
  pings: { count: 200 },
  find: { count: 30 },
  live: { count: 30, from: 10_000 },
  all: { count: 3 },
  scan: { count: 3 },
  setEach: {},
};
/** Writes that are under way at once. */
const AT_ONCE = 10_000;
const STRICT_WRITES = 100;
/** A step that took longer is not taken at the next size. */
export const PATIENCE_MS = 10_000;

/** Everything of one system. `skip` says which steps are not worth waiting for. */
export async function measureLocally({ system, size, site, relay, skip, note, failed, results }) {
  const take = async (name, act) => {
    if (skip(name)) {
      return;
    }
    note(name);
    try {
      const result = await limited(name, act());
      if (result) {
        results[name] = result;
      }
    } catch (error) {
      failed(name, error);
    }
  };
  await filled({ system, size, site, relay, skip, take, results });
  await fresh({ system, site, relay, take, size });
}

/** A database of that size: used, closed, and opened again by another browser. */
async function filled({ system, size, site, relay, skip, take, results }) {
  const profile = new Profile();
  const address = addressOf(site, system, { relay, size });
  try {
    const page = await profile.open(address);
    site.takeSent();
    const { cannot } = await page.evaluate(() => bench.open());
    const step = (name, given) => page.evaluate((asked) => bench.run(...asked), [name, { size, ...given }]);
    let isLoaded = false;
    await take("load", async () => {
      const result = await step("load");
      isLoaded = true;
      return result;
    });
    if (!isLoaded) {
      return;
    }
    await page.evaluate(() => bench.ready());
    await page.evaluate(() => bench.sent());
    for (const [name, given] of Object.entries(TIMES)) {
      await take(name, () => (cannot[name] ? null : step(name, given)));
    }
    await page.evaluate(() => bench.sent());
    await page.evaluate(() => bench.close());
    await profile.stop();
    if (!skip("bytes")) {
      results.bytes = { samples: [profile.bytes()], documents: size, unit: "bytes" };
    }

    await take("coldFirst", () => cold(profile, `${address}&cold=first`));
    await take("coldAll", async () => {
      const result = await cold(profile, `${address}&cold=all`, async () => {
        results.memory = { samples: [profile.memory()], documents: size, unit: "bytes" };
      });
      return { ...result, documents: size };
    });
  } finally {
    await profile.end();
  }
}

/** A browser is started and goes to that page, which says how long it took from there. */
async function cold(profile, address, before = () => {}) {
  const page = await profile.open(address);
  const result = await page.evaluate(() => bench.cold);
  await before();
  await profile.stop();
  return result;
}

/** What begins with an empty database. */
async function fresh({ system, site, relay, take, size }) {
  if (size <= AT_ONCE) {
    await take("putEach", () =>
      within(addressOf(site, system, { relay }), (page) =>
        page.evaluate((count) => bench.run("putEach", { count }), Math.min(size, AT_ONCE)),
      ),
    );
  }
  if (size === 1_000) {
    await take("strict", () =>
      within(addressOf(site, system, { relay, durability: "strict" }), async (page, cannot) =>
        cannot.strict ? null : page.evaluate((count) => bench.run("writes", { size: 0, count }), STRICT_WRITES),
      ),
    );
  }
}

async function within(address, act) {
  const profile = new Profile();
  try {
    const page = await profile.open(address);
    const { cannot } = await page.evaluate(() => bench.open());
    const result = await act(page, cannot);
    await page.evaluate(() => bench.close());
    return result;
  } finally {
    await profile.end();
  }
}

/** What a page downloads until it has the first document of an empty browser. */
export async function downloaded({ system, site, relay }) {
  const profile = new Profile();
  try {
    site.takeSent();
    const page = await profile.open(addressOf(site, system, { relay }));
    await page.evaluate(() => bench.open());
    await page.evaluate(() => bench.run("writes", { size: 0, count: 1 }));
    return site.takeSent();
  } finally {
    await profile.end();
  }
}

function addressOf(site, { peer, options = {} }, given) {
  const asked = new URLSearchParams({ peer });
  const relay = options.relay ? given.relay?.address : null;
  for (const [name, value] of Object.entries({ ...options, ...given, relay })) {
    if (value !== null && value !== undefined && value !== false) {
      asked.set(name, String(value));
    }
  }
  return `${site.address}?${asked}`;
}
