/** Ashore: a local-first, end-to-end encrypted document database. Nothing runs at import. */

export { Text, text } from "./collaborative-text.js";
export { Collection, type CollectionChange, type CollectionEvents } from "./collection.js";
export { Counter, counter } from "./counter.js";
export { Database, type DatabaseEvents, type Persistence } from "./database.js";
export type { CallOptions, Entry, Range, WriteOptions } from "./documents.js";
export type { Unsubscribe } from "./emitter.js";
export { AshoreError, type AshoreErrorOptions } from "./errors.js";
export type { Condition, Filter, PathOf, TypeName, ValueAt } from "./filter.js";
export type { ChangedDocuments } from "./generated/ChangedDocuments.js";
export type { Device } from "./generated/Device.js";
export type { Diagnostics } from "./generated/Diagnostics.js";
export type { DisconnectReason } from "./generated/DisconnectReason.js";
export type { DocumentState } from "./generated/DocumentState.js";
export type { Durability } from "./generated/Durability.js";
export type { ErrorCode } from "./generated/ErrorCode.js";
export type { QueryMistake } from "./generated/QueryMistake.js";
export type { Quarantined } from "./generated/Quarantined.js";
export type { SyncState } from "./generated/SyncState.js";
export type { SyncStatus } from "./generated/SyncStatus.js";
export type { Capabilities } from "./host.js";
export type { IndexInfo, IndexOptions, Plan } from "./indexes.js";
export type { Value } from "./json.js";
export { open, type OpenOptions, type WasmSource } from "./open.js";
export type { CollectionOptions } from "./options.js";
export { Query } from "./query.js";
export { type Invite, Sync, type SyncCapabilities, type SyncEvents, type SyncOptions } from "./sync.js";
export { Transaction, TransactionCollection } from "./transaction.js";
