//! Devices that let go of deleted documents at different times: what they show once all of them have.

use super::Story;
use crate::document::edit::{self, BEGINNING_BYTES, Beginning, Merged};
use crate::store::keys::{parse_chunk_key, value_key};
use std::collections::BTreeSet;

/// The tag, the generation and the byte before a marker's name, and the name.
const MARKER_KEY_BYTES: usize = 1 + 8 + 1 + 16;
/// What a document is: its heads, whether it is deleted, its value.
type View = (Vec<[u8; 32]>, bool, Vec<u8>);

impl Story {
    /// Every beginning that any of the devices has buried.
    pub(super) fn all_buried(&self) -> BTreeSet<Beginning> {
        self.markers().flat_map(|row| row.as_chunks::<BEGINNING_BYTES>().0.to_vec()).collect()
    }

    /// The markers that the devices have.
    pub(super) fn markers(&self) -> impl Iterator<Item = &[u8]> {
        let markers = self.network.devices.iter().flat_map(|device| device.disk().with_prefix(b"b"));
        markers.filter(|(key, _)| key.len() == MARKER_KEY_BYTES).map(|(_, row)| &row[..])
    }

    /// The document of this row as it is here once all that was buried anywhere is gone; `None`: it is gone too.
    pub(super) fn view_after_burials(&self, index: usize, name: &[u8], buried: &BTreeSet<Beginning>) -> Option<View> {
        let chunks = self.network.devices[index].disk().with_prefix(b"a");
        let is_of_it =
            |key: &[u8]| parse_chunk_key(key).is_ok_and(|(collection, id, _)| value_key(&collection, &id)[..] == *name);
        let chunks: Vec<&[u8]> = chunks.filter(|(key, _)| is_of_it(key)).map(|(_, row)| &row[..]).collect();
        let divided = edit::divide_here(&chunks, buried).ok()?;
        match edit::merge(None, &divided.kept).ok()? {
            Merged::Changed { row, .. } => {
                Some((row.heads.iter().map(|head| head.0).collect(), row.deleted, row.value))
            }
            Merged::Unchanged | Merged::MissingDeps(_) => None,
        }
    }
}
