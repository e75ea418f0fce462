//! What is inside an entry once it is opened.

use crate::crypto::{Key, open_payload, plan_payload};
use crate::document::edit::BEGINNING_BYTES;
use crate::document::{CollectionName, DocumentId};
use crate::rng::Rng;
use ashore_protocol::codec::{Bytes, decode, encode};
use ashore_protocol::gather::Gather;
use ashore_protocol::ids::{DeviceId, EntryId, GroupId};
use ashore_protocol::limits::MAX_PAYLOAD_BYTES;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// The most plain bytes in one entry: always fits the sealed limit, even when nothing compresses and padding adds its eighth.
pub const MAX_PLAIN_ENTRY_BYTES: usize = (MAX_PAYLOAD_BYTES as usize) / 9 * 8 - 1_024;

/// The most bytes of one change: with its names and framing it fits an entry of its own.
pub const MAX_CHANGE_BYTES: usize = MAX_PLAIN_ENTRY_BYTES - 4_096;

/// The changes of one or more documents that take effect together.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DataPayload {
    /// In the order in which they were made.
    #[n(0)]
    pub changes: Vec<DocumentChange>,
    /// Which of the changes' writers (the first 16 bytes of their actors) are the author's own, by its word; at most
    /// [`MAX_WRITERS`]. Changes of others travel too: in documents that are announced.
    #[n(1)]
    pub writers: Option<Vec<Writer>>,
    /// Documents that everybody had seen deleted and that are gone for good, of those that the changes are about, or that came back; at most
    /// [`MAX_BURIED`].
    #[n(2)]
    pub buried: Option<Vec<BuriedDocument>>,
}

/// So many documents an entry says are gone; of more it says nothing.
pub const MAX_BURIED: usize = 1_000;

/// A document that is gone for good, by name.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BuriedDocument {
    /// The collection's name.
    #[n(0)]
    pub collection: String,
    /// The document's id.
    #[n(1)]
    pub id: String,
    /// The first 16 bytes of the hashes of the changes that began it, one after another: what rests on others is a later document of this name.
    #[n(2)]
    pub beginnings: Bytes,
}

impl BuriedDocument {
    /// Whether it can be: names that may be, and whole beginnings.
    pub fn is_sound(&self) -> bool {
        let named = CollectionName::parse(&self.collection).is_ok() && DocumentId::parse(&self.id).is_ok();
        named && whole(&self.beginnings)
    }

    /// Whether it says all that the other says.
    pub fn names_all_of(&self, other: &Self) -> bool {
        let own: BTreeSet<&[u8]> = self.beginnings.chunks_exact(BEGINNING_BYTES).gather();
        let all = other.beginnings.chunks_exact(BEGINNING_BYTES).all(|beginning| own.contains(beginning));
        self.collection == other.collection && self.id == other.id && all
    }
}

/// A document that is gone for good, without its name: in snapshots, and on disk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Marker {
    /// See [`Marker::name_of`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub name: [u8; 16],
    /// As in [`BuriedDocument`].
    #[n(1)]
    pub beginnings: Bytes,
}

impl Marker {
    /// What stands for a document's name: a hash, different in each group.
    pub fn name_of(group: GroupId, collection: &str, id: &str) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_derive_key(MARKER_CONTEXT);
        hasher.update(group.as_bytes()).update(&(collection.len() as u64).to_be_bytes());
        hasher.update(collection.as_bytes()).update(id.as_bytes());
        hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// Whether its beginnings are whole.
    pub fn is_sound(&self) -> bool {
        whole(&self.beginnings)
    }
}

fn whole(beginnings: &[u8]) -> bool {
    beginnings.len().is_multiple_of(BEGINNING_BYTES) && beginnings.len() <= 1_024 * BEGINNING_BYTES
}

/// What names of buried documents are hashed for.
const MARKER_CONTEXT: &str = "ashore 2026-11 buried document v1";

/// The first bytes of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Writer(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// So many writers an entry names; of more it says nothing.
pub const MAX_WRITERS: usize = 32;

/// One document's part of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DocumentChange {
    /// The collection's name.
    #[n(0)]
    pub collection: String,
    /// The document's id.
    #[n(1)]
    pub id: String,
    /// Automerge chunks, one after another.
    #[n(2)]
    pub chunks: Bytes,
}

impl DocumentChange {
    /// Its size inside an entry, in bytes; at most a few too many.
    pub fn size(&self) -> usize {
        self.collection.len() + self.id.len() + self.chunks.len() + 16
    }
}

/// What a device says about itself; sealed inside control entries.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ProfilePayload {
    /// The name it is shown by.
    #[n(0)]
    pub name: String,
    /// In an admission: the invite that the device came with.
    #[n(1)]
    pub invite: Option<EntryId>,
}

/// What the key of data entries is derived for.
pub const DATA_CONTEXT: &str = "ashore 2026-11 data entry v1";

/// What the key of names in control entries is derived for.
const PROFILE_CONTEXT: &str = "ashore 2026-11 device profile v1";

impl ProfilePayload {
    /// The profile of a device that goes by this name.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), invite: None }
    }

    /// The profile, sealed for the group; it belongs to this device alone.
    pub fn seal(&self, epoch_key: &Key, device: &DeviceId, rng: &mut Rng) -> Vec<u8> {
        let header = device.as_bytes();
        plan_payload(&encode(self)).seal(&epoch_key.derive(PROFILE_CONTEXT), header, rng)
    }

    /// Opens what [`ProfilePayload::seal`] made.
    pub fn open(epoch_key: &Key, device: &DeviceId, sealed: &[u8]) -> Option<Self> {
        let plain = open_payload(&epoch_key.derive(PROFILE_CONTEXT), device.as_bytes(), sealed).ok()?;
        decode(&plain).ok()
    }
}
