/** Random names. On its own, because a worker imports it, and import maps do not reach workers: nothing here may need a package. */

/** A name that nothing else has: 128 random bits. */
export function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
