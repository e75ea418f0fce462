/** The worker of four hops of JSON: text in, text out, parsed in between. */

let socket;

addEventListener("message", async ({ data }) => {
  const message = JSON.parse(data);
  if (message.server) {
    socket = connect(message.server);
    return;
  }
  (await socket).send(JSON.stringify(message));
});

function connect(server) {
  const opening = new WebSocket(server);
  opening.addEventListener("message", ({ data }) => postMessage(JSON.stringify(JSON.parse(data))));
  return new Promise((resolve, reject) => {
    opening.addEventListener("open", () => resolve(opening));
    opening.addEventListener("error", () => reject(new Error(`nobody answers at ${server}`)));
  });
}
