/**
 * A hostile relay, as what it makes of the frames of an honest one: `proxy.lie(…)`. Each lie is given who is spoken to (a device's id in hex) and a frame as
 * docs/protocol.md has it, and answers the frames that are said instead; bytes are said as they are. The same lies in simulation:
 * crates/engine/src/testing/hostile.rs.
 */

import { encode, decode } from "cborg";

import { FROM_RELAY } from "./frames.js";

/** Places in frames and items. */
const PAGE = { items: 4, head: 5 };
const LIVE = { items: 3 };
const OPENED = { head: 4, snapshot: 6 };
const APPENDED_PLACED = 4;
const ITEM = { kind: 0, cursor: 1, bytes: 2 };
const ITEM_ENTRY = 0;
const KIND_CONTROL = 1;
const CONTROL_REMOVE = 4;

/** Who wrote an entry, in hex; of which kind it is; whether it removes a device. */
export function readEntry(bytes) {
  const [header, payload] = decode(bytes, { useMaps: true });
  const [, , author, , , kind] = decode(header, { useMaps: true });
  const removes = kind === KIND_CONTROL && decode(payload, { useMaps: true })[0] === CONTROL_REMOVE;
  return { author: Buffer.from(author).toString("hex"), kind, removes };
}

/** Nothing is pushed. */
export function dropPushes() {
  return (_to, frame) => (frame[0] === FROM_RELAY.live ? [] : [frame]);
}

/** Every push waits until the next one has gone out. */
export function delayPushes() {
  const held = new Map();
  return (to, frame) => {
    if (frame[0] !== FROM_RELAY.live) {
      return [frame];
    }
    const before = held.get(to) ?? [];
    held.set(to, before.length > 0 ? [] : [frame]);
    return before.length > 0 ? [frame, ...before] : [];
  };
}

/** Whatever brings entries comes three times, and all that came before it once more. */
export function replay() {
  const said = new Map();
  return (to, frame) => {
    if (!itemsOf(frame)) {
      return [frame];
    }
    const before = said.get(to) ?? [];
    said.set(to, [...before, frame]);
    return [frame, frame, frame, ...before];
  };
}

/** The entries of each frame in the opposite order, with cursors as if that were their order. */
export function reorder() {
  return withItems((items) => {
    const cursors = items.map((item) => item[ITEM.cursor]);
    return items.toReversed().map((item, at) => item.with(ITEM.cursor, cursors[at]));
  });
}

/** The entries of each frame in the opposite order. */
export function reverse() {
  return withItems((items) => items.toReversed());
}

/** What brings entries is cut off. */
export function truncate() {
  return (_to, frame) => {
    const bytes = encode(frame);
    return [itemsOf(frame) ? bytes.subarray(0, bytes.length >> 1) : frame];
  };
}

/** One bit of every entry is another. */
export function forge() {
  return withEntries((bytes) => {
    const forged = Buffer.from(bytes);
    forged[forged.length - 1] ^= 1;
    return forged;
  });
}

/** Every entry is this one. */
export function splice(foreign) {
  return withEntries(() => foreign);
}

/** Cursors are said to be so much higher. */
export function shiftCursors(by) {
  return withItems((items) => items.map((item) => item.with(ITEM.cursor, item[ITEM.cursor] + by)));
}

/** The log is said to be so much longer. */
export function promiseMore(by) {
  return (_to, frame) => {
    const place = { [FROM_RELAY.page]: PAGE.head, [FROM_RELAY.opened]: OPENED.head }[frame[0]];
    return [place ? frame.with(place, frame[place] + by) : frame];
  };
}

/** The snapshot that is offered is this one. */
export function offerSnapshot(entry) {
  return (_to, frame) => [
    frame[0] === FROM_RELAY.opened && frame[OPENED.snapshot] ? frame.with(OPENED.snapshot, entry) : frame,
  ];
}

/** Each device is told a story without the entries that `hidden(to, entry)` says, numbered without a gap. */
export function tellEachItsOwn(hidden) {
  const gone = new Map();
  return (to, frame) => {
    const places = gone.get(to) ?? new Set();
    gone.set(to, places);
    const isHidden = (item) => item[ITEM.kind] === ITEM_ENTRY && hidden(to, readEntry(item[ITEM.bytes]));
    const items = itemsOf(frame);
    for (const item of items?.filter(isHidden) ?? []) {
      places.add(item[ITEM.cursor]);
    }
    const told = (cursor) => cursor - [...places].filter((place) => place <= cursor).length;
    const left = items?.filter((item) => !places.has(item[ITEM.cursor]));
    const renumbered = left?.map((item) => item.with(ITEM.cursor, told(item[ITEM.cursor])));
    switch (frame[0]) {
      case FROM_RELAY.live:
        return renumbered.length > 0 ? [frame.with(LIVE.items, renumbered)] : [];
      case FROM_RELAY.page:
        return [frame.with(PAGE.items, renumbered).with(PAGE.head, told(frame[PAGE.head]))];
      case FROM_RELAY.appended:
        return [
          frame.with(
            APPENDED_PLACED,
            frame[APPENDED_PLACED].map(([id, cursor]) => [id, told(cursor)]),
          ),
        ];
      default:
        return [frame];
    }
  };
}

/** The entries that a frame brings, as bytes. */
export function entriesOf(frame) {
  const entries = itemsOf(frame)?.filter((item) => item[ITEM.kind] === ITEM_ENTRY) ?? [];
  return entries.map((item) => Buffer.from(item[ITEM.bytes]));
}

function withEntries(change) {
  return withItems((items) =>
    items.map((item) => (item[ITEM.kind] === ITEM_ENTRY ? item.with(ITEM.bytes, change(item[ITEM.bytes])) : item)),
  );
}

function withItems(change) {
  return (_to, frame) => {
    const items = itemsOf(frame);
    return [items ? frame.with(placeOfItems(frame), change(items)) : frame];
  };
}

function itemsOf(frame) {
  return frame[placeOfItems(frame) ?? -1];
}

function placeOfItems(frame) {
  return { [FROM_RELAY.page]: PAGE.items, [FROM_RELAY.live]: LIVE.items }[frame[0]];
}
