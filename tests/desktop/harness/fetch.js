/** Fetches what the fresh app is built from, so that its test needs no network. Run by `cargo xtask test` before it cuts the network. */

import { addPlugin, create, fetch, skip } from "./fresh.js";

if (skip) {
  console.log(skip);
} else {
  create();
  addPlugin();
  fetch();
}
