//! How much is stored of what, and which deleted documents are still here and why: page by page, like a check.
//!
//! Counted are keys and values of rows, as they are handed to the store. What the store needs besides (its directories, what was overwritten and not
//! tidied up yet, encryption) is not in it.

use super::documents::Stop;
use super::rows::Missing;
use super::task::CommandTask;
use super::vanish::Held;
use super::{Machine, keys};
use crate::api::{ErrorCode, Failure, KeptBecause, KeptDocument, Reply, StorageKind, StoredKind};
use crate::document::state::DocumentRowRef;
use crate::store::keys::{parse_index_key, value_key};
use crate::store::{Key, Range, RowValue};
use ashore_protocol::ids::DeviceId;
use data_encoding::BASE32_NOPAD;
use std::collections::BTreeMap;

/// Rows of one page, and their bytes.
const PAGE_ROWS: u32 = 1_000;
const PAGE_BYTES: usize = 2 << 20;
/// No longer place is taken.
const MAX_PLACE_CHARS: usize = 16_384;

impl Machine {
    /// One page of all rows.
    pub(super) fn storage(&mut self, task: &mut CommandTask, after: Option<&str>) -> Result<Reply, Stop> {
        let all = Range::all().limit(PAGE_ROWS).max_bytes(PAGE_BYTES);
        let page = match after {
            Some(after) => Range { start: parse_place(after)?, ..all },
            None => all,
        };
        let raw = task.scan.clone();
        let (rows, rest) = self.scan_part(&mut task.scan, &page)?;
        let mut kinds: BTreeMap<StorageKind, StoredKind> = BTreeMap::new();
        let (mut kept, mut missing) = (Vec::new(), false);
        for (key, row) in &rows.rows {
            let kind = self.kind_of(key, row);
            let stored = kinds.entry(kind).or_insert(StoredKind { kind, rows: 0, bytes: 0 });
            stored.rows += 1;
            stored.bytes += (key.len() + row.present().map_or(0, |value| value.len())) as u64;
            let Some((collection, id)) = keys::parse_tombstone(key) else { continue };
            match self.kept(collection, id, row) {
                Ok(document) => kept.extend(document),
                Err(Missing) => missing = true,
            }
        }
        if missing {
            task.scan = raw;
            return Err(Missing.into());
        }
        let next = rest.map(|rest| BASE32_NOPAD.encode(&rest.start));
        Ok(Reply::Stored { kinds: kinds.into_values().collect(), kept, next })
    }

    fn kind_of(&self, key: &Key, row: &RowValue) -> StorageKind {
        match key.first() {
            Some(b'v') => {
                let deleted = row.present().and_then(|bytes| DocumentRowRef::decode(bytes).ok()).map(|row| row.deleted);
                if deleted == Some(true) { StorageKind::Tombstones } else { StorageKind::Documents }
            }
            Some(b'l') => StorageKind::Tombstones,
            Some(b'a') => StorageKind::Changes,
            Some(b'e' | b'i') => StorageKind::Entries,
            Some(b'o') => StorageKind::Outbox,
            Some(b'q') => StorageKind::Quarantine,
            Some(b'y') if parse_index_key(key).is_ok_and(|(number, _)| self.is_index_of_words(number)) => {
                StorageKind::Search
            }
            Some(b'y' | b'd') => StorageKind::Indexes,
            Some(b'p') => StorageKind::Snapshots,
            Some(b'k' | b'g' | b'j' | b's') => StorageKind::Keys,
            Some(b'b') => StorageKind::Markers,
            _ => StorageKind::Others,
        }
    }

    /// Why a deleted document is still here.
    fn kept(&mut self, collection: String, id: String, since: &RowValue) -> Result<Option<KeptDocument>, Missing> {
        let key = value_key(&collection, &id);
        let row = self.rows.one(&key)?;
        let Some(bytes) = row.as_ref().and_then(RowValue::present) else { return Ok(None) };
        let Ok(row) = DocumentRowRef::decode(bytes) else { return Ok(None) };
        let since = since.present().and_then(|bytes| bytes[..].try_into().ok()).map_or(0, u64::from_be_bytes);
        let (because, unseen) = match self.held(&row, &key, since) {
            Held::Until(_) => (KeptBecause::CanBeUndone, None),
            Held::Pending => (KeptBecause::Pending, None),
            Held::Unseen(made_by) => (KeptBecause::NotSeen, Some(made_by)),
            Held::Local => (KeptBecause::Local, None),
            Held::Nothing => (KeptBecause::Nothing, None),
        };
        let waits_for = unseen.map_or_else(Vec::new, |made_by| self.have_not_seen(made_by));
        let idle = waits_for.iter().filter(|device| self.is_idle(device)).map(ToString::to_string).collect();
        let waits_for = waits_for.iter().map(ToString::to_string).collect();
        Ok(Some(KeptDocument { collection, id, since, because, waits_for, idle }))
    }

    /// Members that have not seen the entry with this local sequence number.
    fn have_not_seen(&self, made_by: u64) -> Vec<DeviceId> {
        let Some(group) = &self.sync.group else { return vec![] };
        group.others().filter(|device| group.seen.of(device).is_none_or(|heard| heard.below <= made_by)).collect()
    }

    /// Whether nothing was heard of a member for a long time: of one that never wrote, since it was admitted.
    fn is_idle(&self, device: &DeviceId) -> bool {
        let Some(group) = &self.sync.group else { return false };
        let admitted = || group.membership.member(device).map(|member| member.joined_at.as_ms());
        let last = group.seen.of(device).map(|heard| heard.at).or_else(admitted).unwrap_or(0);
        self.now.as_ms().saturating_sub(last) > self.vanish.settings.idle_ms()
    }
}

fn parse_place(after: &str) -> Result<Key, Failure> {
    let bytes = if after.len() > MAX_PLACE_CHARS { None } else { BASE32_NOPAD.decode(after.as_bytes()).ok() };
    bytes.map(Key::from).ok_or_else(|| Failure::new(ErrorCode::RequestInvalid, "no place in what is stored"))
}
