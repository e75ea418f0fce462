//! What the rest of an app says to the engine and hears from it: calls in, answers and events out.
//!
//! The same bytes serve a worker, another tab and Tauri: CBOR maps with camelCase keys, enums tagged by their variant's
//! name (`{"ping": {"text": "hello"}}`). Documents cross inside them as JSON text, many at a time. The TypeScript types in
//! `npm/src/generated/` come from these definitions (`cargo xtask gen`).

mod command;
mod event;
mod failure;
mod index;
mod reply;

pub use command::{Call, Calls, Command, Durability, Hint, IdRange, Write};
pub use event::{ChangedDocuments, DisconnectReason, Event, News};
pub use failure::{ErrorCode, Failure, QueryMistake};
pub use index::{IndexConflict, IndexField, IndexInfo, IndexSpec};
pub use reply::{
    Answer, Device, Diagnostics, DocumentState, Outcome, Quarantined, Reply, SyncState, SyncStatus, WriteResult,
};

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
