/** What RxDB's client imports as `ws`: in a browser it is the browser's own. */
export const WebSocket = globalThis.WebSocket;

/** Its server comes along with its client, and nothing starts it here. */
export const WebSocketServer = null;
