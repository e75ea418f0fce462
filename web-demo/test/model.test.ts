// What enters from outside: documents of other devices, and addresses that people type.

import { text } from "ashore";
import { describe, expect, test } from "vitest";
import { appLink, pageAt, parseLink } from "../src/model/links.js";
import { completeAddress } from "../src/model/relay.js";
import { parseItem, parseList, parseNote } from "../src/model/types.js";

describe("documents", () => {
  test("a_document_that_is_right_stays_as_it_is", () => {
    const list = { title: "Shopping", kind: "shopping", colour: "kelp", position: "a1" };
    expect(parseList(list)).toEqual(list);
    const item = { list: "l1", text: "Milk", done: true, position: "a1" };
    expect(parseItem(item)).toEqual(item);
    const note = { title: "Plumber", body: text("Ines"), updatedAt: new Date(5) };
    expect(parseNote(note)).toEqual(note);
  });

  test("what_a_document_lacks_or_has_wrong_gets_a_default", () => {
    expect(parseList({ title: 3, kind: "orchard", colour: null })).toEqual({
      title: "",
      kind: "plain",
      colour: "sea",
      position: "a0",
    });
    expect(parseItem(null)).toEqual({ list: "", text: "", done: false, position: "a0" });
    expect(parseNote({ updatedAt: "yesterday" })).toEqual({ title: "", body: text(""), updatedAt: new Date(0) });
  });

  test("a_note_from_before_there_were_collaborative_texts_has_its_words", () => {
    expect(parseNote({ title: "Plumber", body: "Ines" }).body).toEqual(text("Ines"));
  });
});

describe("relay addresses", () => {
  test.each([
    ["relay.example.org", "wss://relay.example.org/v1/ws"],
    ["localhost:8787", "ws://localhost:8787/v1/ws"],
    [" https://relay.example.org/ ", "wss://relay.example.org/v1/ws"],
    ["ws://127.0.0.1:9/v1/ws", "ws://127.0.0.1:9/v1/ws"],
    ["wss://relay.example.org/other/path", "wss://relay.example.org/other/path"],
    ["https://relay.example.org/#join=ABCD-EFGH-JKMN-PQRS", "wss://relay.example.org/v1/ws"],
    ["ashore:?relay=ws%3A%2F%2F127.0.0.1%3A9%2Fv1%2Fws#join=ABCD", "ws://127.0.0.1:9/v1/ws"],
  ])("%s_is_completed_to_%s", (typed, complete) => {
    expect(completeAddress(typed)).toBe(complete);
  });
});

describe("links", () => {
  const relay = "wss://relay.example.org/v1/ws";

  test.each([
    ["https://relay.example.org/#join=ABCD", { code: "ABCD", relay }],
    [`https://pages.example/?relay=${encodeURIComponent(relay)}#join=ABCD`, { code: "ABCD", relay }],
    [appLink(relay, "#join=ABCD"), { code: "ABCD", relay }],
    [" ashore:#join=ABCD ", { code: "ABCD", relay: null }],
    ["http://127.0.0.1:9/#ticket=x&relay=y", { code: null, relay: "ws://127.0.0.1:9/v1/ws" }],
  ])("%s_says_what_it_offers_and_where", (typed, link) => {
    expect(parseLink(typed)).toEqual(link);
  });

  test.each(["", "ABCD-EFGH-JKMN-PQRS", "https://relay.example.org/", "ashore:#join=", "file:///x#join=A", "http://["])(
    "%s_is_no_link",
    (typed) => {
      expect(parseLink(typed)).toBe(null);
    },
  );

  test("the_pages_of_a_relay_are_beside_its_socket", () => {
    expect(pageAt(relay)).toBe("https://relay.example.org/");
    expect(pageAt("ws://127.0.0.1:9/v1/ws")).toBe("http://127.0.0.1:9/");
    expect(pageAt("wss://relay.example.org/other/path")).toBe(null);
  });
});
