/** Two devices of one system and its own server, at one shape, in one round. */

import { Profile } from "./browser.js";
import { opened } from "./device.js";
import { limited } from "./limited.js";
import { startServer } from "./servers.js";

const EDITS = { count: 50, pauseMs: 100 };
const BURST = 1_000;

/** What is measured goes into `results`, also when something fails later. */
export async function measureSynced({ system, shape, site, skip, note, results }) {
  const size = shape.count;
  const server = await startServer(system.peer);
  const [first, second] = [new Profile(), new Profile()];
  try {
    // Who has to be connected from the beginning is.
    const bytes = shape.bytes === null ? "" : `&bytes=${shape.bytes}`;
    const address = `${site.address}?peer=${system.peer}&server=${encodeURIComponent(server.address)}${bytes}`;
    note("open of a connected device");
    const page = await opened(first, address);
    note("load of a connected device");
    await limited(
      "load of a connected device",
      page.evaluate((given) => bench.run("load", given), { size }),
    );
    note("upload");
    server.takeBytes();
    const [key, upload] = await timed("upload", async () => {
      const shared = await page.evaluate((to) => bench.share(to), server.address);
      await page.evaluate(() => bench.sent());
      return shared;
    });
    if (!skip("upload")) {
      results.upload = { samples: [upload], documents: size };
      results.uploadBytes = { samples: [server.takeBytes()], documents: size, unit: "bytes" };
    }

    note("download");
    const other = await opened(second, address);
    server.takeBytes();
    const [, download] = await timed("download", async () => {
      await other.evaluate((given) => bench.join(...given), [server.address, key]);
      await other.evaluate((count) => bench.received(count), size);
    });
    results.download = { samples: [download], documents: size };
    results.downloadBytes = { samples: [server.takeBytes()], documents: size, unit: "bytes" };

    if (!skip("edits")) {
      note("edits");
      await other.evaluate(() => bench.echo());
      results.edits = await limited(
        "edits",
        page.evaluate((given) => bench.run("edits", given), EDITS),
      );
    }

    if (!skip("burst")) {
      note("burst");
      const [, burst] = await timed("burst", () =>
        Promise.all([
          other.evaluate((count) => bench.received(count), size + BURST),
          page.evaluate(([from, count]) => bench.run("burst", { from, count }), [size, BURST]),
        ]),
      );
      results.burst = { samples: [burst], documents: BURST };
    }
  } finally {
    await first.end();
    await second.end();
    await server.end();
  }
}

async function timed(name, act) {
  const began = performance.now();
  const result = await limited(name, act());
  return [result, performance.now() - began];
}
