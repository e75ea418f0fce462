//! What the engine answers.

use super::bytes::FileBytes;
use super::failure::Failure;
use super::health::{Finding, HealthCounts, HealthPart, Mended};
use super::history::{ChangedVersions, FieldConflict, HistoryChange};
use super::index::{IndexConflict, IndexInfo};
use super::keys::{KeyInfo, Passphrase};
use super::log::LogEntry;
use super::presence::PresencePeer;
use super::request::{JoinRequestInfo, OwnRequest};
use super::storage::{KeptDocument, StoredKind};
use super::text::TextAnswer;
use serde::{Deserialize, Serialize};

/// The answer to one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The call's id.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub id: u64,
    /// How it went.
    pub outcome: Outcome,
}

/// A reply or a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It went well.
    Ok(Reply),
    /// It did not; nothing of it was applied.
    Failed(Failure),
}

/// Everything that can be answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reply {
    /// To `ping`.
    Pong {
        /// The text that was sent.
        text: String,
    },
    /// To `get` and `scan`.
    Documents {
        /// For `scan`: the ids, in byte order. For `get`: empty, the caller knows them.
        ids: Vec<String>,
        /// A JSON array, `null` where there is no document.
        documents: String,
        /// Per document its version, empty where there is none.
        versions: Vec<String>,
        /// Some value in `documents` is tagged and must be revived.
        tagged: bool,
        /// Ids whose stored bytes do not decode; their place in `documents` is `null` (`get`) or absent (`scan`).
        corrupt: Vec<String>,
        /// `scan`: there is more behind the last id.
        more: bool,
    },
    /// To `list`.
    Ids {
        /// In byte order.
        ids: Vec<String>,
        /// There is more behind the last id.
        more: bool,
    },
    /// To `find`.
    Found {
        /// In the order that was asked for.
        ids: Vec<String>,
        /// A JSON array, one document per id, or its selected parts.
        documents: String,
        /// Per document its version.
        versions: Vec<String>,
        /// Some value in `documents` is tagged and must be revived.
        tagged: bool,
        /// Ids of documents whose stored bytes do not decode: nobody knows whether they match.
        corrupt: Vec<String>,
        /// There are more; give this as `after` for the next page.
        next: Option<String>,
    },
    /// To `count`.
    Count {
        /// Documents that match, behind the offset and up to the limit.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        count: u64,
        /// Ids of documents whose stored bytes do not decode: they are not counted.
        corrupt: Vec<String>,
    },
    /// To `explain`.
    Plan {
        /// The index's name; `null`: the whole collection is read.
        index: Option<String>,
        /// So many ranges of it.
        ranges: u32,
        /// It is read in the order that is asked for, so that a limit ends it early.
        in_order: bool,
    },
    /// To `collections`.
    Collections {
        /// In byte order.
        names: Vec<String>,
    },
    /// To `write`: one result per write, in order.
    Written {
        /// In the order of the writes.
        results: Vec<WriteResult>,
        /// The changes that were made, by document; empty when they are of more than 1,000 documents.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "export-types", ts(optional, as = "Option<Vec<ChangedVersions>>"))]
        changed: Vec<ChangedVersions>,
    },
    /// To `declareIndexes` and `indexes`.
    Indexes {
        /// In the order in which they were declared.
        indexes: Vec<IndexInfo>,
    },
    /// To `indexConflicts`.
    IndexConflicts {
        /// In byte order of the ids; at most 1,000.
        conflicts: Vec<IndexConflict>,
        /// There are more: they are told once some of these are settled.
        more: bool,
    },
    /// To `search`.
    Hits {
        /// The best first; those that are alike in byte order of their ids.
        ids: Vec<String>,
        /// A JSON array, one document per id.
        documents: String,
        /// Per document its version.
        versions: Vec<String>,
        /// Per document how well it fits, above 0; comparable within one answer.
        scores: Vec<f64>,
        /// The words that were looked for, folded.
        terms: Vec<String>,
        /// Per document the places in `terms` of those that count for it.
        matched: Vec<Vec<u32>>,
        /// Some value in `documents` is tagged and must be revived.
        tagged: bool,
        /// Ids of documents that the index names and whose stored bytes do not decode.
        corrupt: Vec<String>,
        /// More documents fit, behind these.
        more: bool,
        /// Everything was looked at. Not so while the index is built, when a beginning fits too much to read it all, and when a part of
        /// the index cannot be read, which is then built again.
        complete: bool,
    },
    /// To `text`.
    Text {
        /// Of the kind that was asked for.
        answer: TextAnswer,
    },
    /// To `flush`.
    Flushed {
        /// Changes that still wait.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        pending: u64,
    },
    /// To `status`, `enableSync` and `disableSync`.
    Status {
        /// The same as in the event of that name.
        status: SyncStatus,
    },
    /// To `documentStatus`.
    DocumentStatus {
        /// Where the document stands.
        state: DocumentState,
    },
    /// To `syncNow`.
    Synced {
        /// Entries that the relay acknowledged meanwhile.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        pushed: u64,
        /// Entries of others that were stored meanwhile.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        pulled: u64,
    },
    /// To `publishSnapshot`.
    Snapshot {
        /// How many documents are in it.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        documents: u64,
        /// Bytes of its sealed parts.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        bytes: u64,
        /// It covers the relay's log up to this cursor.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        cursor: u64,
    },
    /// To `createInvite`.
    Invite {
        /// `XXXX-XXXX-XXXX-XXXX`.
        short_code: String,
        /// The page's address with the code behind `#`.
        link: String,
        /// The link as a QR code: a `data:image/svg+xml` URL.
        qr_code: String,
        /// Milliseconds since 1970.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        expires_at: u64,
        /// The invite's id, lower-case base32: says nothing of the code.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        id: String,
    },
    /// To `joinInvite`.
    Joined {
        /// The group's id, lower-case base32.
        group: String,
    },
    /// To `history`.
    History {
        /// The latest first.
        changes: Vec<HistoryChange>,
        /// There are more before the last one.
        more: bool,
    },
    /// To `conflicts`.
    Conflicts {
        /// At most 1,000.
        conflicts: Vec<FieldConflict>,
        /// A JSON array with an array of values for each conflict.
        values: String,
        /// Some value is tagged and must be revived.
        tagged: bool,
        /// There are more.
        more: bool,
    },
    /// To `devices` and `renameDevice`.
    Devices {
        /// In the order in which they were admitted.
        devices: Vec<Device>,
    },
    /// To `invites` and `revokeInvite`.
    Invites {
        /// In the order in which they came here.
        invites: Vec<InviteInfo>,
    },
    /// To `quarantine`.
    Quarantine {
        /// In the order of arrival.
        entries: Vec<Quarantined>,
    },
    /// To `diagnostics`.
    Diagnostics {
        /// Counts and versions.
        diagnostics: Diagnostics,
    },
    /// To `watchLogs`.
    Logs {
        /// Which log it is: random, another one each time a host begins anew.
        log: u32,
        /// What is still there, the oldest first.
        entries: Vec<LogEntry>,
    },
    /// To `check`.
    Checked {
        /// Which rows the page was about.
        part: HealthPart,
        /// How much was looked at.
        counts: HealthCounts,
        /// What is wrong in it.
        findings: Vec<Finding>,
        /// There are more pages; give this as `after` for the next one.
        next: Option<String>,
    },
    /// To `repair`.
    Repaired {
        /// Which rows the page was about.
        part: HealthPart,
        /// How much was looked at.
        counts: HealthCounts,
        /// What was wrong in it, and what was done.
        mended: Vec<Mended>,
        /// There are more pages; give this as `after` for the next one.
        next: Option<String>,
        /// What is missing was asked of the relay: wait until all of it is here before the next page, or go on without.
        waits: bool,
    },
    /// To `export`.
    Exported {
        /// The next bytes of the file.
        bytes: FileBytes,
        /// Documents in them.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        documents: u64,
        /// More follows; give this as `after` for the next part.
        next: Option<String>,
    },
    /// To `import`.
    Imported {
        /// So many of the bytes that were given were taken.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        taken: u64,
        /// Documents in them.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        documents: u64,
        /// More must follow; give this as `after` with the next part.
        next: Option<String>,
    },
    /// To what has nothing to tell.
    Done {},
    /// To `addresses`.
    Addresses {
        /// Relays in the order in which they are preferred, then channels.
        addresses: Vec<AddressInfo>,
    },
    /// To `configureSync`.
    SyncSettings {
        /// What holds.
        settings: SyncSettings,
    },
    /// To `updateMany`.
    Updated {
        /// So many documents were asked for.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        matched: u64,
        /// Those that are different now.
        ids: Vec<String>,
        /// Per id its version now.
        versions: Vec<String>,
        /// Ids of documents whose stored bytes do not decode: nobody knows whether they match.
        corrupt: Vec<String>,
        /// As in `written`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "export-types", ts(optional, as = "Option<Vec<ChangedVersions>>"))]
        changed: Vec<ChangedVersions>,
    },
    /// To `deleteMany`.
    Removed {
        /// Those that are deleted now.
        ids: Vec<String>,
        /// As in `updated`.
        corrupt: Vec<String>,
        /// As in `written`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "export-types", ts(optional, as = "Option<Vec<ChangedVersions>>"))]
        changed: Vec<ChangedVersions>,
    },
    /// To `apply`.
    Applied {
        /// A JSON array, one document per id.
        documents: String,
        /// Some value in `documents` is tagged and must be revived.
        tagged: bool,
        /// Per document whether it is different from what was given.
        changed: Vec<bool>,
    },
    /// To `storage`.
    Stored {
        /// What this page holds, by kind.
        kinds: Vec<StoredKind>,
        /// Documents of this page that are deleted and still here.
        kept: Vec<KeptDocument>,
        /// There are more pages; give this as `after` for the next one.
        next: Option<String>,
    },
    /// To `seenBy`.
    SeenBy {
        /// Ids of members, this device among them. None of a document that is not here or stays here.
        devices: Vec<String>,
        /// These are all members.
        everyone: bool,
    },
    /// To `watchPresence`.
    Presence {
        /// Who else is here, as far as they have been heard.
        peers: Vec<PresencePeer>,
    },
    /// To `unlock`, `lock`, `changePassphrase`, `wipeKeys` and `keys`.
    Keys {
        /// Where they stand now.
        keys: KeyInfo,
    },
    /// To `createTicket`.
    Ticket {
        /// The page's address with the ticket behind `#`.
        link: String,
        /// The link as a QR code: a `data:image/svg+xml` URL.
        qr_code: String,
    },
    /// To `requestToJoin` and `ownRequest`.
    OwnRequest {
        /// What this device has asked for; `null`: nothing.
        request: Option<OwnRequest>,
    },
    /// To `requests` and `rejectRequest`.
    Requests {
        /// Who waits, the earliest first.
        requests: Vec<JoinRequestInfo>,
    },
    /// To `setPassword` and `createRecoveryPhrase`.
    Recovery {
        /// Names it for `removeRecovery`; lower-case base32.
        id: String,
        /// By what the password is found.
        locator: Option<String>,
        /// The 24 words. Nobody keeps them.
        #[cfg_attr(feature = "export-types", ts(type = "string | null"))]
        words: Option<Passphrase>,
    },
    /// To `recoveries` and `removeRecovery`.
    Recoveries {
        /// In the order in which they came here.
        recoveries: Vec<RecoveryInfo>,
    },
    /// To `createApprovalInvite`.
    ApprovalInvite {
        /// The invite's id, lower-case base32: says nothing of its secret.
        id: String,
        /// The page's address with the ticket and the invite's secret behind `#`.
        link: String,
        /// The link as a QR code: a `data:image/svg+xml` URL.
        qr_code: String,
        /// Milliseconds since 1970.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        expires_at: u64,
    },
}

/// When sync runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SyncSettings {
    /// By itself, whenever there is a network; otherwise only when the app asks.
    pub auto: bool,
    /// How often the relay is asked for news though nothing happened, in milliseconds.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub interval_ms: u64,
    /// The addresses of the relays, the preferred one first; none unless several were set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "export-types", ts(optional, as = "Option<Vec<String>>"))]
    pub relays: Vec<String>,
    /// The addresses of channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "export-types", ts(optional, as = "Option<Vec<String>>"))]
    pub channels: Vec<String>,
}

/// By what others are reached, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct AddressInfo {
    /// `ws:` or `wss:` for a relay, `channel:` for a channel.
    pub address: String,
    /// What is there.
    pub kind: AddressKind,
    /// Whether it is in use now.
    pub state: AddressState,
    /// Ids of the members that are met there at this moment; none for a relay, which does not say.
    pub peers: Vec<String>,
}

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum AddressKind {
    /// A relay. Of several one is followed at a time.
    Relay,
    /// Other devices of the group, directly.
    Channel,
}

/// How an address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum AddressState {
    /// In use.
    Open,
    /// Being opened.
    Opening,
    /// Not in use: another relay is followed, sync is off, or the host cannot open it.
    Closed,
}

/// What became of one write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WriteResult {
    /// Per id the version that is there now.
    Put {
        /// In the order of the ids.
        versions: Vec<String>,
    },
    /// Per id whether a document was there.
    Deleted {
        /// In the order of the ids.
        existed: Vec<bool>,
    },
    /// Per id the version that is there now, empty where there is no document.
    Modified {
        /// In the order of the ids.
        versions: Vec<String>,
    },
    /// Per id whether anything was taken back.
    Reverted {
        /// In the order of the ids.
        reverted: Vec<bool>,
    },
    /// To `text`.
    Text {
        /// The version whose text is what the caller has now.
        version: String,
        /// Where the text is at that version.
        path: String,
        /// Others wrote what the caller has not seen.
        behind: bool,
    },
}

/// The four states that a user interface shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum SyncState {
    /// Everything that is here is at the relay, and everything that the relay has is here.
    Synced,
    /// Connected, and something is still to be sent or fetched.
    Pending,
    /// The relay refused or broke; it is tried again by itself.
    Failed,
    /// No connection, or sync is not enabled. Everything works, nothing is lost.
    Offline,
}

/// Where sync stands: derived from the log at every step, never remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// The four-state summary.
    pub state: SyncState,
    /// Sync was enabled and not disabled since.
    pub enabled: bool,
    /// The relay's address.
    pub relay: Option<String>,
    /// The relay has accepted this device for the group.
    pub connected: bool,
    /// Changes that are committed here and not acknowledged by the relay.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub pending: u64,
    /// The last place in the relay's log up to which everything is stored here.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub cursor: u64,
    /// The end of the relay's log, as far as it has told.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub head: u64,
    /// The group's id, lower-case base32.
    pub group: Option<String>,
    /// This device's id, lower-case base32.
    pub device: Option<String>,
    /// When the state was last `synced`, in milliseconds since 1970.
    #[cfg_attr(feature = "export-types", ts(type = "number | null"))]
    pub last_synced_at: Option<u64>,
    /// Why it failed last; gone once it works again.
    pub last_error: Option<Failure>,
    /// When the next attempt to connect is due, in milliseconds since 1970.
    #[cfg_attr(feature = "export-types", ts(type = "number | null"))]
    pub retry_at: Option<u64>,
    /// Entries that are kept but could not be opened or applied.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub quarantined: u64,
    /// This device was removed from the group: sync has ended, and everything stays here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "export-types", ts(optional, as = "Option<bool>"))]
    pub removed: bool,
    /// This device is in no group, and knows of a recovery at the relay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "export-types", ts(optional, as = "Option<bool>"))]
    pub remote: bool,
}

/// Where one document stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum DocumentState {
    /// The relay has all of it.
    Synced,
    /// Something of it waits to be sent.
    Pending,
    /// Something of it waits, and the last attempt failed.
    Failed,
    /// Sync is not enabled or there is no connection, and something of it waits.
    Offline,
    /// There is no such document.
    Missing,
    /// Nothing of it travels.
    Local,
}

/// A member of the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// lower-case base32: its public key.
    pub id: String,
    /// The name it gave itself; sealed on the wire.
    pub name: String,
    /// `admin`, `writer` or `reader`.
    pub role: String,
    /// It is this one.
    pub me: bool,
    /// When it was admitted, in milliseconds since 1970, by the clock of the device that was admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(type = "number", optional))]
    pub admitted_at: Option<u64>,
    /// When something that it wrote came here last, in milliseconds since 1970, by this device's clock. Missing for this device, and while nothing came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(type = "number", optional))]
    pub last_heard_at: Option<u64>,
}

/// An invite of the group, open or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct InviteInfo {
    /// lower-case base32; says nothing of the code.
    pub id: String,
    /// What whoever joins becomes: `admin`, `writer` or `reader`.
    pub role: String,
    /// When it stops opening, in milliseconds since 1970.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub expires_at: u64,
    /// The id of the member that made it.
    pub invited_by: String,
    /// Somebody may still join by it.
    pub open: bool,
    /// How many may still join by it while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(optional))]
    pub uses_left: Option<u32>,
    /// Whoever comes with it asks, and an admin decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(optional))]
    pub approval: Option<bool>,
}

/// A recovery of the group that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RecoveryInfo {
    /// lower-case base32; says nothing of its secrets.
    pub id: String,
    /// `password` or `phrase`; empty while this device lacks the key that its note is sealed with.
    pub kind: String,
    /// By what a password is found.
    pub locator: Option<String>,
    /// The id of the member that made it. When that is removed, or no admin any more, the recovery is closed.
    pub made_by: String,
}

/// An entry that is kept but could not be opened or applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// The entry's id, lower-case base32.
    pub entry: String,
    /// Who wrote it, lower-case base32.
    pub author: String,
    /// `missing-parent`, `missing-key`, `missing-change`, `does-not-open`, `does-not-apply`, `crashes`, `author-removed` (its author may not write any
    /// more, and nobody has built on it) or `vouched-for` (somebody has, and it waits for what it needs).
    pub reason: String,
}

/// Counts and versions for a bug report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Diagnostics {
    /// The engine's version.
    pub engine: String,
    /// The version of the store's format.
    pub store_format: u32,
    /// Calls that wait for the store.
    pub waiting_calls: u32,
    /// Entries in the outbox.
    pub outbox: u32,
    /// Commits since the engine was opened.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub commits: u64,
    /// Loads since the engine was opened.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub loads: u64,
    /// Bytes of rows held in memory.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub cached_bytes: u64,
    /// Bytes of WebAssembly memory, where the host knows.
    #[cfg_attr(feature = "export-types", ts(type = "number | null"))]
    pub wasm_bytes: Option<u64>,
    /// What is known of the group's snapshots; absent without a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(optional))]
    pub snapshot: Option<SnapshotInfo>,
}

/// What this device knows of its group's snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SnapshotInfo {
    /// This device began from a snapshot: entries below it are not here.
    pub began_from: bool,
    /// The cursor up to which the newest known one covers the relay's log; 0 when none is known.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub cursor: u64,
    /// Bytes of its sealed parts.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub bytes: u64,
    /// Entries that stood in the log since then.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub entries_since: u64,
    /// Their bytes.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub bytes_since: u64,
    /// One is being made: so many parts of it are at the relay.
    pub making: Option<u32>,
    /// One is being taken: so many parts of it are merged.
    pub taking: Option<u32>,
    /// So many parts that one has.
    pub parts: Option<u32>,
}
