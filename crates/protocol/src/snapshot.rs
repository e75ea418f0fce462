//! Snapshots: the manifest that a snapshot entry carries in the clear, and the limits of the parts that a relay keeps beside the log.
//!
//! A snapshot stands for everything in one log up to a cursor. Its parts are sealed by the engine; the manifest names each by
//! its hash, and the entry around it is signed by a device that may write. Nobody names a snapshot entry as a parent: when
//! its log is gone or a newer one is there, it can be forgotten.

use crate::codec::{self, CodecError};
use crate::hash;
use crate::ids::{Cursor, LogId, LogPrefix, SnapshotNonce};
use minicbor::{Decode, Encode};

/// The most parts of one snapshot.
pub const MAX_SNAPSHOT_PARTS: usize = 4_096;
/// The largest sealed part, 1 MiB.
pub const MAX_SNAPSHOT_PART_BYTES: u32 = 1 << 20;

/// What a snapshot consists of: the payload of a [`crate::EntryKind::Snapshot`] entry. The entry's parents are the tips of
/// what it covers, its epoch says under which of the group's keys the parts are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Manifest {
    /// The log that the place is in.
    #[n(0)]
    pub log: LogId,
    /// Everything up to here is in the snapshot.
    #[n(1)]
    pub cursor: Cursor,
    /// All that the author found in the log up to there.
    #[n(2)]
    pub prefix: LogPrefix,
    /// Names this snapshot among its author's.
    #[n(3)]
    pub nonce: SnapshotNonce,
    /// How many documents are in it.
    #[n(4)]
    pub documents: u64,
    /// The parts, in order; at least one, at most [`MAX_SNAPSHOT_PARTS`].
    #[n(5)]
    pub parts: Vec<Part>,
}

/// One part, as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Part {
    /// BLAKE3 of the sealed bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub hash: [u8; 32],
    /// How many they are: 1 to [`MAX_SNAPSHOT_PART_BYTES`].
    #[n(1)]
    pub bytes: u32,
}

/// Why a payload is not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not the canonical encoding of one.
    #[error("the manifest does not decode: {0}")]
    Codec(#[from] CodecError),
    /// No parts, too many, an empty or too large one, or no place in a log.
    #[error("the manifest has no parts, too many, or one of a size that is not allowed")]
    Parts,
}

impl Part {
    /// How a manifest names these sealed bytes.
    pub fn of(sealed: &[u8]) -> Self {
        Self { hash: hash::hash(sealed), bytes: u32::try_from(sealed.len()).unwrap_or(u32::MAX) }
    }

    /// Whether these are the bytes.
    pub fn is_of(&self, sealed: &[u8]) -> bool {
        self.bytes as usize == sealed.len() && self.hash == hash::hash(sealed)
    }
}

impl Manifest {
    /// Parses the payload of a snapshot entry.
    pub fn parse(payload: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = codec::decode_canonical(payload)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Refuses what [`Manifest::parse`] would.
    pub fn check(&self) -> Result<(), ManifestError> {
        let sizes = 1..=MAX_SNAPSHOT_PART_BYTES;
        let fit = self.parts.iter().all(|part| sizes.contains(&part.bytes));
        let counted = (1..=MAX_SNAPSHOT_PARTS).contains(&self.parts.len());
        if fit && counted && self.cursor != Cursor::ZERO { Ok(()) } else { Err(ManifestError::Parts) }
    }

    /// Bytes of all sealed parts.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.bytes)).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn manifest(parts: Vec<Part>) -> Manifest {
        let (log, prefix, nonce) = (LogId([1; 16]), LogPrefix([2; 32]), SnapshotNonce([3; 16]));
        Manifest { log, cursor: Cursor::new(9).unwrap(), prefix, nonce, documents: 4, parts }
    }

    #[test]
    fn a_manifest_comes_back_and_one_with_impossible_parts_is_refused() {
        let part = Part::of(b"sealed");
        let good = manifest(vec![part; 3]);
        assert_eq!(Manifest::parse(&codec::encode(&good)), Ok(good.clone()));
        assert_eq!(good.bytes(), 18);
        let largest = manifest(vec![part; MAX_SNAPSHOT_PARTS]);
        assert!(codec::encode(&largest).len() < crate::limits::MAX_PAYLOAD_BYTES as usize);
        for bad in [
            manifest(vec![]),
            manifest(vec![part; MAX_SNAPSHOT_PARTS + 1]),
            manifest(vec![Part { bytes: 0, ..part }]),
            manifest(vec![Part { bytes: MAX_SNAPSHOT_PART_BYTES + 1, ..part }]),
            Manifest { cursor: Cursor::ZERO, ..good.clone() },
        ] {
            assert_eq!(Manifest::parse(&codec::encode(&bad)), Err(ManifestError::Parts));
        }
        let mut longer = codec::encode(&good);
        longer.push(0);
        assert!(matches!(Manifest::parse(&longer), Err(ManifestError::Codec(CodecError::Trailing(1)))));
    }

    #[test]
    fn a_part_is_told_by_its_bytes() {
        let part = Part::of(b"sealed");
        assert!(part.is_of(b"sealed"));
        assert!(!part.is_of(b"seale!") && !part.is_of(b"sealed ") && !part.is_of(b""));
    }
}
