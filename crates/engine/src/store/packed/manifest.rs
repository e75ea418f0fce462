//! Where everything is: the runs of blocks, the first segment that is not in them yet, and what was lost.
//!
//! ```text
//! manifest-body = [ edition: uint, first_live: uint, runs: [* run], takeovers: [* uint], lost: [* lost] ]
//! run   = [ id: uint, blocks: [+ block] ]                       ; runs: newest first; blocks: ascending keys
//! block = [ id: [ handle: uint, number: uint ], bytes: uint, rows: uint, first: bstr, last: bstr ]   ; bytes: before pages are packed
//! lost  = [ source, start: bstr, end: bstr / null ]             ; end: the last key; null: no bound known
//! source = [ 0, [ [ handle: uint, number: uint ] ] ] / [ 1, [ segment: uint ] ]   ; in the blob q<name>
//! ```
//!
//! Arrays may grow at their end; unknown elements are skipped. Two copies are written together; the readable one with the higher edition counts.

use minicbor::{Decode, Encode};

use super::blobs::{BlockId, Damaged};
use super::format::{Damage, Kind, envelope, open_envelope};
use crate::store::Key;

/// Takeover marks that are kept, so that a handle which slept through as many openings is still fenced off.
pub(super) const KEPT_TAKEOVERS: usize = 256;
/// Quarantined blobs that are kept; beyond it the oldest entries go.
pub(super) const KEPT_LOST: usize = 64;

/// Numbers and sizes from here on never occur: there is room to count and to add up.
pub(super) const MAX_NUMBER: u64 = 1 << 48;

#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Manifest {
    #[n(0)]
    pub(super) edition: u64,
    /// Every row of a segment with a lower number is in the runs.
    #[n(1)]
    pub(super) first_live: u64,
    #[n(2)]
    pub(super) runs: Vec<RunEntry>,
    /// Segments below `first_live` that stay, as fences against handles that were taken over.
    #[n(3)]
    pub(super) takeovers: Vec<u64>,
    #[n(4)]
    pub(super) lost: Vec<LostEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct RunEntry {
    #[n(0)]
    pub(super) id: u64,
    #[n(1)]
    pub(super) blocks: Vec<BlockEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct BlockEntry {
    #[n(0)]
    pub(super) id: BlockId,
    /// Before its pages were packed: what reading it brings, and what weighs against the table.
    #[n(1)]
    pub(super) bytes: u64,
    #[n(2)]
    pub(super) rows: u64,
    #[n(3)]
    pub(super) first: Key,
    #[n(4)]
    pub(super) last: Key,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct LostEntry {
    #[n(0)]
    pub(super) source: Damaged,
    #[n(1)]
    pub(super) start: Key,
    #[n(2)]
    pub(super) end: Option<Key>,
}

impl Manifest {
    pub(super) fn encode(&self) -> Vec<u8> {
        let body = minicbor::to_vec(self).expect("a vector takes every byte, and no field refuses to be encoded");
        let mut bytes = envelope(Kind::Manifest);
        bytes.extend_from_slice(blake3::hash(&body).as_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let mut reader = open_envelope(bytes, Kind::Manifest)?;
        let hash = reader.take(32)?;
        if blake3::hash(reader.0).as_bytes() != hash {
            return Err(Damage::Checksum);
        }
        let manifest: Self = minicbor::decode(reader.0).map_err(|_| Damage::Malformed("manifest"))?;
        if !manifest.runs.iter().all(RunEntry::is_in_order) {
            return Err(Damage::Malformed("order of blocks"));
        }
        if !manifest.numbers().all(|number| number < MAX_NUMBER) {
            return Err(Damage::Malformed("a number"));
        }
        Ok(manifest)
    }

    fn numbers(&self) -> impl Iterator<Item = u64> {
        let of_block = |block: &BlockEntry| [block.id.handle, block.bytes, block.rows];
        let of_run =
            move |run: &RunEntry| [run.id].into_iter().chain(run.blocks.iter().flat_map(of_block).collect::<Vec<_>>());
        [self.edition, self.first_live]
            .into_iter()
            .chain(self.takeovers.iter().copied())
            .chain(self.runs.iter().flat_map(of_run))
    }
}

impl RunEntry {
    /// Bytes of all blocks.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.bytes).sum()
    }

    fn is_in_order(&self) -> bool {
        let each = self.blocks.iter().all(|block| block.first <= block.last);
        let between = self.blocks.iter().zip(self.blocks.iter().skip(1)).all(|(a, b)| a.last < b.first);
        each && between && !self.blocks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_body_makes_the_decoder_panic(body in proptest::collection::vec(any::<u8>(), 0..200), arrays in any::<bool>()) {
            let mut bytes = envelope(Kind::Manifest);
            // Five elements, so that some bodies get past the first byte.
            let body = if arrays { [&[0x85, 0x01, 0x02], &body[..]].concat() } else { body };
            bytes.extend_from_slice(blake3::hash(&body).as_bytes());
            bytes.extend_from_slice(&body);
            let _ = Manifest::decode(&bytes);
            let _ = Manifest::decode(&body);
        }
    }

    #[test]
    fn numbers_beyond_all_bounds_are_refused() {
        let manifest = Manifest { first_live: MAX_NUMBER, ..Manifest::default() };
        assert_eq!(Manifest::decode(&manifest.encode()), Err(Damage::Malformed("a number")));
    }

    #[test]
    fn elements_that_a_later_version_appends_are_skipped() {
        let known = Manifest { edition: 3, first_live: 9, ..Manifest::default() };
        let mut body = minicbor::to_vec(&known).unwrap();
        assert_eq!(body.first(), Some(&0x85));
        body.splice(..1, [0x86]);
        body.push(0x07);
        let bytes = [envelope(Kind::Manifest), blake3::hash(&body).as_bytes().to_vec(), body].concat();
        assert_eq!(Manifest::decode(&bytes), Ok(known));
    }
}
