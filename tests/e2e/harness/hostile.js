/** A member who holds the group's key and means harm: what `hostile-member` prints, said to the relay as the protocol wants it. */

import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { FROM_DEVICE, FROM_RELAY } from "./frames.js";
import { startStranger } from "./stranger.js";
import { until } from "./wait.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const program = process.env.ASHORE_HOSTILE_MEMBER ?? join(root, "target/debug/hostile-member");
const PKCS8_OF_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** Founds its group at the relay and leaves an invitation there. */
export async function startHostileMember(relay) {
  const said = JSON.parse(execFileSync(program, [String(Date.now())], { encoding: "utf8" }));
  const member = new HostileMember(said, await startStranger(relay));
  await member.found();
  return member;
}

class HostileMember {
  #said;
  #wire;
  #requests = 0;

  constructor(said, wire) {
    this.#said = said;
    this.#wire = wire;
  }

  /** What lets somebody join the group. */
  get code() {
    return this.#said.code;
  }

  /** The id of the entry that makes Automerge panic. */
  get crashing() {
    return this.#said.crashing;
  }

  async found() {
    const wire = this.#wire;
    await until("the relay challenges", () => wire.received.length > 0);
    const key = Buffer.concat([PKCS8_OF_ED25519, bytes(this.#said.seed)]);
    wire.introduceItself(createPrivateKey({ key, format: "der", type: "pkcs8" }));
    const { group, controls, place, expires, sealed } = this.#said;
    await this.#ask(FROM_DEVICE.append, bytes(group), controls.map(bytes));
    await this.#ask(FROM_DEVICE.putInvite, bytes(group), bytes(place), expires, bytes(sealed));
  }

  /** Sends a harmless entry, the one that crashes, one beside it and one that builds on it. */
  async attack() {
    await this.#ask(FROM_DEVICE.append, bytes(this.#said.group), this.#said.entries.map(bytes));
  }

  end() {
    this.#wire.end();
  }

  async #ask(number, ...fields) {
    const request = ++this.#requests;
    this.#wire.say(number, request, ...fields);
    const answers = () => this.#wire.received.filter(([, answered]) => answered === request);
    await until(`request ${request} is answered`, () => answers().length > 0);
    const [answer] = answers();
    if (answer[0] === FROM_RELAY.failed) {
      throw new Error(`the relay refused: ${answer}`);
    }
  }
}

function bytes(hex) {
  return Buffer.from(hex, "hex");
}
