//! How things fail at the API: a stable code, a sentence for people, and whether trying again helps.

use serde::{Deserialize, Serialize};

/// One failure, the same on every host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
#[error("{code}: {message}", code = code.as_str())]
pub struct Failure {
    /// Stable; what programs look at.
    pub code: ErrorCode,
    /// A sentence for people, without secrets; it may improve.
    pub message: String,
    /// Trying the same again may help.
    pub retry: bool,
    /// The collection that it is about.
    pub collection: Option<String>,
    /// The document that it is about.
    pub id: Option<String>,
    /// With `query.invalid` and `update.not-applicable`: what is wrong where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(optional))]
    pub query: Option<Box<QueryMistake>>,
}

/// A mistake in a query or in modifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct QueryMistake {
    /// Where, such as `$or[1].due`; empty for the whole query.
    pub path: String,
    /// Which operator, such as `$gt`, when the mistake is an operator's.
    pub operator: Option<String>,
    /// What is wrong, for people.
    pub reason: String,
}

impl Failure {
    /// A failure that is about no document in particular.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: code.retry(), collection: None, id: None, query: None }
    }

    /// The same failure, about this document.
    #[must_use]
    pub fn about(mut self, collection: &str, id: &str) -> Self {
        self.collection = Some(collection.to_owned());
        self.id = Some(id.to_owned());
        self
    }
}

macro_rules! error_codes {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $text:literal, retry: $retry:literal;)+) => {
        /// The codes. They never change their meaning; new ones may come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
        pub enum ErrorCode {
            $($(#[doc = $meaning])+ #[serde(rename = $text)] $variant,)+
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$variant),+];

            /// The code as it is printed and compared.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $text),+ }
            }

            /// Whether trying the same again may help.
            pub fn retry(self) -> bool {
                match self { $(ErrorCode::$variant => $retry),+ }
            }

            /// What it means, for the page of codes.
            pub fn meaning(self) -> &'static str {
                match self { $(ErrorCode::$variant => concat!($($meaning),+).trim_ascii()),+ }
            }
        }
    };
}

error_codes! {
    /// A value that a document cannot hold: a cycle, a function, a symbol, NaN or an infinity, an unknown class, an undefined inside an array.
    DocumentNotSerializable = "document.not-serializable", retry: false;
    /// The document is larger or nested deeper than the limit.
    DocumentTooLarge = "document.too-large", retry: false;
    /// A document id that is empty, too long or not text.
    DocumentInvalidId = "document.invalid-id", retry: false;
    /// A collection name that is empty, too long or not text.
    DocumentInvalidCollection = "document.invalid-collection", retry: false;
    /// The document does not fit the collection's schema, or could not be migrated; `issues` says what is wrong where.
    DocumentInvalid = "document.invalid", retry: false;
    /// The version that the write is based on is not known here.
    DocumentUnknownVersion = "document.unknown-version", retry: false;
    /// There is no text at that path, or it is gone.
    TextMissing = "text.missing", retry: false;
    /// A cursor that is none of this text.
    TextUnknownCursor = "text.unknown-cursor", retry: false;
    /// A position in a text that lies outside of it, or inside of a character.
    TextOutOfRange = "text.out-of-range", retry: false;
    /// A filter, an order, a selection or modifiers that cannot be understood; `query` says where and why.
    QueryInvalid = "query.invalid", retry: false;
    /// What is watched has more documents than an engine keeps places of; a limit helps.
    QueryTooLarge = "query.too-large", retry: false;
    /// Modifiers that cannot be applied to a document; `query` says where in it and why. Nothing was written.
    UpdateNotApplicable = "update.not-applicable", retry: false;
    /// One call would write more documents than it may; the sentence says how many. Nothing was written.
    UpdateTooMany = "update.too-many", retry: false;
    /// Another document has the same values in a unique index; nothing was written.
    IndexDuplicate = "index.duplicate", retry: false;
    /// Documents of several devices have the same values in a unique index; all of them are kept.
    IndexConflict = "index.conflict", retry: false;
    /// An index cannot be what was declared; the sentence says which and why.
    IndexInvalid = "index.invalid", retry: false;
    /// The collection has no index of that kind or name; declare it.
    IndexMissing = "index.missing", retry: false;
    /// The writes of one transaction are larger than one entry can carry.
    TransactionTooLarge = "transaction.too-large", retry: false;
    /// The device's storage failed; the handle must be reopened.
    StoreFailed = "store.failed", retry: true;
    /// The device's storage is full; what was there before is intact.
    StoreQuotaExceeded = "store.quota-exceeded", retry: true;
    /// Stored bytes do not decode; everything else stays readable.
    StoreCorrupt = "store.corrupt", retry: false;
    /// An earlier commit failed; the handle must be reopened.
    StorePoisoned = "store.poisoned", retry: true;
    /// The store was written by a newer version of Ashore.
    StoreNewerFormat = "store.newer-format", retry: false;
    /// The database was closed.
    DatabaseClosed = "database.closed", retry: false;
    /// The engine does not answer; the next call starts a new one.
    HostDead = "host.dead", retry: true;
    /// Another tab has taken over; the call is asked again there.
    HostSuperseded = "host.superseded", retry: true;
    /// Another tab runs the engine of an older version of the app, which does not know this call: close or reload the older tabs.
    HostOutdated = "host.outdated", retry: true;
    /// This environment lacks something that is needed.
    HostUnsupported = "host.unsupported", retry: false;
    /// The engine was given something that is no call.
    RequestInvalid = "request.invalid", retry: false;
    /// The caller gave up.
    RequestAborted = "request.aborted", retry: true;
    /// It did not happen in the time that was given.
    RequestTimedOut = "request.timed-out", retry: true;
    /// Sync is not enabled.
    SyncDisabled = "sync.disabled", retry: false;
    /// There is no connection to the relay.
    SyncOffline = "sync.offline", retry: true;
    /// The relay's address is missing or is no WebSocket address.
    RelayInvalidAddress = "relay.invalid-address", retry: false;
    /// The relay could not be reached.
    RelayUnreachable = "relay.unreachable", retry: true;
    /// The relay speaks no version that this device speaks, or is older than something that this device wrote: it has to be updated.
    RelayIncompatible = "relay.incompatible", retry: false;
    /// The relay refused; the sentence says why.
    RelayRefused = "relay.refused", retry: true;
    /// The relay keeps no more for this group.
    RelayQuotaExceeded = "relay.quota-exceeded", retry: true;
    /// The relay said something that it must not say; nothing of it was kept.
    RelayMisbehaved = "relay.misbehaved", retry: true;
    /// The invite's text is no code, link or QR code.
    InviteBadCode = "invite.bad-code", retry: false;
    /// No invite with this code is known.
    InviteNotFound = "invite.not-found", retry: false;
    /// The invite has been used.
    InviteUsed = "invite.used", retry: false;
    /// The invite has expired.
    InviteExpired = "invite.expired", retry: false;
    /// Too many wrong codes; wait before the next.
    InviteLockedOut = "invite.locked-out", retry: true;
    /// This device is no member of the group.
    GroupNotAMember = "group.not-a-member", retry: false;
    /// This database already shares a group with other devices.
    GroupAlreadyJoined = "group.already-joined", retry: false;
    /// The device's role does not allow it.
    GroupNotAllowed = "group.not-allowed", retry: false;
    /// This device was removed from the group: sync has ended, documents stay, and what was not sent waits.
    GroupRemoved = "group.removed", retry: false;
    /// Members would be left without an admin.
    GroupLastAdmin = "group.last-admin", retry: false;
    /// The invite was withdrawn, or who made it is no admin any more.
    InviteRevoked = "invite.revoked", retry: false;
    /// An entry was refused: forged, damaged or not allowed.
    EntryInvalid = "entry.invalid", retry: false;
    /// An entry is kept but does not open yet.
    EntryQuarantined = "entry.quarantined", retry: false;
    /// Another device wrote what only a newer version of the app reads: update this one, and sync goes on from where it stands.
    EntryNewerFormat = "entry.newer-format", retry: false;
    /// A fault of Ashore's own.
    Internal = "internal", retry: false;
    /// A collection cannot be what was declared; the sentence says why.
    CollectionInvalid = "collection.invalid", retry: false;
    /// There is no snapshot that could be used of what the relay has dropped; another device has to make one.
    SnapshotUnusable = "sync.snapshot-unusable", retry: true;
    /// The file is no export.
    ExportForeign = "export.not-an-export", retry: false;
    /// The export was made by a newer version of Ashore.
    ExportNewerFormat = "export.newer-format", retry: false;
    /// The export is cut off; nothing of it was taken.
    ExportTruncated = "export.truncated", retry: false;
    /// The export was changed or damaged.
    ExportDamaged = "export.damaged", retry: false;
    /// The export does not open with this passphrase.
    ExportWrongPassphrase = "export.wrong-passphrase", retry: false;
    /// The passphrase is too easy to guess; the sentence says why.
    ExportWeakPassphrase = "export.weak-passphrase", retry: false;
    /// The database has documents or a group already.
    ImportNotEmpty = "import.not-empty", retry: false;
    /// An import of this database did not end: import the same file again, or delete the database.
    ImportUnfinished = "import.unfinished", retry: false;
    /// The database is locked: `unlock` it first. Nothing was read or written.
    KeyLocked = "key.locked", retry: true;
    /// The passphrase is not the database's.
    KeyBadPassphrase = "key.bad-passphrase", retry: false;
    /// The passphrase is too easy to guess; the sentence says what it lacks.
    KeyWeakPassphrase = "key.weak-passphrase", retry: false;
    /// The keys of the database are gone: nothing in it can be read any more.
    KeyWiped = "key.wiped", retry: false;
    /// The database is not protected in the way that this call is for; the sentence says how it is. Nothing was changed.
    KeyMismatch = "key.mismatch", retry: false;
    /// The text is no ticket.
    TicketBad = "ticket.bad", retry: false;
    /// No request of this device to join waits (any more).
    JoinRequestMissing = "join-request.not-found", retry: false;
    /// As many requests wait for this group as a relay keeps; an admin has to decide some.
    JoinRequestTooMany = "join-request.too-many", retry: true;
    /// An admin has said no to this device's request.
    JoinRequestRejected = "join-request.rejected", retry: false;
    /// The relay does not take this device's request; the sentence says why.
    JoinRequestRefused = "join-request.refused", retry: false;
    /// The password is wrong, or nothing lies at the relay under this name: of a name that can be guessed the relay does not say which.
    RecoveryBadPassword = "recovery.bad-password", retry: false;
    /// The password is too easy to guess; the sentence says why.
    RecoveryWeakPassword = "recovery.weak-password", retry: false;
    /// The text is not the 24 words of a recovery phrase; the sentence says which word is wrong.
    RecoveryBadWords = "recovery.bad-words", retry: false;
    /// No recovery lies at the relay for this code or these words, or the group has none of that id.
    RecoveryNotFound = "recovery.not-found", retry: false;
    /// The recovery was closed, or the device that made it was removed from the group.
    RecoveryClosed = "recovery.closed", retry: false;
    /// Too many wrong passwords; the sentence says how long to wait.
    RecoveryTooManyAttempts = "recovery.too-many-attempts", retry: true;
    /// A recovery is not found by this: it is too short or too long, reads as a code, or another group has taken it.
    RecoveryBadLocator = "recovery.bad-locator", retry: false;
    /// Another program, or another part of this one, has the database open.
    StoreLocked = "store.locked", retry: true;
    /// The app does not let this window do that; the sentence says which permission it lacks.
    PermissionRefused = "permission.refused", retry: false;
}
