//! The packed store's blobs in an object store: names are its keys, bytes its values.

use ashore_engine::store::Durability;
use ashore_engine::store::packed::{BlobFailure, BlobName, BlobOp, Blobs};
use idb::request::{AddStoreRequest, GetStoreRequest};
use idb::{KeyRange, Query, Request};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::connection::{BLOBS, IndexedDb, settled};
use super::failure::{blob_failure, error_name, from_idb};
use super::transaction::{Mode, Work, made};

impl Blobs for IndexedDb {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        self.reading(async || self.read_names().await).await
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        self.reading(async || self.read_blobs(names).await).await
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        self.reading(async || self.read_segments(first).await).await
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        // All that takes time is done before the transaction begins: a process that is stopped between its beginning and its commit keeps every
        // other tab from the object store until the browser gives it up, a minute later.
        let steps: Vec<Step> = ops.iter().map(Step::prepare).collect::<Result<_, _>>()?;
        let work = self.begin(BLOBS, Mode::Write(durability)).await?;
        let mut added = Vec::new();
        for step in &steps {
            if let Some(add) = step.send(&work)? {
                added.push(add);
            }
        }
        work.complete().await.map_err(|failure| existing(&added).map_or(failure, BlobFailure::Exists))
    }

    async fn close(&self) {
        self.let_end().await;
        self.close_for_good();
    }
}

/// Why a read failed: `Unreadable` when a stored value cannot be read back, and asking again would not help.
enum ReadFailure {
    Unreadable(BlobFailure),
    Other(BlobFailure),
}

impl ReadFailure {
    fn into_inner(self) -> BlobFailure {
        match self {
            Self::Unreadable(failure) | Self::Other(failure) => failure,
        }
    }
}

impl From<BlobFailure> for ReadFailure {
    fn from(failure: BlobFailure) -> Self {
        Self::Other(failure)
    }
}

impl IndexedDb {
    /// Reads, and if that fails once more on a new connection: when the browser closes one, transactions abort before it says so.
    async fn reading<T>(&self, read: impl AsyncFn() -> Result<T, BlobFailure>) -> Result<T, BlobFailure> {
        match read().await {
            Err(_) if !self.is_closed() => {
                self.disconnect();
                read().await
            }
            other => other,
        }
    }

    async fn read_names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        let work = self.begin(BLOBS, Mode::Read).await?;
        let mut keys = made(work.store.get_all_keys(None, None))?;
        work.send_off();
        let keys = Array::from(&result(&mut keys).await?);
        Ok(keys.iter().filter_map(|key| parse(&key)).collect())
    }

    async fn read_segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        let work = self.begin(BLOBS, Mode::Read).await?;
        let keys = made(work.store.get_all_keys(Some(segments(first, None)?.into()), None))?;
        let mut values = made(work.store.get_all(Some(segments(first, None)?.into()), None))?;
        work.send_off();
        // Requests of a transaction are answered in order: when the last is, all are.
        let values = Array::from(&result(&mut values).await?);
        let keys = Array::from(&keys.result().map_err(from_idb)?);
        let pairs = keys.iter().zip(values.iter());
        Ok(pairs.filter_map(|(key, value)| Some((segment_number(&key)?, bytes(&value)))).collect())
    }

    async fn read_blobs(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        match self.get_together(names).await {
            Err(ReadFailure::Unreadable(_)) => self.get_one_by_one(names).await,
            other => other.map_err(ReadFailure::into_inner),
        }
    }

    async fn get_together(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, ReadFailure> {
        let work = self.begin(BLOBS, Mode::Read).await?;
        let requests: Result<Vec<GetStoreRequest>, _> = names.iter().map(|name| work.store.get(key(name))).collect();
        let mut requests = made(requests)?;
        work.send_off();
        if let Some(last) = requests.last_mut() {
            settled(last).await;
        }
        requests.iter().map(found).collect()
    }

    /// A value that the browser cannot read back counts as missing; the others are answered.
    async fn get_one_by_one(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        let mut blobs = Vec::with_capacity(names.len());
        for name in names {
            match self.get_together(&[*name]).await {
                Ok(mut found) => blobs.push(found.pop().flatten()),
                Err(ReadFailure::Unreadable(_)) => blobs.push(None),
                Err(ReadFailure::Other(failure)) => return Err(failure),
            }
        }
        Ok(blobs)
    }
}

fn found(request: &GetStoreRequest) -> Result<Option<Vec<u8>>, ReadFailure> {
    if let Some(error) = request.error().map_err(from_idb)? {
        let failure = blob_failure(&error);
        // Chromium keeps large values in files of their own: the file may be gone, or not decode.
        return Err(match error_name(&error).as_str() {
            "NotReadableError" | "DataError" | "NotFoundError" => ReadFailure::Unreadable(failure),
            _ => ReadFailure::Other(failure),
        });
    }
    let value = request.result().map_err(from_idb)?;
    Ok((!value.is_undefined()).then(|| bytes(&value)))
}

/// One step of a commit in JavaScript's words.
enum Step {
    Add(BlobName, JsValue, Uint8Array),
    Put(JsValue, Uint8Array),
    Delete(Query),
}

impl Step {
    fn prepare(op: &BlobOp) -> Result<Self, BlobFailure> {
        Ok(match op {
            BlobOp::Add(name, bytes) => Self::Add(*name, key(name), Uint8Array::from(&bytes[..])),
            BlobOp::Put(name, bytes) => Self::Put(key(name), Uint8Array::from(&bytes[..])),
            BlobOp::Delete(name) => Self::Delete(key(name).into()),
            BlobOp::DeleteSegments(from, to) => Self::Delete(segments(*from, Some(*to))?.into()),
        })
    }

    /// Sends it; the request comes back where it can fail because the blob exists.
    fn send(&self, work: &Work) -> Result<Option<(BlobName, AddStoreRequest)>, BlobFailure> {
        match self {
            Self::Add(name, key, bytes) => return Ok(Some((*name, made(work.store.add(bytes, Some(key)))?))),
            Self::Put(key, bytes) => drop(made(work.store.put(bytes, Some(key)))?),
            Self::Delete(which) => drop(made(work.store.delete(which.clone()))?),
        }
        Ok(None)
    }
}

/// The blob whose addition failed because it was there already.
fn existing(added: &[(BlobName, AddStoreRequest)]) -> Option<BlobName> {
    let exists = |request: &AddStoreRequest| {
        request.error().ok().flatten().is_some_and(|error| error.name() == "ConstraintError")
    };
    added.iter().find(|(_, request)| exists(request)).map(|(name, _)| *name)
}

/// Waits for a request and takes its result.
async fn result<R: Request>(request: &mut R) -> Result<JsValue, BlobFailure> {
    settled(request).await;
    match request.error().map_err(from_idb)? {
        Some(error) => Err(blob_failure(&error)),
        None => request.result().map_err(from_idb),
    }
}

fn key(name: &BlobName) -> JsValue {
    JsValue::from_str(&name.to_string())
}

/// Segments from one number to just before another, or to the last.
fn segments(from: u64, to: Option<u64>) -> Result<KeyRange, BlobFailure> {
    let end = BlobName::Segment(to.unwrap_or(u64::MAX));
    made(KeyRange::bound(&key(&BlobName::Segment(from)), &key(&end), Some(false), Some(to.is_some())))
}

fn parse(key: &JsValue) -> Option<BlobName> {
    BlobName::parse(&key.as_string()?)
}

fn segment_number(key: &JsValue) -> Option<u64> {
    match parse(key)? {
        BlobName::Segment(number) => Some(number),
        BlobName::Block(_) | BlobName::Manifest(_) | BlobName::Quarantine(_) => None,
    }
}

/// A stored value's bytes. Something else than bytes is not ours, and is answered as a blob that does not decode.
fn bytes(value: &JsValue) -> Vec<u8> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default()
}
