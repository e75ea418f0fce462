//! Key material beside the blobs: JavaScript values such as non-extractable `CryptoKey`s, by name.

use ashore_engine::store::Durability;
use ashore_engine::store::packed::BlobFailure;
use idb::Request;
use wasm_bindgen::JsValue;

use super::connection::{IndexedDb, KEYS, settled};
use super::failure::{blob_failure, from_idb};
use super::transaction::{Mode, made};

impl IndexedDb {
    /// The key record called `name`.
    pub async fn load_key_record(&self, name: &str) -> Result<Option<JsValue>, BlobFailure> {
        let work = self.begin(KEYS, Mode::Read).await?;
        let mut request = made(work.store.get(JsValue::from_str(name)))?;
        work.send_off();
        settled(&mut request).await;
        if let Some(error) = request.error().map_err(from_idb)? {
            return Err(blob_failure(&error));
        }
        let value = request.result().map_err(from_idb)?;
        Ok((!value.is_undefined()).then_some(value))
    }

    /// Keeps `value` as the key record called `name`, durably, unless there is one already. Whether it was kept.
    pub async fn add_key_record(&self, name: &str, value: &JsValue) -> Result<bool, BlobFailure> {
        let work = self.begin(KEYS, Mode::Write(Durability::Strict)).await?;
        let request = made(work.store.add(value, Some(&JsValue::from_str(name))))?;
        let completed = work.complete().await;
        let exists = request.error().ok().flatten().is_some_and(|error| error.name() == "ConstraintError");
        if exists { Ok(false) } else { completed.map(|()| true) }
    }

    /// Keeps `value` in the place of the key record called `name`, durably, if that is `still` what it was. Whether it was kept.
    pub async fn replace_key_record(
        &self,
        name: &str,
        value: &JsValue,
        still: impl Fn(&JsValue) -> bool,
    ) -> Result<bool, BlobFailure> {
        let work = self.begin(KEYS, Mode::Write(Durability::Strict)).await?;
        let mut request = made(work.store.get(JsValue::from_str(name)))?;
        settled(&mut request).await;
        if let Some(error) = request.error().map_err(from_idb)? {
            return Err(blob_failure(&error));
        }
        let same = still(&request.result().map_err(from_idb)?);
        if same {
            made(work.store.put(value, Some(&JsValue::from_str(name))))?;
        }
        work.complete().await.map(|()| same)
    }

    /// Keeps `value` as the key record called `name`, durably, over whatever is there.
    pub async fn put_key_record(&self, name: &str, value: &JsValue) -> Result<(), BlobFailure> {
        let work = self.begin(KEYS, Mode::Write(Durability::Strict)).await?;
        made(work.store.put(value, Some(&JsValue::from_str(name))))?;
        work.complete().await
    }

    /// Forgets the key record called `name`, durably.
    pub async fn delete_key_record(&self, name: &str) -> Result<(), BlobFailure> {
        let work = self.begin(KEYS, Mode::Write(Durability::Strict)).await?;
        made(work.store.delete(JsValue::from_str(name)))?;
        work.complete().await
    }
}
