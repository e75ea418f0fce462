//! Blobs that nobody reads without the database's key: each is sealed, with its name as associated data.
//!
//! ```text
//! sealed blob = "ashr" version:u8(2) kind:u8(4) cipher:u8(1) reserved:u8(0) nonce:24 ciphertext tag:16
//!             ; XChaCha20-Poly1305, random nonce; associated data: the 8 bytes before the nonce, then the blob's name as text
//! ```
//!
//! That is 48 bytes more than what is sealed, so a segment of at most 60,000 bytes still stays below the 64 KiB over which Chromium moves a value
//! into a file of its own. No plain blob has this version: bytes that were never sealed are not taken for sealed ones, and an engine that knows nothing of
//! sealing refused such a store as newer.
//!
//! What does not open (a flipped byte, another key, another blob's bytes, bytes that were never sealed) is answered as bytes that no decoder takes, so that
//! it is found damaged and put into quarantine as a plain blob is. The seal covers the whole blob: a flipped byte costs all of it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::crypto::{Key, open, seal, sealed_size};
use crate::rng::Rng;
use crate::store::Durability;

use super::{BlobFailure, BlobName, BlobOp, Blobs, FORMAT_VERSION};

/// How a sealed blob begins.
const HEADER: [u8; 8] = *b"ashr\x02\x04\x01\x00";
/// The version stands behind so many.
const MAGIC_BYTES: usize = 4;
/// Stands before bytes that did not open. No blob begins with it.
const UNREADABLE: u8 = 0xff;
const CONTEXT: &str = "ashore 2026-11-21 database at rest";

/// Blobs that are sealed before they reach the blobs below. Clones write to the same place.
#[derive(Clone)]
pub struct SealedBlobs<B> {
    blobs: B,
    key: Rc<Key>,
    rng: Rc<RefCell<Rng>>,
}

impl<B> std::fmt::Debug for SealedBlobs<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedBlobs(…)")
    }
}

/// Whether these bytes are those of a sealed blob, as far as can be told without a key.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(&HEADER)
}

/// Such a blob is answered as it is, so that whoever reads its version says what it is.
fn is_of_newer_version(bytes: &[u8]) -> bool {
    let newest = HEADER[MAGIC_BYTES].max(FORMAT_VERSION);
    bytes.starts_with(&HEADER[..MAGIC_BYTES]) && bytes.get(MAGIC_BYTES).is_some_and(|version| *version > newest)
}

impl<B> SealedBlobs<B> {
    /// Seals with a key that is derived from the database's secret; nonces come from `rng`.
    pub fn new(blobs: B, secret: &Key, rng: Rng) -> Self {
        Self { blobs, key: Rc::new(secret.derive(CONTEXT)), rng: Rc::new(RefCell::new(rng)) }
    }

    /// The blobs below.
    pub fn below(&self) -> &B {
        &self.blobs
    }

    fn seal(&self, name: BlobName, plain: &[u8]) -> Vec<u8> {
        let sealed = seal(&self.key, &associated(name), plain, &mut self.rng.borrow_mut());
        let mut bytes = Vec::with_capacity(HEADER.len() + sealed_size(plain.len()));
        bytes.extend_from_slice(&HEADER);
        bytes.extend_from_slice(&sealed);
        bytes
    }

    fn open(&self, name: BlobName, bytes: Vec<u8>) -> Vec<u8> {
        if is_of_newer_version(&bytes) {
            return bytes;
        }
        let opened = bytes.strip_prefix(&HEADER).and_then(|sealed| open(&self.key, &associated(name), sealed).ok());
        opened.unwrap_or_else(|| [&[UNREADABLE], &bytes[..]].concat())
    }

    fn seal_op(&self, op: BlobOp) -> BlobOp {
        match op {
            BlobOp::Add(name, bytes) => BlobOp::Add(name, self.seal(name, &bytes)),
            BlobOp::Put(name, bytes) => BlobOp::Put(name, self.seal(name, &bytes)),
            BlobOp::Delete(_) | BlobOp::DeleteSegments(..) => op,
        }
    }
}

fn associated(name: BlobName) -> Vec<u8> {
    [&HEADER[..], name.to_string().as_bytes()].concat()
}

impl<B: Blobs> Blobs for SealedBlobs<B> {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        self.blobs.names().await
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        let found = self.blobs.get(names).await?;
        Ok(names.iter().zip(found).map(|(name, bytes)| Some(self.open(*name, bytes?))).collect())
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        let found = self.blobs.segments(first).await?;
        Ok(found.into_iter().map(|(number, bytes)| (number, self.open(BlobName::Segment(number), bytes))).collect())
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        let ops = ops.into_iter().map(|op| self.seal_op(op)).collect();
        self.blobs.commit(ops, durability).await
    }

    async fn close(&self) {
        self.blobs.close().await;
    }
}

/// Blobs as they are, or sealed: what a host opens whose databases are of both kinds.
#[derive(Debug, Clone)]
pub enum AtRest<B> {
    /// As they are.
    Plain(B),
    /// Sealed.
    Sealed(SealedBlobs<B>),
}

impl<B: Blobs> Blobs for AtRest<B> {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        match self {
            Self::Plain(blobs) => blobs.names().await,
            Self::Sealed(blobs) => blobs.names().await,
        }
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        match self {
            Self::Plain(blobs) => blobs.get(names).await,
            Self::Sealed(blobs) => blobs.get(names).await,
        }
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        match self {
            Self::Plain(blobs) => blobs.segments(first).await,
            Self::Sealed(blobs) => blobs.segments(first).await,
        }
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        match self {
            Self::Plain(blobs) => blobs.commit(ops, durability).await,
            Self::Sealed(blobs) => blobs.commit(ops, durability).await,
        }
    }

    async fn close(&self) {
        match self {
            Self::Plain(blobs) => blobs.close().await,
            Self::Sealed(blobs) => blobs.close().await,
        }
    }
}
