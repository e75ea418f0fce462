/** The examples of README.md and of every page in docs/ do what they say: see ../examples/read.ts. */

import { pages } from "docs:examples";
import { describe, expect, it } from "vitest";
import { withWebSocket } from "./host.js";

withWebSocket();

it("there are examples", () => {
  expect(pages.flatMap(({ examples }) => examples).length).toBeGreaterThan(5);
});

describe.each(pages.filter(({ examples }) => examples.length > 0))("the examples of $page", ({ examples }) => {
  it.each(examples)("$title", ({ run }) => run());
});
