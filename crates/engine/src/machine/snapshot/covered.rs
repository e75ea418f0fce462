//! Which entries are known only by a snapshot: the beginnings of their ids, in 256 rows by first byte.
//!
//! An entry that names one of them as a parent has that parent. It is not enough to pass over an entry that comes by in the
//! log: somebody could make one whose id begins as another's, so such an entry is applied again, which changes nothing.

use super::super::rows::Missing;
use super::super::{Machine, keys};
use crate::group::ID_BYTES;
use crate::store::RowValue;
use ashore_protocol::gather::Gather;
use ashore_protocol::ids::EntryId;
use std::collections::{BTreeMap, BTreeSet};

/// The beginning of an id.
pub(in crate::machine) type Beginning = [u8; ID_BYTES];

pub(in crate::machine) fn beginning(id: &EntryId) -> Beginning {
    let [a, b, c, d, e, f, g, h, ..] = id.0;
    [a, b, c, d, e, f, g, h]
}

/// The beginnings in these bytes.
pub(super) fn beginnings(bytes: &[u8]) -> impl Iterator<Item = Beginning> {
    bytes.chunks_exact(ID_BYTES).filter_map(|chunk| Beginning::try_from(chunk).ok())
}

impl Machine {
    /// Whether a snapshot that was taken covers this entry.
    pub(in crate::machine) fn is_covered(&mut self, id: &EntryId) -> Result<bool, Missing> {
        let Some(group) = self.sync.group.as_ref().filter(|group| group.snapshots.state.covered) else {
            return Ok(false);
        };
        let generation = group.state.generation;
        let beginning = beginning(id);
        Ok(self.covered_row(generation, beginning[0])?.contains(&beginning))
    }

    /// The beginnings with this first byte.
    pub(super) fn covered_row(&mut self, generation: u64, first: u8) -> Result<BTreeSet<Beginning>, Missing> {
        let row = self.rows.one(&keys::covered(generation, first))?;
        Ok(row.as_ref().and_then(RowValue::present).map(|bytes| beginnings(bytes).gather()).unwrap_or_default())
    }

    /// The rows with these beginnings added, as they are to be written.
    pub(in crate::machine) fn with_covered(
        &mut self,
        generation: u64,
        more: &[u8],
    ) -> Result<BTreeMap<u8, BTreeSet<Beginning>>, Missing> {
        let mut rows: BTreeMap<u8, BTreeSet<Beginning>> = BTreeMap::new();
        for beginning in beginnings(more) {
            rows.entry(beginning[0]).or_default().insert(beginning);
        }
        let mut missing = None;
        for (first, row) in &mut rows {
            match self.covered_row(generation, *first) {
                Ok(known) => row.extend(known),
                Err(not_here) => missing = Some(not_here),
            }
        }
        missing.map_or(Ok(rows), Err)
    }
}
