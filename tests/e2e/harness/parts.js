/** What most tests need: a page that holds the package, a browser for all, and for each test a relay and devices that end with it. */

import { after, afterEach, before, beforeEach } from "node:test";

import { startBrowser } from "./browser.js";
import { openDevice } from "./device.js";
import { startRelay } from "./relay.js";
import { startSite } from "./site.js";

/** Sets them up for the tests of a file; `flags` are the relay's. */
export function useParts(...flags) {
  const parts = { site: null, browser: null, relay: null, ends: [] };

  before(async () => {
    [parts.site, parts.browser] = await Promise.all([startSite(), startBrowser()]);
  });
  after(async () => {
    await parts.browser?.end();
    await parts.site?.end();
  });
  beforeEach(async () => {
    parts.relay = await startRelay(...flags);
  });
  afterEach(async () => {
    await Promise.all(parts.ends.splice(0).map((end) => end()));
    await parts.relay?.end();
  });

  /** A device of its own: nobody shares its profile. */
  parts.device = async (options) => {
    const profile = await parts.browser.profile();
    parts.ends.push(() => profile.end());
    const device = await openDevice(profile, parts.site, options);
    device.profile = profile;
    return device;
  };
  parts.devices = (count) => Promise.all(Array.from({ length: count }, () => parts.device()));
  return parts;
}
