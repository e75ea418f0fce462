/**
 * Four hops of JSON: the page's text goes to a worker, which parses it, writes it again and sends it over loopback to a second process, which parses it
 * and stores it; the answer comes back the same way. Not a system that anybody would pick: what a call costs when it travels so.
 */

export async function open({ server }) {
  const worker = new Worker(new URL("hops-worker.js", import.meta.url), { type: "module" });
  const waiting = new Map();
  let calls = 0;
  worker.addEventListener("message", ({ data }) => {
    const { call, answer } = JSON.parse(data);
    waiting.get(call)(answer);
    waiting.delete(call);
  });
  const ask = (op, given) =>
    new Promise((resolve) => {
      calls += 1;
      waiting.set(calls, resolve);
      worker.postMessage(JSON.stringify({ call: calls, op, given }));
    });
  worker.postMessage(JSON.stringify({ server }));
  await ask("open", {});
  const put = (id, document) => ask("put", { id, document });
  return {
    put,
    get: (id) => ask("get", { id }),
    ping: (text) => ask("ping", { text }),
    load: (entries) => Promise.all(entries.map(([id, document]) => put(id, document))),
    async close() {
      worker.terminate();
    },
  };
}

const none = "puts and gets are all it does";
export const cannot = { find: none, live: none, all: none, scan: none, setEach: none };
