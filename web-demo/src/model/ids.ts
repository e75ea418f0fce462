// Document ids: random, so that devices that are offline never choose the same one.

export function newId(): string {
  return crypto.randomUUID();
}
