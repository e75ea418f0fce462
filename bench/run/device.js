/** One device: pages of one system in a profile of its own. */

import { Profile } from "./browser.js";
import { limited } from "./limited.js";

/** A page of that profile with the database open. */
export async function opened(profile, address) {
  return limited("open", profile.open(address).then(withDatabase));
}

/** Another tab of the same. */
export async function openedBeside(profile, address) {
  return limited("open", profile.openAnother(address).then(withDatabase));
}

async function withDatabase(page) {
  await page.evaluate(() => bench.open());
  return page;
}

export async function closed(profile, page) {
  await limited(
    "close",
    page.evaluate(() => bench.close()),
  );
  await profile.stop();
}

/** A browser is started and goes to that page, which says how long it took from there. `before` it is closed it is asked for more. */
export async function cold(profile, address, before = () => {}) {
  const page = await profile.open(address);
  const result = await page.evaluate(() => bench.cold);
  await before(page);
  await profile.stop();
  return result;
}

/** `act` with a page of a fresh profile. */
export async function within(address, act) {
  const profile = new Profile();
  try {
    const page = await opened(profile, address);
    const result = await act(page, profile);
    await closed(profile, page);
    return result;
  } finally {
    await profile.end();
  }
}

/** What a page downloads until it has the first document of an empty browser, and what its system cannot do, and why. */
export async function downloaded({ system, site, relay }) {
  const profile = new Profile();
  try {
    site.takeSent();
    const page = await profile.open(addressOf(site, system, { relay }));
    const cannot = await limited(
      "open",
      page.evaluate(() => bench.open()),
    );
    await limited(
      "write",
      page.evaluate(() => bench.run("writes", { size: 0, count: 1 })),
    );
    return { download: site.takeSent(), cannot: { ...cannot, ...system.cannot } };
  } finally {
    await profile.end();
  }
}

export function addressOf(site, { peer, options = {} }, given) {
  const asked = new URLSearchParams({ peer });
  const relay = options.relay ? given.relay?.address : null;
  for (const [name, value] of Object.entries({ ...options, ...given, relay })) {
    if (value !== null && value !== undefined && value !== false) {
      asked.set(name, String(value));
    }
  }
  return `${site.address}?${asked}`;
}
