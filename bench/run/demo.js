/** How the demo starts, as the relay serves it: on a first visit, and on later ones with more and more of it on this device. */

import { fileURLToPath } from "node:url";

import { Saltbox } from "../../tests/e2e/harness/saltbox.js";
import { Profile } from "./browser.js";
import { limited } from "./limited.js";
import { startRelay } from "./relay.js";

const PAGES = fileURLToPath(new URL("../../web-demo/dist", import.meta.url));
/** What is on the page when it can be used. */
const WELCOME = ["[data-testid=welcome] [data-testid=new-list]"];
const LIST = ["[data-testid=item]", "[data-testid=new-item]:enabled"];
const NO_WORKER = { serviceWorkers: "block" };

/** Times by visit: `{ first: { painted, usable }, … }`, each a list of milliseconds since the navigation. A round that fails does not end the others. */
export async function measureDemo({ rounds, note, failed }) {
  const visits = {};
  for (let round = 0; round < rounds; round += 1) {
    const took = (name, { painted, usable }) => {
      const times = (visits[name] ??= { painted: [], usable: [] });
      times.painted.push(painted);
      times.usable.push(usable);
    };
    note(round);
    try {
      await limited("the demo", oneRound(took));
    } catch (error) {
      failed(round, error);
    }
  }
  return visits;
}

async function oneRound(took) {
  const relay = await startRelay("--pages", PAGES);
  const profile = new Profile();
  let isServed = true;
  try {
    const { page, ...first } = await visit(profile, relay.page, WELCOME);
    took("first", first);
    const list = await oneList(page);

    await profile.stop();
    profile.forgetCode();
    took("nothing", await visit(profile, list, LIST, NO_WORKER));
    took("cached", await visit(profile, list, LIST, NO_WORKER));

    // Its service worker was thrown away with everything else that was cached.
    await underWorker((await visit(profile, list, LIST)).page);
    await profile.stop();
    await relay.end();
    isServed = false;
    took("offline", await visit(profile, list, LIST));
  } finally {
    await profile.end();
    if (isServed) {
      await relay.end();
    }
  }
}

/** Makes a list with an item; answers its address. */
async function oneList(page) {
  const saltbox = new Saltbox(page);
  await saltbox.newList("Groceries");
  await saltbox.addItem("Milk");
  return page.url();
}

/** The service worker is in charge: from now on the page opens without a server. */
async function underWorker(page) {
  await page.evaluate(async () => {
    const { serviceWorker } = navigator;
    if (!serviceWorker.controller) {
      await new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    }
  });
}

/** A browser is started and goes to that address: first contentful paint, and when all of `wanted` was there. */
async function visit(profile, address, wanted, options) {
  const context = await profile.start(options);
  await context.addInitScript(watchFor, wanted);
  const page = await context.newPage();
  await page.goto(address);
  return { page, ...(await page.evaluate(() => globalThis.times)) };
}

/** Runs in the page, before anything of its own. */
function watchFor(wanted) {
  const usable = new Promise((resolve) => {
    const look = () => {
      if (wanted.every((selector) => document.querySelector(selector))) {
        observer.disconnect();
        resolve(performance.now());
      }
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { childList: true, subtree: true, attributes: true });
  });
  const painted = new Promise((resolve) => {
    const observer = new PerformanceObserver((entries) => {
      const [paint] = entries.getEntriesByName("first-contentful-paint");
      if (paint) {
        resolve(paint.startTime);
      }
    });
    observer.observe({ type: "paint", buffered: true });
  });
  globalThis.times = Promise.all([painted, usable]).then(([paint, use]) => ({ painted: paint, usable: use }));
}
