/** A list in a record that is read, changed and written as a whole; `read` and `change(alter)` do so. */

export function recordList({ read, change }) {
  return {
    push: (item) => change((items) => void items.push(item)),
    set: (at, done) => change((items) => void (items[at].done = done)),
    read,
  };
}
