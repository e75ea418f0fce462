//! The entries that earlier engines of a database died of, as the worker noted them beside the keys.

use crate::failure::from_blobs;
use crate::store::IndexedDb;
use ashore_engine::api::Failure;
use ashore_protocol::EntryId;
use js_sys::Array;

/// The key record in which they are kept: an array of strings. The worker writes it (`npm/src/hosts/deathbed.ts`), since whoever knows is dead.
const RECORD: &str = "ended-badly";

/// The entries that must not be tried again. What is no entry's id is passed over.
pub(crate) async fn ended_badly(database: &IndexedDb) -> Result<Vec<EntryId>, Failure> {
    let record = database.load_key_record(RECORD).await.map_err(|failure| from_blobs(&failure))?;
    let Some(record) = record.filter(Array::is_array) else { return Ok(vec![]) };
    Ok(Array::from(&record).iter().filter_map(|entry| entry.as_string()?.parse().ok()).collect())
}
