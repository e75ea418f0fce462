//! Snapshots: parts are put one by one, the entry that names them finishes it, and members fetch the parts.

use super::follow::Readable;
use super::store::{LogInfo, LogStore, StoredSnapshot};
use super::{ConnectionId, Mailbox, Problem};
use crate::codec::Bytes;
use crate::frame::{FailureCode, Item, RelayFrame, RequestId};
use crate::header::VerifiedEntry;
use crate::ids::{Cursor, DeviceId, EntryId, GroupId, SnapshotNonce, Timestamp};
use crate::snapshot::{MAX_SNAPSHOT_PART_BYTES, MAX_SNAPSHOT_PARTS, Manifest};

/// Finished snapshots of one group that are kept at most; a third takes the place of the oldest.
const MAX_FINISHED: usize = 2;

impl<S: LogStore> Mailbox<S> {
    #[allow(clippy::too_many_arguments, reason = "the fields of one frame")]
    pub(super) fn put_snapshot_part(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        group: GroupId,
        nonce: SnapshotNonce,
        index: u32,
        sealed: &Bytes,
    ) -> Result<(), Problem<S::Error>> {
        self.readable(group, &device)?;
        if !self.group(group)?.is_some_and(|group| group.membership.may_write(&device)) {
            return Err(FailureCode::RoleForbids.into());
        }
        let max_bytes = self.config.limits.max_snapshot_bytes.unwrap_or(0);
        let fits = (1..=MAX_SNAPSHOT_PART_BYTES as usize).contains(&sealed.len());
        if !fits || index as usize >= MAX_SNAPSHOT_PARTS {
            return Err(FailureCode::SnapshotTooLarge.into());
        }
        if self.store.upload(&group, &device).map_err(Problem::Store)?.is_some_and(|upload| upload.nonce != nonce) {
            self.store.drop_upload(&group, &device).map_err(Problem::Store)?;
        }
        // A part that is put again counts twice here: nobody comes so near the limit that it would matter.
        let own = self.store.upload(&group, &device).map_err(Problem::Store)?.map_or(0, |upload| upload.bytes);
        let all = self.store.upload_bytes(&group).map_err(Problem::Store)?;
        let more = sealed.len() as u64;
        if own.saturating_add(more) > max_bytes {
            return Err(FailureCode::SnapshotTooLarge.into());
        }
        if all.saturating_add(more) > max_bytes.saturating_mul(2) {
            return Err(FailureCode::QuotaExceeded.into());
        }
        self.store.put_part(&group, &device, nonce, index, sealed, now).map_err(Problem::Store)?;
        self.send(conn, &RelayFrame::SnapshotPartPut { request });
        Ok(())
    }

    /// The snapshot that this entry finishes: its place is one in this log, and every part that it names was put.
    pub(super) fn fitting_snapshot(
        &self,
        group: GroupId,
        info: LogInfo,
        entry: &VerifiedEntry,
        manifest: &Manifest,
        alone: bool,
        now: Timestamp,
    ) -> Result<StoredSnapshot, Problem<S::Error>> {
        let refused = |code| Problem::entry(code, Some(entry.id()));
        if !alone {
            return Err(refused(FailureCode::BadEntry));
        }
        let prefix = self.store.prefix_at(&group, manifest.cursor).map_err(Problem::Store)?;
        if manifest.log != info.log || prefix != Some(manifest.prefix) {
            return Err(refused(FailureCode::SnapshotStale));
        }
        // Each holds what those before it held: whoever made it has seen them, and has taken in what was new to it.
        let newest = self.store.snapshots(&group).map_err(Problem::Store)?.into_iter().next();
        if let Some(newest) = newest {
            let stands = self.store.cursor_of(&group, &newest.id).map_err(Problem::Store)?;
            if stands.is_some_and(|stands| stands > manifest.cursor) {
                return Err(refused(FailureCode::SnapshotStale));
            }
        }
        let author = entry.author();
        let upload = self.store.upload(&group, &author).map_err(Problem::Store)?;
        let parts = self.store.upload_parts(&group, &author).map_err(Problem::Store)?;
        let named = parts.len() == manifest.parts.len()
            && parts
                .iter()
                .zip(&manifest.parts)
                .zip(0..)
                .all(|(((at, put), named), index)| *at == index && put == named);
        if !named || upload.is_none_or(|upload| upload.nonce != manifest.nonce) {
            return Err(refused(FailureCode::SnapshotIncomplete));
        }
        let (covers, bytes, encoded) = (manifest.cursor, manifest.bytes(), entry.encoded().into());
        Ok(StoredSnapshot { id: entry.id(), author, covers, bytes, finished_at: now, entry: encoded })
    }

    /// Of the finished snapshots those that a device may rest on: their authors may write, or left by themselves since.
    pub(super) fn usable_snapshots(&mut self, group: GroupId) -> Result<Vec<StoredSnapshot>, Problem<S::Error>> {
        let mut snapshots = self.store.snapshots(&group).map_err(Problem::Store)?;
        let Some(known) = self.group(group)? else { return Ok(Vec::new()) };
        snapshots.retain(|snapshot| known.membership.is_believed(&snapshot.author));
        Ok(snapshots)
    }

    /// The newest one, if it covers more than this.
    pub(super) fn snapshot_after(
        &mut self,
        group: GroupId,
        cursor: Cursor,
    ) -> Result<Option<StoredSnapshot>, Problem<S::Error>> {
        let newest = self.usable_snapshots(group)?.into_iter().next();
        Ok(newest.filter(|snapshot| snapshot.covers > cursor))
    }

    /// Makes room: what is beyond the most that is kept goes, the one that covers least first.
    pub(super) fn drop_surplus_snapshots(&mut self, group: GroupId) -> Result<(), Problem<S::Error>> {
        let snapshots = self.store.snapshots(&group).map_err(Problem::Store)?;
        let usable: Vec<EntryId> = self.usable_snapshots(group)?.iter().map(|snapshot| snapshot.id).collect();
        // Those that may be rested on are kept before the others.
        let (kept, others): (Vec<_>, Vec<_>) = snapshots.iter().partition(|snapshot| usable.contains(&snapshot.id));
        for snapshot in kept.into_iter().chain(others).skip(MAX_FINISHED) {
            self.store.drop_snapshot(&group, &snapshot.id).map_err(Problem::Store)?;
        }
        Ok(())
    }

    pub(super) fn get_snapshot_part(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        request: RequestId,
        group: GroupId,
        snapshot: EntryId,
        index: u32,
    ) -> Result<(), Problem<S::Error>> {
        if self.readable(group, &device)?.is_cut {
            return Err(FailureCode::Removed.into());
        }
        let sealed = self.store.snapshot_part(&group, &snapshot, index).map_err(Problem::Store)?;
        let sealed = sealed.ok_or(FailureCode::SnapshotNotFound)?;
        self.send(conn, &RelayFrame::SnapshotPart { request, sealed });
        Ok(())
    }

    pub(super) fn get_controls(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        request: RequestId,
        group: GroupId,
        after: Cursor,
    ) -> Result<(), Problem<S::Error>> {
        let Readable { log, head, .. } = self.readable(group, &device)?;
        let limits = &self.config.limits;
        let (entries, bytes) = (limits.max_page_entries, limits.max_page_bytes);
        let mut items = self.store.controls_after(&group, after, entries, bytes).map_err(Problem::Store)?;
        items.retain(|item| item.cursor() <= head);
        let last = items.last().map(Item::cursor);
        let more = match last {
            Some(last) => {
                let next = self.store.controls_after(&group, last, 1, 0).map_err(Problem::Store)?;
                next.first().is_some_and(|next| next.cursor() <= head)
            }
            None => false,
        };
        self.send(conn, &RelayFrame::Controls { request, group, log, items, more });
        Ok(())
    }
}
