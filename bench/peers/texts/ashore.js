/** A text edited where it is: keys that are handed over together are one change. */

import { text } from "ashore";

const ID = "text";

export async function openText(notes, isNew) {
  if (isNew) {
    await notes.put(ID, { body: text("") });
  }
  const body = notes.text(ID, "body");
  await body.read();
  const pending = [];
  return {
    type: (keys) => void pending.push(body.edit(keys)),
    stored: () => Promise.all(pending.splice(0)),
    read: () => body.read(),
  };
}
