/** Somebody with a WebSocket and the protocol's description, but in no group. */

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";

import { encode } from "cborg";
import { WebSocket } from "ws";

import { FROM_DEVICE, readFrame } from "./frames.js";

/** Connects to the relay; `received` fills with what it says. */
export async function startStranger(relay) {
  const socket = new WebSocket(relay.address);
  const stranger = new Stranger(socket, `127.0.0.1:${relay.port}`);
  await once(socket, "open");
  return stranger;
}

class Stranger {
  #socket;
  #audience;
  received = [];
  closed = false;

  constructor(socket, audience) {
    this.#socket = socket;
    this.#audience = audience;
    socket.on("message", (bytes) => this.received.push(readFrame(bytes)));
    socket.on("close", () => (this.closed = true));
    socket.on("error", () => {});
  }

  say(...frame) {
    this.#socket.send(encode(frame));
  }

  /** Proves, truly, that it is the device of that key; without one, of a key that it has just made. */
  introduceItself(privateKey = generateKeyPairSync("ed25519").privateKey) {
    const [, versions, nonce] = this.received[0];
    const device = publicBytes(privateKey);
    const transcript = encode([nonce, versions, 1, device, this.#audience]);
    const message = Buffer.concat([Buffer.from("ashore 1 handshake\0"), transcript]);
    this.say(FROM_DEVICE.hello, 1, device, this.#audience, sign(null, message, privateKey));
  }

  end() {
    this.#socket.terminate();
  }
}

function publicBytes(privateKey) {
  const { x } = createPublicKey(createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }))).export({
    format: "jwk",
  });
  return Buffer.from(x, "base64url");
}
