/**
 * audiofiles: libraries of sounds as virtual file systems, with folders, files and tags. The audio itself does not sync: blobs are a later issue. A file's
 * content is named by its hash; where it lies on this device stays here.
 */

import type { Collection, Database } from "ashore";

export interface FileSystem {
  name: string;
  sync_files: boolean;
}
export interface AudioFile {
  vfs: string;
  parent: string | null;
  name: string;
  folder: boolean;
  hash?: string;
  bytes?: number;
  seconds?: number;
  sampleRate?: number;
  channels?: number;
  bpm?: number;
  key?: string;
  cached?: { path: string; at: Date };
}
export interface FileTag {
  file: string;
  tag: string;
  value?: string;
}
export interface Waveform {
  peaks: Uint8Array;
}

export interface AudioFiles {
  readonly fileSystems: Collection<FileSystem>;
  readonly files: Collection<AudioFile>;
  readonly tags: Collection<FileTag>;
  readonly waveforms: Collection<Waveform>;
}

/** The app's collections. Two files of one name in a folder, made on two devices, are both kept, and `indexConflicts` names them. */
export function audioFiles(db: Database): AudioFiles {
  return {
    fileSystems: db.collection("vfs"),
    files: db.collection("vfs_nodes", {
      local: ["cached"],
      indexes: [
        { name: "place", fields: ["vfs", "parent", "name"], unique: true },
        { fields: ["hash"], sparse: true },
      ],
    }),
    tags: db.collection("tags", { indexes: [{ fields: ["file"] }, { fields: ["tag", "value"] }] }),
    waveforms: db.collection("waveforms", { local: true }),
  };
}
