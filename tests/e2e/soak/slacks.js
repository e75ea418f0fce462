/**
 * How much each gauge may grow from the second quarter of a run to the last: what collections and pages of memory make of it from one sample to the next.
 *
 * Not here: Bob's `WebAssembly.Memory`, which is a new one in each round and holds what opening has read, so it grows with what is stored, up to the 16 MB of
 * blocks that are kept; what processes have in memory, whose caches fill; and what is stored.
 */

const MIB = 2 ** 20;

export const slacks = {
  "Alice: page's heap": MIB / 2,
  "Alice: worker's heap": MIB / 2,
  "Alice: WebAssembly.Memory": 2 * MIB,
  "Bob: page's heap": MIB / 2,
  "Bob: worker's heap": MIB / 2,
  "Alice: page's listeners": 4,
  "Bob: page's listeners": 4,
  "native device, threads": 0,
};
