/** Jazz: a signed and sealed CRDT for each document, and a record that lists them. */

import { co, Group, z } from "jazz-tools";
import { JazzBrowserContextManager } from "jazz-tools/browser";
import { until } from "../page/until.js";

const early = "is connected from the beginning, and sends while it stores";
export const cannot = {
  strict: "does not offer it",
  upload: early,
  uploadBytes: early,
  tabSeen: "tabs hear of one another by way of its server, to which one device alone is not connected here",
};

const Note = co.map({
  title: z.string(),
  body: z.string(),
  author: z.string(),
  priority: z.number(),
  done: z.boolean(),
  created: z.number(),
  updated: z.number(),
  estimate: z.number(),
  tags: z.array(z.string()),
  place: z.object({ x: z.number(), y: z.number() }),
});
const Notes = co.record(z.string(), Note);
const Root = co.map({ notes: Notes });
const Owner = co.account({ root: Root, profile: co.profile() }).withMigration((account) => {
  if (!account.$jazz.has("root")) {
    const owner = Group.create({ owner: account });
    account.$jazz.set("root", Root.create({ notes: Notes.create({}, { owner }) }, { owner }));
  }
});

/** With a `server` it is connected from the beginning: a context that is not connected cannot be changed into one that is. */
export async function open({ name, server }) {
  const contexts = new JazzBrowserContextManager();
  const sync = server ? { peer: server, when: "always" } : { when: "never" };
  await contexts.createContext({ sync, AccountSchema: Owner, defaultProfileName: "bench" });
  const { me, node } = contexts.getCurrentValue();
  const { root } = await me.$jazz.ensureLoaded({ resolve: { root: { notes: true } } });
  let { notes } = root;
  const stored = (ids) => Promise.all(ids.map((id) => node.syncManager.waitForStorageSync(id)));
  const add = ([id, document]) => {
    const note = Note.create(document, { owner: notes.$jazz.owner });
    notes.$jazz.set(id, note);
    return note.$jazz.id;
  };
  const rows = async () => {
    const loaded = await notes.$jazz.ensureLoaded({ resolve: { $each: true } });
    return Object.entries(loaded).map(([id, note]) => ({ id, ...note.toJSON() }));
  };
  const first = async (priority, limit) =>
    (await rows())
      .filter((note) => note.priority === priority)
      .sort((a, b) => b.created - a.created)
      .slice(0, limit);
  const put = async ([id, document]) => {
    const known = notes.$jazz.refs[id];
    if (!known) {
      return stored([notes.$jazz.id, add([id, document])]);
    }
    const note = await Note.load(known.id);
    note.$jazz.applyDiff(document);
    return stored([known.id]);
  };
  return {
    put: (id, document) => put([id, document]),
    async get(id) {
      const note = await Note.load(notes.$jazz.refs[id].id);
      return note.toJSON();
    },
    load: (entries) => stored([...entries.map(add), notes.$jazz.id]),
    putEach: (entries) => Promise.all(entries.map(put)),
    async setEach(field, value) {
      const loaded = await notes.$jazz.ensureLoaded({ resolve: { $each: true } });
      const changed = Object.values(loaded).map((note) => {
        note.$jazz.set(field, value);
        return note.$jazz.id;
      });
      await stored(changed);
    },
    all: rows,
    find: first,
    scan: async (author) => (await rows()).filter((note) => note.author === author),
    watch(priority, limit, hear) {
      return notes.$jazz.subscribe({ resolve: { $each: true } }, (loaded) => {
        const shown = Object.entries(loaded)
          .filter(([, note]) => note.priority === priority)
          .sort(([, a], [, b]) => b.created - a.created)
          .slice(0, limit);
        hear(shown.map(([id]) => id));
      });
    },
    sent: () => node.syncManager.waitForAllCoValuesSync(600_000),
    async share() {
      return { id: notes.$jazz.id, secret: await notes.$jazz.owner.$jazz.createInvite("writer") };
    },
    async join(_, { id, secret }) {
      notes = await me.acceptInvite(id, secret, Notes);
    },
    async received(count) {
      await until(
        async () => Object.keys(notes).length >= count,
        (tell) => notes.$jazz.subscribe(tell),
      );
      const loaded = await notes.$jazz.ensureLoaded({ resolve: { $each: true } });
      await stored([notes.$jazz.id, ...Object.values(loaded).map((note) => note.$jazz.id)]);
    },
    hear(id, hear) {
      return Note.subscribe(notes.$jazz.refs[id].id, {}, (note) => hear(note.toJSON()));
    },
    makeList: async (items) => (await import("./lists/jazz.js")).makeList(notes.$jazz.owner, stored, items),
    openText: async (isNew) =>
      (await import("./texts/jazz.js")).openText(notes.$jazz.owner, stored, `${name}/text`, isNew),
    async close() {
      contexts.done();
    },
  };
}
