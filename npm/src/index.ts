/** Ashore: a local-first, end-to-end encrypted document database. Nothing runs at import. */

export { Text, text } from "./collaborative-text.js";
export { Collection, type CollectionChange, type CollectionEvents } from "./collection.js";
export { Counter, counter } from "./counter.js";
export { type ChangedDocument, Database, type DatabaseEvents, type Persistence } from "./database.js";
export type { Diagnostics, OriginStorage } from "./diagnostics.js";
export type { CallOptions, Entry, Range, WriteOptions } from "./documents.js";
export type { Unsubscribe } from "./emitter.js";
export { AshoreError, type AshoreErrorOptions } from "./errors.js";
export type { ExportOptions, ExportProgress } from "./export.js";
export { importDatabase, type ImportOptions } from "./import.js";
export type { Condition, Filter, PathOf, TypeName, ValueAt } from "./filter.js";
export type { ChangedDocuments } from "./generated/ChangedDocuments.js";
export type { Device } from "./generated/Device.js";
export type { InviteInfo } from "./generated/InviteInfo.js";
export type { DisconnectReason } from "./generated/DisconnectReason.js";
export type { DocumentState } from "./generated/DocumentState.js";
export type { Durability } from "./generated/Durability.js";
export type { ErrorCode } from "./generated/ErrorCode.js";
export type { Finding } from "./generated/Finding.js";
export type { FindingCode } from "./generated/FindingCode.js";
export type { HealthCounts } from "./generated/HealthCounts.js";
export type { HealthPart } from "./generated/HealthPart.js";
export type { KeptBecause } from "./generated/KeptBecause.js";
export type { KeptDocument } from "./generated/KeptDocument.js";
export type { StorageKind } from "./generated/StorageKind.js";
export type { Mended } from "./generated/Mended.js";
export type { JoinRequestInfo } from "./generated/JoinRequestInfo.js";
export type { OwnRequest } from "./generated/OwnRequest.js";
export type { OwnRequestState } from "./generated/OwnRequestState.js";
export type { Remedy } from "./generated/Remedy.js";
export type { QueryMistake } from "./generated/QueryMistake.js";
export type { Quarantined } from "./generated/Quarantined.js";
export type { RecoveryInfo } from "./generated/RecoveryInfo.js";
export type { SyncSettings } from "./generated/SyncSettings.js";
export type { AddressInfo } from "./generated/AddressInfo.js";
export type { AddressKind } from "./generated/AddressKind.js";
export type { AddressState } from "./generated/AddressState.js";
export type { SyncState } from "./generated/SyncState.js";
export type { SyncStatus } from "./generated/SyncStatus.js";
export type { CheckOptions, CheckReport, HealthProgress, RepairOptions, RepairReport } from "./health.js";
export type { Author, Change, Conflict, ConflictingValue, HistoryOptions, Undone } from "./history.js";
export type { Capabilities } from "./host.js";
export type { IndexInfo, IndexOptions, Plan, TextIndexOptions, ValueIndexOptions } from "./indexes.js";
export type { Value } from "./json.js";
export type { Encrypt, KeyState } from "./keys.js";
export { type LiveResult, LiveStates, type SubscribeOptions } from "./live.js";
export type { DeleteResult, Each, Modifiers, PushEach, UpdateResult } from "./modifiers.js";
export type { LogLevel } from "./generated/LogLevel.js";
export type { LogEvent, LogsOptions } from "./logs.js";
export { open, type OpenOptions, type WasmSource } from "./open.js";
export type { CollectionOptions, FieldOf, Migrate } from "./options.js";
export { type Peer, Presence, type PresenceEvents } from "./presence.js";
export { Query } from "./query.js";
export type { Resolved } from "./refs.js";
export type { Issue, Schema, SchemaIssue, Validated } from "./schema.js";
export type { Hit, SearchOptions, SearchResult } from "./search.js";
export type { RetentionOptions, StorageReport, StoredAmount } from "./storage.js";
export type { EngineState, EngineStatus } from "./supervision.js";
export {
  type ApprovalInvite,
  type Invite,
  type InviteOptions,
  type Joined,
  type RecoverBy,
  type Role,
  Sync,
  type SyncCapabilities,
  type SyncEvents,
  type SyncOptions,
  type Ticket,
} from "./sync.js";
export { Transaction, TransactionCollection } from "./transaction.js";
export type { Edit } from "./updates.js";
export type { InvalidDocument, MigrationResult } from "./upkeep.js";
export { type MarkOptions, type MarkValue, type TextChange, TextHandle, type TextMark } from "./text-handle.js";
export type { TextExpand } from "./generated/TextExpand.js";
export type { TextSplice } from "./generated/TextSplice.js";
