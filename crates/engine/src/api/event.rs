//! What the engine says unasked, and the message that carries answers and events to a client.

use super::failure::Failure;
use super::index::IndexInfo;
use super::keys::KeyInfo;
use super::log::LogEntry;
use super::presence::PresencePeer;
use super::reply::{Answer, Device, SyncStatus};
use super::request::{JoinRequestInfo, OwnRequest};
use serde::{Deserialize, Serialize};

/// What goes to one client at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct News {
    /// Answers to this client's calls.
    pub answers: Vec<Answer>,
    /// Events, in the order in which they happened.
    pub events: Vec<Event>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// Documents changed and the change is committed here.
    Changed {
        /// Which ones.
        changes: Vec<ChangedDocuments>,
        /// There were too many to name: read again what is shown.
        missed: bool,
    },
    /// The indexes of a collection came further: after each step of building, the last time when one is ready.
    Indexes {
        /// The collection's name.
        collection: String,
        /// As in the reply of that name.
        indexes: Vec<IndexInfo>,
    },
    /// Sync stands elsewhere than before.
    Status {
        /// Where.
        status: SyncStatus,
    },
    /// The relay accepted this device: once per handshake.
    Connected {
        /// The relay's address.
        relay: String,
    },
    /// Who is in the group, or what they may do, changed.
    Membership {
        /// The members now.
        devices: Vec<Device>,
    },
    /// The connection ended.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
    },
    /// Something went wrong that no call waits for; once per fault.
    Error {
        /// What.
        failure: Failure,
    },
    /// What a watch shows has changed; to the client that watches.
    Patch {
        /// How.
        patch: Patch,
    },
    /// A watch has ended: it cannot be kept any more.
    Unwatched {
        /// Which one.
        #[cfg_attr(feature = "export-types", ts(type = "number"))]
        watch: u64,
        /// Why.
        failure: Failure,
    },
    /// Who else is here has changed; to clients that watch it.
    Presence {
        /// They came, or say something else.
        peers: Vec<PresencePeer>,
        /// They are gone, as they were.
        gone: Vec<PresencePeer>,
    },
    /// The keys of the database stand elsewhere than before. A client hears it first of all when the database is encrypted.
    Keys {
        /// Where.
        keys: KeyInfo,
    },
    /// Something was logged; to clients that watch the log.
    Logged {
        /// In their order.
        entries: Vec<LogEntry>,
    },
    /// Other devices ask to join, or do not any more; only where this device is an admin.
    Requests {
        /// Who waits now, the earliest first.
        requests: Vec<JoinRequestInfo>,
    },
    /// This device's own request stands elsewhere than before.
    OwnRequest {
        /// How; `null`: there is none.
        request: Option<OwnRequest>,
    },
}

/// What makes the rows that a client holds of a watched answer those of a later moment: first some go, then some come, one
/// after another, each to its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// Which watch.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub watch: u64,
    /// Counts the patches of the watch, from 1.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub number: u64,
    /// All rows go first.
    pub anew: bool,
    /// The rows of these ids go, where there are such.
    pub removed: Vec<String>,
    /// Rows that come; a row of the same id goes first. In the order of their places.
    pub ids: Vec<String>,
    /// Per id the place at which it then stands, from 0.
    pub places: Vec<u32>,
    /// A JSON array, one document per id, or its selected parts.
    pub documents: String,
    /// Per id the document's version.
    pub versions: Vec<String>,
    /// Some value in `documents` is tagged and must be revived.
    pub tagged: bool,
    /// Ids of documents whose stored bytes do not decode: nobody knows whether they belong to it.
    pub corrupt: Vec<String>,
    /// So many moments at which something had changed were left out before this one.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub skipped: u64,
    /// The rows are those of no moment before the next patches have come too, up to one without `more`.
    pub more: bool,
}

/// Documents of one collection that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ChangedDocuments {
    /// The collection's name.
    pub collection: String,
    /// Their ids, in byte order.
    pub ids: Vec<String>,
    /// The change came from another device.
    pub remote: bool,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum DisconnectReason {
    /// The app disabled sync or closed the database.
    Disabled,
    /// The relay ended it or became unreachable.
    Lost,
    /// The relay refused this device.
    Refused,
    /// The relay said something that it must not say.
    Misbehaved,
    /// The host said that the network is gone.
    Offline,
    /// The relay has what only a newer version of the app reads.
    Outdated,
}
