/** What of `ws` the tests use: a WebSocket for versions of Node that have none. */

declare module "ws" {
  export const WebSocket: typeof globalThis.WebSocket;
}
