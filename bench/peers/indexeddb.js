/** IndexedDB itself, one record for each document: what the platform gives a program that does nothing else. */

const silent = "tells nobody of a change";
export const cannot = {
  live: silent,
  tabSeen: silent,
  pings: "there is nobody to answer",
  sync: "has none",
  text: "has no text that merges",
};

export async function open({ name, durability }) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    const store = request.result.createObjectStore("notes");
    store.createIndex("priority,created", ["priority", "created"]);
  };
  const database = await done(request);
  const transaction = (mode) => database.transaction("notes", mode, { durability });

  const put = async (id, document) => {
    const writing = transaction("readwrite");
    writing.objectStore("notes").put(document, id);
    await ended(writing);
  };

  return {
    put,
    get: (id) => done(transaction("readonly").objectStore("notes").get(id)),
    async load(entries) {
      const writing = transaction("readwrite");
      const store = writing.objectStore("notes");
      for (const [id, document] of entries) {
        store.put(document, id);
      }
      await ended(writing);
    },
    putEach: (entries) => Promise.all(entries.map(([id, document]) => put(id, document))),
    async setEach(field, value) {
      const writing = transaction("readwrite");
      const cursor = writing.objectStore("notes").openCursor();
      cursor.onsuccess = () => {
        const at = cursor.result;
        if (at) {
          at.update({ ...at.value, [field]: value });
          at.continue();
        }
      };
      await ended(writing);
    },
    all: () => done(transaction("readonly").objectStore("notes").getAll()),
    find(priority, limit) {
      const index = transaction("readonly").objectStore("notes").index("priority,created");
      const cursor = index.openCursor(IDBKeyRange.bound([priority], [priority, []]), "prev");
      return take(cursor, limit, () => true);
    },
    scan(author) {
      const cursor = transaction("readonly").objectStore("notes").openCursor();
      return take(cursor, Infinity, (document) => document.author === author);
    },
    async makeList(items) {
      const ID = "list";
      await put(ID, { items });
      const { recordList } = await import("./lists/record.js");
      return recordList({
        read: async () => (await done(transaction("readonly").objectStore("notes").get(ID))).items,
        async change(alter) {
          const writing = transaction("readwrite");
          const store = writing.objectStore("notes");
          const reading = store.get(ID);
          reading.onsuccess = () => {
            alter(reading.result.items);
            store.put(reading.result, ID);
          };
          await ended(writing);
        },
      });
    },
    async close() {
      database.close();
    },
  };
}

function take(cursor, limit, wanted) {
  const found = [];
  return new Promise((resolve, reject) => {
    cursor.onerror = () => reject(cursor.error);
    cursor.onsuccess = () => {
      const at = cursor.result;
      if (!at || found.length === limit) {
        return resolve(found);
      }
      if (wanted(at.value)) {
        found.push(at.value);
      }
      at.continue();
    };
  });
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function ended(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
