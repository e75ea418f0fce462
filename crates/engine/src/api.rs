//! What the rest of an app says to the engine and hears from it: calls in, answers and events out.
//!
//! The same bytes serve a worker, another tab and Tauri: CBOR maps with camelCase keys, enums tagged by their variant's
//! name (`{"ping": {"text": "hello"}}`). Documents cross inside them as JSON text, many at a time. The TypeScript types in
//! `npm/src/generated/` come from these definitions (`cargo xtask gen`).

mod bytes;
mod command;
mod event;
mod failure;
mod health;
mod history;
mod index;
mod keys;
mod log;
mod presence;
mod reply;
mod storage;
mod request;
mod text;

pub use bytes::FileBytes;
pub use command::{Call, Calls, Command, Durability, Hint, IdRange, Overlay, Write};
pub use event::{ChangedDocuments, DisconnectReason, Event, News, Patch};
pub use failure::{ErrorCode, Failure, QueryMistake};
pub use health::{Finding, FindingCode, HealthCounts, HealthPart, Mended, Remedy};
pub use history::{ChangeKind, ChangedVersions, FieldClaim, FieldConflict, HistoryChange, PathStep, Written};
pub use index::{IndexConflict, IndexField, IndexInfo, IndexSpec};
pub use keys::{KeyInfo, Passphrase, Protection};
pub use log::{LogEntry, LogLevel};
pub use presence::PresencePeer;
pub use reply::{
    AddressInfo, AddressKind, AddressState, Answer, Device, Diagnostics, DocumentState, InviteInfo, Outcome,
    Quarantined, RecoveryInfo, Reply, SnapshotInfo, SyncSettings, SyncState, SyncStatus, WriteResult,
};
pub use request::{JoinRequestInfo, OwnRequest, OwnRequestState};
pub use storage::{KeptBecause, KeptDocument, StorageKind, StoredKind};
pub use text::{TextAnswer, TextAsk, TextEdit, TextExpand, TextSplice};

/// Bytes on the API boundary that are not what this version understands.
#[derive(Debug, thiserror::Error)]
#[error("not a message of this API version: {0}")]
pub struct NotAMessage(String);

/// Encodes one message of the API. It cannot fail: every type here has an encoding.
///
/// ```
/// use ashore_engine::api::{decode, encode, Call, Calls, Command};
/// let calls = Calls { client: "page-1".into(), received: 0, calls: vec![Call { id: 1, command: Command::Ping { text: "hello".into() } }] };
/// assert_eq!(decode::<Calls>(&encode(&calls)).unwrap(), calls);
/// ```
pub fn encode<T: serde::Serialize>(message: &T) -> Vec<u8> {
    minicbor_serde::to_vec(message).unwrap_or_default()
}

/// Decodes one message of the API; anything else is refused without a panic.
pub fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, NotAMessage> {
    minicbor_serde::from_slice(bytes).map_err(|error| NotAMessage(error.to_string()))
}

/// Calls that this version does not understand: what it takes to refuse them.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
pub struct ForeignCalls {
    /// Who asks.
    pub client: String,
    /// What would have been answered.
    pub calls: Vec<ForeignCall>,
}

/// One of them.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
pub struct ForeignCall {
    /// The id that its answer carries.
    pub id: u64,
}

/// Decodes calls. A page of a newer version may ask what this one does not know; then none of the message's calls is made.
///
/// ```
/// use ashore_engine::api::decode_calls;
/// let newer = b"\xa3\x66client\x61p\x68received\x00\x65calls\x81\xa2\x62id\x07\x67command\xa1\x64sing\xa0";
/// let foreign = decode_calls(newer).unwrap_err().expect("it is a message of calls");
/// assert_eq!((foreign.client.as_str(), foreign.calls[0].id), ("p", 7));
/// assert!(decode_calls(b"noise").unwrap_err().is_none());
/// ```
pub fn decode_calls(bytes: &[u8]) -> Result<Calls, Option<ForeignCalls>> {
    decode::<Calls>(bytes).map_err(|_| decode::<ForeignCalls>(bytes).ok())
}

impl ForeignCalls {
    /// The refusal of each.
    pub fn refusal(&self) -> News {
        let failure = Failure::new(ErrorCode::HostOutdated, "the engine that runs does not know this call");
        let answer = |call: &ForeignCall| Answer { id: call.id, outcome: Outcome::Failed(failure.clone()) };
        News { answers: self.calls.iter().map(answer).collect(), events: vec![] }
    }
}

/// Writes the TypeScript types of this module into `directory`; used by `cargo xtask gen`.
#[cfg(feature = "export-types")]
pub fn export_types(directory: &std::path::Path) -> Result<(), ts_rs::ExportError> {
    use ts_rs::{Config, TS};
    let config = Config::new().with_out_dir(directory).with_import_extension(Some("js"));
    Calls::export_all(&config)?;
    News::export_all(&config)
}

/// Every code with its sentence, in the order of the enum: the source of docs/errors.md.
pub fn error_codes() -> Vec<(&'static str, bool, &'static str)> {
    ErrorCode::ALL.iter().map(|code| (code.as_str(), code.retry(), code.meaning())).collect()
}
