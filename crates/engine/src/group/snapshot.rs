//! What the parts of a snapshot hold once they are opened, and the rows in which a device remembers snapshots.

use super::{DocumentChange, MAX_PLAIN_ENTRY_BYTES, Marker, Writer};
use crate::crypto::{Key, open_payload, plan_payload};
use crate::rng::Rng;
use ashore_protocol::codec::{Bytes, decode, encode};
use ashore_protocol::ids::{Cursor, DeviceId, EntryId, GroupId, LogId, SnapshotNonce};
use minicbor::{Decode, Encode};

/// The most plain bytes that are gathered for one part: sealed it always fits.
pub const PART_BYTES: usize = MAX_PLAIN_ENTRY_BYTES - 8_192;

/// Bytes of an entry's id that a snapshot tells.
pub const ID_BYTES: usize = 8;

/// What the key of a snapshot's parts is derived for.
const PART_CONTEXT: &str = "ashore 2026-11 snapshot part v1";

/// A piece of a snapshot. Each holds some of everything, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SnapshotPart {
    /// Documents, whole; a large one in several pieces, the first of them first.
    #[n(0)]
    pub documents: Vec<DocumentChange>,
    /// The first [`ID_BYTES`] of the ids of entries that the snapshot covers, one after another.
    #[n(1)]
    pub covered: Bytes,
    /// Who wrote by which name, as the author knows it.
    #[n(2)]
    pub writers: Vec<WriterOf>,
    /// Documents that are gone for good.
    #[n(3)]
    pub buried: Option<Vec<Marker>>,
    /// Entries of the log that the author kept aside, as they came: whoever takes the snapshot keeps them until they can be applied.
    #[n(4)]
    pub aside: Option<Vec<Bytes>>,
}

/// A device wrote by this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct WriterOf {
    /// The name: first bytes of an actor.
    #[n(0)]
    pub writer: Writer,
    /// Whose it is.
    #[n(1)]
    pub device: DeviceId,
}

/// Where a part belongs: it opens nowhere else.
#[derive(Encode)]
#[cbor(array)]
struct PartPlace {
    #[n(0)]
    group: GroupId,
    #[n(1)]
    nonce: SnapshotNonce,
    #[n(2)]
    index: u32,
}

impl SnapshotPart {
    /// The part, sealed for the group.
    pub fn seal(&self, epoch_key: &Key, group: GroupId, nonce: SnapshotNonce, index: u32, rng: &mut Rng) -> Vec<u8> {
        let place = encode(&PartPlace { group, nonce, index });
        plan_payload(&encode(self)).seal(&epoch_key.derive(PART_CONTEXT), &place, rng)
    }

    /// Opens what [`SnapshotPart::seal`] made.
    pub fn open(epoch_key: &Key, group: GroupId, nonce: SnapshotNonce, index: u32, sealed: &[u8]) -> Option<Self> {
        let place = encode(&PartPlace { group, nonce, index });
        let plain = open_payload(&epoch_key.derive(PART_CONTEXT), &place, sealed).ok()?;
        let part: Self = decode(&plain).ok()?;
        part.covered.len().is_multiple_of(ID_BYTES).then_some(part)
    }
}

/// What a device remembers about snapshots of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SnapshotState {
    /// This device took one: entries that it covers are not here, only the beginnings of their ids.
    #[n(0)]
    pub covered: bool,
    /// The newest that is known.
    #[n(1)]
    pub known: Option<KnownSnapshot>,
    /// Entries that stood in the log since then, and their bytes.
    #[n(2)]
    pub entries_since: u64,
    /// See `entries_since`.
    #[n(3)]
    pub bytes_since: u64,
    /// One that is being taken: the next part. Its entry has a row of its own.
    #[n(4)]
    pub taking: Option<u32>,
    /// Entries that carried only what is gone for good were dropped here.
    #[n(5)]
    pub dropped: Option<bool>,
    /// A relay that had forgotten some of its log got entries from here, though not all that this device has: a snapshot is to follow.
    #[n(6)]
    pub owes: Option<bool>,
    /// What is kept aside may stand in no log, because the relay forgot it or because it came in a snapshot: once it is applied the relay gets it.
    #[n(7)]
    pub gives_aside: Option<bool>,
}

/// A snapshot that stands in a log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KnownSnapshot {
    /// Its entry.
    #[n(0)]
    pub id: EntryId,
    /// Which log.
    #[n(1)]
    pub log: LogId,
    /// Up to where it covers the log.
    #[n(2)]
    pub cursor: Cursor,
    /// Bytes of its parts.
    #[n(3)]
    pub bytes: u64,
    /// Who made it.
    #[n(4)]
    pub author: DeviceId,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_part_opens_only_in_its_place_and_with_its_key() {
        let mut rng = Rng::seeded([8; 32]);
        let (key, other) = (Key::random(&mut rng), Key::random(&mut rng));
        let (group, nonce) = (GroupId([1; 32]), SnapshotNonce([2; 16]));
        let change = DocumentChange { collection: "notes".into(), id: "n1".into(), chunks: vec![1, 2, 3].into() };
        let writer = WriterOf { writer: Writer([4; 16]), device: DeviceId([5; 32]) };
        let part = SnapshotPart {
            documents: vec![change],
            covered: vec![7; 16].into(),
            writers: vec![writer],
            ..SnapshotPart::default()
        };
        let sealed = part.seal(&key, group, nonce, 3, &mut rng);
        assert_eq!(SnapshotPart::open(&key, group, nonce, 3, &sealed), Some(part.clone()));
        assert_eq!(SnapshotPart::open(&other, group, nonce, 3, &sealed), None);
        assert_eq!(SnapshotPart::open(&key, group, nonce, 4, &sealed), None);
        assert_eq!(SnapshotPart::open(&key, group, SnapshotNonce([3; 16]), 3, &sealed), None);
        assert_eq!(SnapshotPart::open(&key, GroupId([2; 32]), nonce, 3, &sealed), None);
        let torn = SnapshotPart { covered: vec![7; 15].into(), ..part };
        let sealed = torn.seal(&key, group, nonce, 3, &mut rng);
        assert_eq!(SnapshotPart::open(&key, group, nonce, 3, &sealed), None, "half an id is none");
    }
}
