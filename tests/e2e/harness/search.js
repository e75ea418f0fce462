/** Looks for words where they must not be: files and the memory of a process, in UTF-8 and in UTF-16. */

import { closeSync, openSync, readFileSync, readSync, readdirSync } from "node:fs";
import { join } from "node:path";

const CHUNK_BYTES = 16 << 20;

/** Every file under `folder` that holds one of `words` (texts or bytes), as sentences. */
export function searchFiles(folder, words) {
  const found = [];
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())) {
    const path = join(file.parentPath, file.name);
    found.push(...hits(readFileSync(path), patterns(words)).map((word) => `${word} in ${file.name}`));
  }
  return found;
}

/** Every mapping of that process that can be read and holds one of `words`. Needs to be its owner or root. */
export function searchMemory(pid, words) {
  const wanted = patterns(words);
  const overlap = Math.max(...wanted.flatMap(({ forms }) => forms.map((form) => form.length)));
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const buffer = Buffer.alloc(CHUNK_BYTES + overlap);
  const found = [];
  try {
    for (const { start, end, name } of mappings(pid)) {
      for (let at = start; at < end; at += CHUNK_BYTES) {
        const read = readAt(memory, buffer, at, Math.min(buffer.length, end - at));
        found.push(...hits(buffer.subarray(0, read), wanted).map((word) => `${word} in its memory, ${name}`));
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...new Set(found)];
}

function mappings(pid) {
  const lines = readFileSync(`/proc/${pid}/maps`, "utf8").trim().split("\n");
  return lines.flatMap((line) => {
    const [, from, to, rights, name] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line);
    // The kernel's own pages cannot be read; addresses beyond 2^53 are theirs.
    const readable = rights.startsWith("r") && !/^\[v(var|syscall)/.test(name);
    return readable ? [{ start: Number(`0x${from}`), end: Number(`0x${to}`), name: name || "heap" }] : [];
  });
}

/** Reads as much as is there; a page that went away meanwhile holds nothing. */
function readAt(file, buffer, position, length) {
  try {
    return readSync(file, buffer, 0, length, position);
  } catch (error) {
    if (error.code === "EIO" || error.code === "EFAULT") {
      return 0;
    }
    throw error;
  }
}

function patterns(words) {
  return words.map((word) =>
    typeof word === "string"
      ? {
          word,
          forms: [Buffer.from(word, "utf8"), Buffer.from(word, "utf16le"), Buffer.from(word, "utf16le").swap16()],
        }
      : { word: Buffer.from(word).toString("hex"), forms: [Buffer.from(word)] },
  );
}

function hits(bytes, wanted) {
  return wanted.filter(({ forms }) => forms.some((form) => bytes.includes(form))).map(({ word }) => word);
}
