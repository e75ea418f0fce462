//! What a page asks of the engine.

use super::bytes::FileBytes;
use super::index::IndexSpec;
use super::keys::Passphrase;
use super::log::LogLevel;
use super::text::{TextAsk, TextEdit};
use serde::{Deserialize, Serialize};

/// Several calls of one client, in the order in which they take effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Calls {
    /// Who asks: random per opened handle, at most 64 bytes. Ids of calls count within it.
    pub client: String,
    /// Every answer with an id up to this one has reached the client: the engine may forget them.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub received: u64,
    /// The calls, ids rising. One that was asked before is answered again, not applied again.
    pub calls: Vec<Call>,
}

/// One question with the id that its answer will carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Rising by one per call of this client, from 1.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub id: u64,
    /// What is asked.
    pub command: Command,
}

/// Everything that can be asked. What an engine does not know, a command or a part of one, it refuses with `host.outdated`: to leave out what a newer page
/// asked for would be another question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// Answers `pong` with the same text: is the engine alive, and how far away?
    Ping {
        /// Comes back as it is.
        text: String,
    },
    /// Documents by id; answers `documents`, `null` where there is none.
    Get {
        /// The collection's name.
        collection: String,
        /// At most 10,000 ids.
        ids: Vec<String>,
    },
    /// One page of ids in byte order; answers `ids`.
    List {
        /// The collection's name.
        collection: String,
        /// Which part.
        range: IdRange,
    },
    /// One page of documents in byte order of their ids; answers `documents`.
    Scan {
        /// The collection's name.
        collection: String,
        /// Which part.
        range: IdRange,
    },
    /// One page of the documents that a query asks for, in its order; answers `found`.
    Find {
        /// The collection's name.
        collection: String,
        /// A JSON object with any of `filter`, `sort` (`[["due", 1], ["title", -1]]`), `offset`, `limit` and `select` (`["title"]`).
        query: String,
        /// Where the page before ended: its `next`.
        after: Option<String>,
        /// At most so many documents, 1 to 10,000; 0 means 10,000.
        page: u32,
        /// Documents as a transaction sees them, in the place of what is stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "export-types", ts(optional))]
        within: Option<Overlay>,
    },
    /// How many documents a query asks for; answers `count`.
    Count {
        /// The collection's name.
        collection: String,
        /// As in `find`; its order and selection do not matter.
        query: String,
        /// As in `find`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "export-types", ts(optional))]
        within: Option<Overlay>,
    },
    /// Which index a query reads; answers `plan`.
    Explain {
        /// The collection's name.
        collection: String,
        /// As in `find`.
        query: String,
    },
    /// Names of the collections that hold or held documents; answers `collections`.
    Collections {},
    /// Writes, all or nothing, as one change set that travels as one entry; answers `written`.
    Write {
        /// In order; a document may occur more than once.
        writes: Vec<Write>,
        /// When the answer may come.
        durability: Durability,
        /// The writes are committed together but may travel in several entries: for more than one entry carries.
        #[serde(default)]
        split: bool,
    },
    /// The indexes of a collection from now on, all of them: one with the same words as before stays, a new one is built in
    /// the background, one that is not named any more is dropped. Wrong ones end in `index.invalid`; answers `indexes`.
    DeclareIndexes {
        /// The collection's name.
        collection: String,
        /// At most 32.
        indexes: Vec<IndexSpec>,
    },
    /// The indexes of a collection and how far they are; answers `indexes`.
    Indexes {
        /// The collection's name.
        collection: String,
    },
    /// Documents that have the same values in a unique index, because devices that were apart wrote them; as far as the index
    /// is built; answers `indexConflicts`.
    IndexConflicts {
        /// The collection's name.
        collection: String,
        /// The index's name.
        index: String,
    },
    /// Which part of a collection's documents leaves this device, from now on; the same again changes nothing. At most one of
    /// `local`, `localFields` and `syncFields` is given. Wrong ones end in `collection.invalid`; answers `done`.
    DeclareCollection {
        /// The collection's name.
        collection: String,
        /// Nothing of it ever leaves.
        #[serde(default)]
        local: bool,
        /// These fields never leave; paths of keys with dots.
        #[serde(default)]
        local_fields: Vec<String>,
        /// Only these fields leave, once they were changed.
        #[serde(default)]
        sync_fields: Option<Vec<String>>,
        /// Deletes travel, and those of others take effect here.
        sync_deletes: bool,
    },
    /// One page of the ids of documents of which other devices have said something and nothing was put here; answers `ids`.
    Parked {
        /// The collection's name.
        collection: String,
        /// Which part.
        range: IdRange,
    },
    /// The documents that fit some words best, the best first, by an index of words; answers `hits`. What cannot be searched for ends in
    /// `query.invalid`; a collection without such an index, or without the one that is named, in `index.missing`.
    Search {
        /// The collection's name.
        collection: String,
        /// Words; `"words in quotes"` stand together; `-word` must not be there. At most 4,096 bytes and 64 different words.
        text: String,
        /// The index's name; `null` takes the first index of words.
        index: Option<String>,
        /// A filter that documents must fit besides, as JSON; `null`: none.
        filter: Option<String>,
        /// The last word is also the beginning of longer ones.
        prefix: bool,
        /// One of the words is enough.
        any: bool,
        /// Leaves out the first so many.
        offset: u32,
        /// At most so many, 1 to 1,000; 0 means 1,000.
        limit: u32,
    },
    /// Something about one collaborative text of a document; answers `text`.
    Text {
        /// The collection's name.
        collection: String,
        /// The document's id.
        id: String,
        /// Where in the document: names and numbers with dots between them.
        path: String,
        /// What is asked.
        ask: TextAsk,
    },
    /// Waits until every committed change is at the relay, or the time is over; answers `flushed`.
    Flush {
        /// At most this long, in milliseconds.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        timeout_ms: u64,
    },
    /// Starts syncing, creating the group when there is none. Resolves without a network; answers `status`.
    EnableSync {
        /// The relay's WebSocket address; `null` keeps the one from before.
        relay: Option<String>,
        /// What other members see this device as; sealed before it leaves.
        device_name: Option<String>,
    },
    /// Stops syncing; answers `status`.
    DisableSync {
        /// Also forget the group, its keys and its entries. Documents stay.
        forget: bool,
    },
    /// When sync runs; what is left out stays, so nothing given only asks. Stored; answers `syncSettings`.
    ConfigureSync {
        /// `false`: no connection until `syncNow`, an invite or a join asks for one.
        #[serde(default)]
        auto: Option<bool>,
        /// How often the relay is asked for news though nothing happened, in milliseconds: a second to 31 days.
        #[serde(default)]
        #[cfg_attr(feature = "export-types", ts(type = "number | null"))]
        interval_ms: Option<u64>,
        /// The addresses of one to eight relays, the preferred one first. One is followed at a time; when it fails, the next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "export-types", ts(optional))]
        relays: Option<Vec<String>>,
        /// The addresses of at most four channels on which this device meets others of its group without a relay; `channel:` and a name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "export-types", ts(optional))]
        channels: Option<Vec<String>>,
    },
    /// Every address by which others are reached, and how each stands; answers `addresses`.
    Addresses {},
    /// Pushes and pulls now; answers `synced` when both are through, or fails.
    SyncNow {
        /// At most this long, in milliseconds.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        timeout_ms: u64,
    },
    /// Answers `status` as soon as everything of the group has been here once: at once when it was before, also offline.
    SyncReady {
        /// At most this long, in milliseconds; a day at most.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        timeout_ms: u64,
    },
    /// Makes a snapshot of the group at the relay; answers `snapshot` when it is there, or fails.
    PublishSnapshot {
        /// At most this long, in milliseconds.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        timeout_ms: u64,
    },
    /// Where sync stands; answers `status`.
    Status {},
    /// Where one document stands; answers `document-status`.
    DocumentStatus {
        /// The collection's name.
        collection: String,
        /// The document's id.
        id: String,
    },
    /// A one-time code for another device; needs the relay; answers `invite`.
    CreateInvite {
        /// How long it opens, in seconds.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        ttl_seconds: u64,
        /// The page that the link opens; the code goes behind its `#`.
        link_base: Option<String>,
        /// What whoever joins becomes: `admin`, `writer` or `reader`; an admin when it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "export-types", ts(optional))]
        role: Option<String>,
        /// How many devices may join by it, 1 to 100; one when it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "export-types", ts(optional))]
        uses: Option<u32>,
    },
    /// The invites of the group; answers `invites`.
    Invites {},
    /// Closes an invite; answers `invites`.
    RevokeInvite {
        /// The invite's id.
        invite: String,
    },
    /// Joins the group of an invite: a short code, a link or a QR code's text; answers `joined`. With the link of an invite that needs
    /// approval it asks, and answers `ownRequest`.
    JoinInvite {
        /// The code in any of its forms.
        invite: String,
        /// The relay to ask; `null` takes the link's or the one from before.
        relay: Option<String>,
        /// What other members see this device as.
        device_name: Option<String>,
    },
    /// The changes of a document, the latest first; answers `history`.
    History {
        /// The collection's name.
        collection: String,
        /// The document's id.
        id: String,
        /// Only changes before this one: its `version`.
        before: Option<String>,
        /// At most so many, 1 to 1,000; 0 means 1,000.
        limit: u32,
    },
    /// A document as it was at a version; answers `documents`.
    At {
        /// The collection's name.
        collection: String,
        /// The document's id.
        id: String,
        /// A change's `version`, or any that a read answered with.
        version: String,
    },
    /// Where a document shows one of several values that devices set apart; answers `conflicts`.
    Conflicts {
        /// The collection's name.
        collection: String,
        /// The document's id.
        id: String,
    },
    /// The members of the group; answers `devices`.
    Devices {},
    /// Renames this device for all members; answers `devices`.
    RenameDevice {
        /// The new name, at most 256 bytes.
        name: String,
    },
    /// Removes a member and changes the group's key; answers `devices`.
    RemoveDevice {
        /// The member's id.
        device: String,
    },
    /// Gives a member another role; answers `devices`.
    ChangeRole {
        /// The member's id.
        device: String,
        /// `admin`, `writer` or `reader`.
        role: String,
    },
    /// Makes another member an admin and this device a writer; answers `devices`.
    HandOver {
        /// The member's id.
        device: String,
    },
    /// Leaves the group; answers `done`. Once the relay knows, the group is forgotten here and sync is disabled.
    LeaveGroup {},
    /// Changes the group's key; answers `done`.
    RotateKeys {},
    /// Entries that are kept but could not be opened or applied; answers `quarantine`.
    Quarantine {},
    /// Counts and versions for a bug report; holds no document; answers `diagnostics`.
    Diagnostics {},
    /// Looks at one page of everything that is stored and says what is wrong; changes nothing; answers `checked`.
    Check {
        /// Where the page before ended: its `next`. `null`: from the start.
        after: Option<String>,
    },
    /// The same, and mends what is wrong in that page, in one batch; answers `repaired`.
    Repair {
        /// Where the page before ended: its `next`. `null`: from the start.
        after: Option<String>,
    },
    /// The next part of an encrypted file with everything that documents are; answers `exported`. The first call takes the
    /// passphrase, later ones `after`.
    Export {
        /// For the first call. One that is easy to guess ends in `export.weak-passphrase`.
        #[cfg_attr(feature = "export-types", ts(type = "string | null"))]
        passphrase: Option<Passphrase>,
        /// Where the part before ended: its `next`.
        after: Option<String>,
    },
    /// The next part of such a file; answers `imported`. The first call takes the passphrase and the file's beginning (2,048
    /// bytes are enough), later ones `after` and one chunk without its length.
    Import {
        /// For the first call.
        #[cfg_attr(feature = "export-types", ts(type = "string | null"))]
        passphrase: Option<Passphrase>,
        /// Where the part before ended: its `next`.
        after: Option<String>,
        /// A part of the file.
        bytes: FileBytes,
        /// The file ends with it.
        last: bool,
        /// It is opened, and nothing is written.
        dry: bool,
    },
    /// Something the host noticed that makes a retry worthwhile; answers `done`.
    Hint {
        /// What it was.
        hint: Hint,
    },
    /// A client that will not come back: its remembered answers may go; answers `done`.
    ForgetClient {
        /// Its name.
        client: String,
    },
    /// From now on the client is told what a query answers, and every change of that: as `patch` events, until `unwatch`.
    /// Answers `done`; the first patches bring the answer as it is.
    Watch {
        /// The client's own name for it, used once.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        watch: u64,
        /// The collection's name.
        collection: String,
        /// As in `find`.
        query: String,
        /// Only this document, which is given whatever it holds; `query` is `{}` then.
        id: Option<String>,
    },
    /// A patch has been taken in: more may be sent; answers `done`.
    WatchTaken {
        /// As in `watch`.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        watch: u64,
        /// The patch's number.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        patch: u64,
    },
    /// Ends a watch; answers `done`, also when there is none.
    Unwatch {
        /// As in `watch`.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        watch: u64,
    },
    /// Commits what waits, closes the store and refuses everything after; answers `done`.
    Close {},
    /// Modifies every document that a query asks for: found and written in one step, all or nothing. Their changes travel as one entry when they fit one.
    /// More than 10,000 documents, or more than 32 MiB of them, end in `update.too-many`; answers `updated`.
    UpdateMany {
        /// The collection's name.
        collection: String,
        /// As in `find`; its selection does not matter.
        query: String,
        /// As in `modify`.
        modifiers: String,
        /// When the answer may come.
        durability: Durability,
    },
    /// Deletes every document that a query asks for, in the same way; answers `removed`.
    DeleteMany {
        /// The collection's name.
        collection: String,
        /// As in `find`; its selection does not matter.
        query: String,
        /// When the answer may come.
        durability: Durability,
    },
    /// What modifiers make of documents that the caller holds. Reads and writes nothing; answers `applied`.
    Apply {
        /// The collection's name, for errors.
        collection: String,
        /// One id per document, for errors.
        ids: Vec<String>,
        /// A JSON array with one document per id.
        documents: String,
        /// As in `modify`.
        modifiers: String,
    },
    /// What this open database says about itself to whoever is connected at the same time; kept nowhere. Answers `done`.
    SetPresence {
        /// Which open database of the client: random, at most 64 bytes.
        handle: String,
        /// When it had a state first, in milliseconds since 1970.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        since: u64,
        /// JSON of at most 1,024 bytes; `null`: nothing any more.
        state: Option<String>,
    },
    /// From now on the client is told who else is here, as `presence` events, until `unwatchPresence`; answers `presence`.
    WatchPresence {
        /// As in `setPresence`.
        handle: String,
    },
    /// Ends it; answers `done`, also when there was nothing to end.
    UnwatchPresence {
        /// As in `setPresence`.
        handle: String,
    },
    /// How long what was deleted can be undone, and when a member is said to be idle; answers `done`. What is left out stays as it is.
    ConfigureRetention {
        /// So long deleted documents stay at least, in seconds; 86,400 unless said otherwise.
        #[cfg_attr(feature = "export-types", ts(type = "number | null"))]
        keep_deleted_seconds: Option<u64>,
        /// A member of which nothing was heard for so long is idle, in seconds; 90 days unless said otherwise.
        #[cfg_attr(feature = "export-types", ts(type = "number | null"))]
        idle_seconds: Option<u64>,
        /// Entries that came longer ago go from the local log, in seconds; all stay unless said otherwise. So much that it never comes (100 years): all stay.
        #[serde(default)]
        #[cfg_attr(feature = "export-types", ts(type = "number | null"))]
        keep_entries_seconds: Option<u64>,
    },
    /// One page of how much is stored of what, and of what is deleted and still here; answers `stored`.
    Storage {
        /// Where the page before ended: its `next`. `null`: from the start.
        after: Option<String>,
    },
    /// Tells this client what is logged up to `level`: what is still there of before in the answer, `logs`, and what comes as events; `off` ends it. The
    /// host answers it, whether the keys are there or not.
    WatchLogs {
        /// How much.
        level: LogLevel,
    },
    /// Which members have seen a document as it is now; answers `seenBy`.
    SeenBy {
        /// The collection's name.
        collection: String,
        /// The document's id.
        id: String,
    },
    /// Opens the keys of a database, or says whether they would open: with a passphrase or, without one, by the platform. The first passphrase of a
    /// database makes its keys. Answers `keys`. This and what follows is the host's to answer: see `docs/at-rest.md`.
    Unlock {
        /// What a person typed.
        #[cfg_attr(feature = "export-types", ts(type = "string | null"))]
        passphrase: Option<Passphrase>,
    },
    /// Commits what waits and forgets the keys, for every client; answers `keys`.
    Lock {},
    /// Seals the keys with another passphrase; answers `keys`.
    ChangePassphrase {
        /// The one that holds.
        #[cfg_attr(feature = "export-types", ts(type = "string"))]
        old: Passphrase,
        /// The one that shall.
        #[cfg_attr(feature = "export-types", ts(type = "string"))]
        new: Passphrase,
    },
    /// Destroys the keys of an encrypted database: nothing of it can be read any more; answers `keys`.
    WipeKeys {},
    /// Where the keys stand; answers `keys`.
    Keys {},
    /// Where the group is and how to ask to be let in: no secret; answers `ticket`.
    CreateTicket {
        /// The page that the link opens; the ticket goes behind its `#`.
        link_base: Option<String>,
    },
    /// Asks to join the group of a ticket; answers `ownRequest` as soon as it is stored. What comes of it is told by `ownRequest` events.
    RequestToJoin {
        /// The link, or what stands behind its `#`.
        ticket: String,
        /// What to become: `admin`, `writer` or `reader`; a writer when it is left out. An admin decides.
        role: Option<String>,
        /// The relay to ask; `null` takes the ticket's first or the one from before.
        relay: Option<String>,
        /// What admins see this device as.
        device_name: Option<String>,
    },
    /// What this device has asked for; answers `ownRequest`.
    OwnRequest {},
    /// Takes it back, or forgets how it ended; answers `done`.
    WithdrawRequest {},
    /// Who asks to join; admins only, needs the relay. Answers `requests`.
    Requests {},
    /// Makes a device that asks a member; admins only, needs the relay. Answers `devices`.
    ApproveRequest {
        /// The device's id.
        device: String,
        /// What it becomes: `admin`, `writer` or `reader`.
        role: String,
    },
    /// Turns a device away; admins only, needs the relay. Answers `requests`: those that are left.
    RejectRequest {
        /// The device's id.
        device: String,
    },
    /// Leaves what brings the group back at the relay, sealed with a password: for the day when all devices are lost. Takes the place of a password
    /// that was set before. Admins only. Answered by `recovery`.
    SetPassword {
        /// Not one that is easy to guess.
        #[cfg_attr(feature = "export-types", ts(type = "string"))]
        password: Passphrase,
        /// By what it is found, such as a mail address: `null` for a random code, or for what it was found by before.
        locator: Option<String>,
    },
    /// The same, for 24 words that are made now. Answered by `recovery`.
    CreateRecoveryPhrase {},
    /// The group's recoveries that are open. Answered by `recoveries`.
    Recoveries {},
    /// Closes a recovery: nobody comes back by it. Admins only. Answered by `recoveries`.
    RemoveRecovery {
        /// Its id.
        recovery: String,
    },
    /// Comes back into a group as a new device, by a password or by words. Answered by `joined`.
    Recover {
        /// The relay's address; `null` for the one from before.
        relay: Option<String>,
        /// What others see this device as.
        device_name: Option<String>,
        /// By what the password is found; `null` with words.
        locator: Option<String>,
        /// The password, or the 24 words when there is no locator.
        #[cfg_attr(feature = "export-types", ts(type = "string"))]
        secret: Passphrase,
    },
    /// An invite whose holders ask to join, and an admin decides; works offline; answers `approvalInvite`.
    CreateApprovalInvite {
        /// How long requests are marked with it, in seconds.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        ttl_seconds: u64,
        /// The page that the link opens; the ticket and the invite's secret go behind its `#`.
        link_base: Option<String>,
        /// What it proposes that who asks becomes: `admin`, `writer` or `reader`; an admin when it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "export-types", ts(optional))]
        role: Option<String>,
        /// How many devices may be let in by it, 1 to 100; one when it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "export-types", ts(optional))]
        uses: Option<u32>,
    },
}

/// What a transaction has read and written, as it shall see it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Overlay {
    /// One id per document.
    pub ids: Vec<String>,
    /// A JSON array with one document per id.
    pub documents: String,
    /// Ids of documents that are not there for it.
    pub absent: Vec<String>,
}

/// One part of a `write`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Write {
    /// Puts documents: what differs from what the caller read is applied to what is there now.
    Put {
        /// The collection's name.
        collection: String,
        /// One id per document.
        ids: Vec<String>,
        /// A JSON array with one document per id; dates, bytes and big integers are tagged.
        documents: String,
        /// Per id the version that the caller read; `null` compares with what is there.
        bases: Vec<Option<String>>,
    },
    /// Puts what a migration made of documents of an older shape, as changes that are the same on every device. Answers as `put`.
    Migrate {
        /// The collection's name.
        collection: String,
        /// One id per document.
        ids: Vec<String>,
        /// As in `put`, in the new shape.
        documents: String,
        /// Per id the version that was migrated.
        bases: Vec<Option<String>>,
    },
    /// Edits a collaborative text, as one change that is made at the version that the caller has. A plain string becomes a text.
    Text {
        /// The collection's name.
        collection: String,
        /// The document's id.
        id: String,
        /// Where in the document: names and numbers with dots between them.
        path: String,
        /// The version that the caller has.
        base: String,
        /// One after another: each is about what the ones before left.
        edits: Vec<TextEdit>,
    },
    /// Deletes documents, leaving tombstones that sync.
    Delete {
        /// The collection's name.
        collection: String,
        /// Which ones.
        ids: Vec<String>,
    },
    /// Modifies documents as they are when this takes effect. Where there is none, nothing is made.
    Modify {
        /// The collection's name.
        collection: String,
        /// Which ones.
        ids: Vec<String>,
        /// A JSON object of operators and paths: `{"$set":{"a.b":1}}`. One that does not apply to a document ends the whole write in `update.not-applicable`.
        modifiers: String,
    },
    /// Takes back changes that this device made, wherever what they did still stands.
    Revert {
        /// The collection's name.
        collection: String,
        /// Which documents.
        ids: Vec<String>,
        /// Per id the changes to take back, the latest last; empty: the last one that can be.
        versions: Vec<Vec<String>>,
        /// What is taken back is an undo.
        redo: bool,
    },
}

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Durability {
    /// When it survives the end of the program; a power cut may lose the last moments.
    #[default]
    Relaxed,
    /// When it is on the disk.
    Strict,
}

/// A part of a collection, by document id in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", default)]
pub struct IdRange {
    /// Only ids after this one.
    pub after: Option<String>,
    /// Only ids before this one.
    pub before: Option<String>,
    /// Only ids that start with this.
    pub prefix: Option<String>,
    /// At most so many, 1 to 10,000; 0 means 10,000.
    pub limit: u32,
}

/// What a host noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Hint {
    /// The network came back.
    Online,
    /// The network went away.
    Offline,
    /// The app came to the front.
    Foreground,
}
