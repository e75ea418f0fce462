/** Frames of the wire, as far as these tests look at them: docs/protocol.md has all of them. */

import { decode } from "cborg";

/** What a device says, by number. */
export const FROM_DEVICE = { hello: 0, open: 1, append: 2, pull: 3, putInvite: 4, takeInvite: 5 };

/** What a relay says, by number. */
export const FROM_RELAY = { challenge: 0, welcome: 1, opened: 2, page: 4, live: 5, appended: 7, failed: 12 };

/** The array that a frame is; its first item is its number. */
export function readFrame(bytes) {
  return decode(bytes, { useMaps: true });
}
