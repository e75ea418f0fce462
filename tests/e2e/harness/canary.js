/** Words that occur nowhere else. What is written in these tests is made of them, so that they can be looked for at the relay. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

const words = new Set();

/** A new word, such as `milk-q7f3…`: `hint` tells people what it is, the rest makes it unique. */
export function canary(hint) {
  const word = `zq${randomBytes(6).toString("hex")}`;
  words.add(word);
  return `${hint}-${word}`;
}

/** The words given out so far. */
export function canaries() {
  return [...words];
}

/** Nothing that was written can be read at the relay; and the search does find what is there. */
export function assertUnreadable(relay, group) {
  assert.deepEqual(relay.find(canaries()), []);
  if (group) {
    assertSearchWorks(relay, group);
  }
}

/** The group's id is no secret: it is in the relay's memory and in its database. */
export function assertSearchWorks(relay, group) {
  const found = relay.find([bytesOf(group)]);
  assert.ok(
    found.some((place) => place.includes("memory")),
    `the group's id must be in the relay's memory: ${found}`,
  );
  assert.ok(
    found.some((place) => !place.includes("memory")),
    `the group's id must be in the relay's database: ${found}`,
  );
}

/** The bytes of an id that is shown as lower-case base32hex. */
export function bytesOf(id) {
  const alphabet = "0123456789abcdefghijklmnopqrstuv";
  let bits = 0n;
  for (const letter of id) {
    bits = (bits << 5n) | BigInt(alphabet.indexOf(letter));
  }
  const spare = BigInt((id.length * 5) % 8);
  const hex = (bits >> spare).toString(16);
  return Buffer.from(hex.padStart(Math.floor((id.length * 5) / 8) * 2, "0"), "hex");
}
