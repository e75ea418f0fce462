/** One long text that is typed key by key, in a database that has nothing else; then opened by another browser. */

import { Profile } from "./browser.js";
import { addressOf, closed, cold, opened } from "./device.js";
import { limited } from "./limited.js";

const KEYS = 100;

export async function text({ system, site, relay, take, skip, results }) {
  if (skip("typeAll")) {
    return;
  }
  const profile = new Profile();
  const address = addressOf(site, system, { relay });
  try {
    const page = await opened(profile, address);
    const step = (name, given) => page.evaluate((asked) => bench.run(...asked), [name, given]);
    if (!(await take("typeAll", () => step("typeAll", {})))) {
      return;
    }
    await take("typeKeys", () => step("typeKeys", { count: KEYS }));
    const read = (from) =>
      limited(
        "read",
        from.evaluate(() => bench.text()),
      );
    const wanted = await read(page);
    await closed(profile, page);
    if (!skip("typeBytes")) {
      results.typeBytes = { samples: [profile.bytes()], documents: 1, unit: "bytes" };
    }
    await take("typeOpen", () =>
      cold(profile, `${address}&cold=text`, async (reader) => {
        if ((await read(reader)) !== wanted) {
          throw new Error("the text is another one");
        }
      }),
    );
  } finally {
    await profile.end();
  }
}
