/** Stands between devices and the relay, and does to their connections what networks do: hang, break off, lose one frame; or says what a hostile relay says. */

import { encode } from "cborg";
import { WebSocket, WebSocketServer } from "ws";

import { FROM_DEVICE, readFrame } from "./frames.js";

/** Starts one in front of `relay`. Ended by `end()`. */
export async function startProxy(relay) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await new Promise((resolve) => {
    server.once("listening", resolve);
  });
  return new Proxy(server, relay);
}

class Proxy {
  #server;
  #relay;
  #lines = new Set();
  #held = null;
  #watching = () => "pass";
  #lying = null;
  /** Every frame that passed or was to pass: `{ from: "device" | "relay", frame, at }`. */
  frames = [];
  /** How many connections there were. */
  connections = 0;

  constructor(server, relay) {
    this.#server = server;
    this.#relay = relay;
    server.on("connection", (device) => this.#join(device));
  }

  get address() {
    return `ws://127.0.0.1:${this.#server.address().port}/v1/ws`;
  }

  /** From now on nothing passes, and every connection stays open. */
  hang() {
    this.#held ??= [];
  }

  /** What was held passes, and so does everything after. */
  release() {
    const held = this.#held ?? [];
    this.#held = null;
    for (const pass of held) {
      pass();
    }
  }

  /** Breaks every connection off. */
  cut() {
    for (const line of this.#lines) {
      line.device.terminate();
      line.relay.terminate();
    }
    this.#lines.clear();
  }

  /** `watching(from, frame)` says of each frame whether it is to `pass`, to be lost with its connection (`cut`). */
  watch(watching) {
    this.#watching = watching;
  }

  /** From now on devices hear `lying(to, frame)` instead of what the relay says: any frames, or bytes. `null`: the truth again. See lies.js. */
  lie(lying) {
    this.#lying = lying;
  }

  /** The relay is made to say these bytes to every device. */
  sayAsRelay(bytes) {
    for (const line of this.#lines) {
      line.device.send(bytes);
    }
  }

  /** How many connections are open. */
  get open() {
    return this.#lines.size;
  }

  /** How many frames of that number came from there. */
  count(from, number) {
    return this.frames.filter((passed) => passed.from === from && passed.frame[0] === number).length;
  }

  #join(device) {
    const relay = new WebSocket(this.#relay.address, { perMessageDeflate: false });
    const line = { device, relay, who: "" };
    this.#lines.add(line);
    this.connections += 1;
    const early = [];
    device.on("message", (bytes) => {
      if (relay.readyState === WebSocket.OPEN) {
        this.#carry("device", line, bytes, relay);
      } else {
        early.push(bytes);
      }
    });
    relay.on("open", () => early.splice(0).forEach((bytes) => this.#carry("device", line, bytes, relay)));
    relay.on("message", (bytes) => this.#carry("relay", line, bytes, device));
    for (const end of [device, relay]) {
      end.on("error", () => {});
      end.on("close", () => this.#part(line));
    }
  }

  #carry(from, line, bytes, to) {
    const frame = readFrame(bytes);
    this.frames.push({ from, frame, at: Date.now() });
    if (this.#watching(from, frame) === "cut") {
      this.#part(line);
      return;
    }
    if (from === "device" && frame[0] === FROM_DEVICE.hello) {
      line.who = Buffer.from(frame[2]).toString("hex");
    }
    const lies = from === "relay" && this.#lying !== null;
    const said = lies ? this.#lying(line.who, frame).map((one) => (Array.isArray(one) ? encode(one) : one)) : [bytes];
    const pass = () => to.readyState === WebSocket.OPEN && said.forEach((one) => to.send(one));
    if (this.#held) {
      this.#held.push(pass);
    } else {
      pass();
    }
  }

  #part(line) {
    this.#lines.delete(line);
    line.device.terminate();
    line.relay.terminate();
  }

  async end() {
    this.cut();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}
