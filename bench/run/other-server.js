/** A system's server as a process of its own, for the load on the relay: tells its address and names of documents that it takes. Ends with its standard input. */

import { startItself } from "./servers.js";

const [peer, count] = process.argv.slice(2);

/** What a system does not leave to whoever names a document. */
const NAME = {
  async automerge() {
    const { generateAutomergeUrl, parseAutomergeUrl } = await import("@automerge/automerge-repo");
    return () => parseAutomergeUrl(generateAutomergeUrl()).documentId;
  },
};

const { address } = await startItself(peer);
const name = (await NAME[peer]?.()) ?? ((number) => `document-${number}`);
const documents = Array.from({ length: Number(count) }, (_, number) => name(number));
process.stdout.write(`${JSON.stringify({ address, documents })}\n`);
process.stdin.resume().once("end", () => process.exit(0));
