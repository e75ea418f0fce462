/** How many documents there are, and how long each is: `1000`, or `1000x10000` for 10 KB each. */

/** `bytes` is `null` for ordinary documents. */
export function shapeOf(key) {
  const [, count, bytes] = /^(\d+)(?:x(\d+))?$/.exec(key) ?? unknown(key);
  return { key, count: Number(count), bytes: bytes === undefined ? null : Number(bytes) };
}

/** Whether that is the same with fewer documents. */
export function isSmaller(one, other) {
  return one.bytes === other.bytes && one.count < other.count;
}

export function titleOf({ count, bytes }) {
  const number = count.toLocaleString("en");
  return bytes === null ? `${number} documents` : `${number} of ${Math.round(bytes / 1_000)} KB`;
}

function unknown(key) {
  throw new Error(`"${key}" is no number of documents: 1000, or 1000x10000 for documents of 10,000 bytes.`);
}
