//! Following a log: opening, pages, and what is pushed when new entries stand in it.

use super::connection::Following;
use super::store::{LogInfo, LogStore, item_size};
use super::{ConnectionId, Fresh, Mailbox, News, Problem};
use crate::codec::{self, Bytes};
use crate::frame::{FailureCode, Item, PageSize, RelayFrame, RequestId};
use crate::ids::{Cursor, DeviceId, GroupId, LogId, LogPrefix, Timestamp};
use crate::limits::Limits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a device says it stands.
pub(super) struct Stand {
    pub(super) log: Option<LogId>,
    pub(super) cursor: Cursor,
    pub(super) prefix: Option<LogPrefix>,
}

/// What a device may read of a log.
pub(super) struct Readable {
    pub(super) log: LogId,
    pub(super) head: Cursor,
    /// Up to here only control entries are there.
    pub(super) floor: Cursor,
    /// The log goes on behind this head, but not for the device: it was removed there.
    pub(super) is_cut: bool,
}

/// Frames that were encoded for one connection and serve all that need the same.
type Encoded = BTreeMap<(Cursor, Option<DeviceId>), Vec<Arc<[u8]>>>;

impl<S: LogStore> Mailbox<S> {
    #[allow(clippy::too_many_arguments, reason = "the fields of one frame")]
    pub(super) fn open(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        group: GroupId,
        stand: Stand,
        page: PageSize,
    ) -> Result<(), Problem<S::Error>> {
        let Readable { log, head, floor, is_cut } = self.readable(group, &device)?;
        let max_groups = self.config.limits.max_open_groups as usize;
        let Some(connection) = self.connections.get(&conn) else { return Ok(()) };
        if !connection.following.contains_key(&group) && connection.following.len() >= max_groups {
            return Err(FailureCode::TooManyGroups.into());
        }
        // Below the floor it cannot read up to its removal any more: it is told so.
        if is_cut && (stand.cursor >= head || stand.cursor < floor) {
            return Err(FailureCode::Removed.into());
        }
        if !self.stands(&group, log, &stand)? {
            self.unfollow(conn, group);
            self.send(conn, &RelayFrame::Diverged { request, group, log, head });
            return Ok(());
        }
        let following = Following { sent: stand.cursor, live: stand.cursor == head, own_in_full: page.own_in_full };
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.following.insert(group, following);
            if !is_cut {
                self.followers.entry(group).or_default().insert(conn);
            }
        }
        let mut snapshot = None;
        if !is_cut {
            self.note_place(group, &device, stand.cursor, now)?;
            snapshot = self.snapshot_after(group, stand.cursor)?.map(|snapshot| snapshot.entry);
        }
        let below = stand.cursor < floor;
        let floor_prefix = if below { self.store.prefix_at(&group, floor).map_err(Problem::Store)? } else { None };
        let floor = (floor > Cursor::ZERO).then_some(floor);
        self.send(conn, &RelayFrame::Opened { request, group, log, head, floor, snapshot, floor_prefix });
        if stand.cursor < head && !below {
            self.send_page(conn, device, request, group, stand.cursor, page)?;
        }
        self.tell_of_requests(conn, &device, now, group)
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of one frame")]
    pub(super) fn pull(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        group: GroupId,
        after: Cursor,
        page: PageSize,
    ) -> Result<(), Problem<S::Error>> {
        let open = self.connections.get(&conn).is_some_and(|connection| connection.following.contains_key(&group));
        if !open {
            return Err(FailureCode::NotOpen.into());
        }
        self.send_page(conn, device, request, group, after, page)?;
        self.note_place(group, &device, after, now)
    }

    pub(super) fn unfollow(&mut self, conn: ConnectionId, group: GroupId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.following.remove(&group);
        }
        self.remove_follower(&group, conn);
    }

    /// The log and its head, for a member; for a device that was removed the log up to the entry that did it, and for nobody else.
    pub(super) fn readable(&mut self, id: GroupId, device: &DeviceId) -> Result<Readable, Problem<S::Error>> {
        let group = self.group(id)?.ok_or(FailureCode::UnknownGroup)?;
        let LogInfo { log, head, floor, .. } = group.info;
        if group.membership.may_read(device) {
            return Ok(Readable { log, head, floor, is_cut: false });
        }
        let removal = group.membership.gone(device).map(|gone| gone.by).ok_or(FailureCode::NotAMember)?;
        let cut = self.store.cursor_of(&id, &removal).map_err(Problem::Store)?.ok_or(FailureCode::NotAMember)?;
        Ok(Readable { log, head: cut, floor, is_cut: true })
    }

    /// Whether the log is the one the device followed, and holds up to its cursor what the device found there. The entry at the cursor alone would not
    /// tell: a relay that was restored from a backup and filled again may hold it there with others before it.
    fn stands(&self, group: &GroupId, log: LogId, stand: &Stand) -> Result<bool, Problem<S::Error>> {
        if stand.log.is_some_and(|known| known != log) {
            return Ok(false);
        }
        if stand.cursor == Cursor::ZERO {
            return Ok(true);
        }
        let prefix = self.store.prefix_at(group, stand.cursor).map_err(Problem::Store)?;
        Ok(stand.log.is_some() && prefix.is_some() && prefix == stand.prefix)
    }

    fn send_page(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        request: RequestId,
        group: GroupId,
        after: Cursor,
        page: PageSize,
    ) -> Result<(), Problem<S::Error>> {
        let Readable { log, head, floor, is_cut } = self.readable(group, &device)?;
        if is_cut && (after >= head || after < floor) {
            return Err(FailureCode::Removed.into());
        }
        if after < floor {
            return Err(FailureCode::Pruned.into());
        }
        let limits = &self.config.limits;
        let max_entries = page.max_entries.clamp(1, limits.max_page_entries);
        let max_bytes = page.max_bytes.min(limits.max_page_bytes);
        let own = (!page.own_in_full).then_some(&device);
        let mut items = self.store.page(&group, after, max_entries, max_bytes, own).map_err(Problem::Store)?;
        items.retain(|item| item.cursor() <= head);
        let sent = items.last().map_or(after.min(head), Item::cursor);
        let more = sent < head;
        if let Some(connection) = self.connections.get_mut(&conn) {
            let following = Following { sent, live: !more, own_in_full: page.own_in_full };
            connection.following.insert(group, following);
        }
        self.send(conn, &RelayFrame::Page { request, group, log, items, head, more });
        Ok(())
    }

    /// Pushes what the committed transaction appended to everyone who follows it live.
    pub(super) fn push_fresh(&mut self) {
        for (group, news) in std::mem::take(&mut self.fresh) {
            let Some(followers) = self.followers.get(&group).cloned() else { continue };
            let mut encoded = Encoded::new();
            for conn in followers {
                match self.cut_of(conn, &news) {
                    None => self.push_to(conn, group, &news, &mut encoded),
                    Some(before) => {
                        // No entry says that it is out where its admission came to nothing: then it is told when it asks.
                        match before.entries.is_empty() {
                            true => self.hold_back(conn, group, &news),
                            false => self.push_to(conn, group, &before, &mut Encoded::new()),
                        }
                        self.remove_follower(&group, conn);
                    }
                }
            }
        }
    }

    /// What a device that is not a member any more is still given of the news: up to the entry that removed it. `None` for a member: followers
    /// are members until the news says otherwise.
    fn cut_of(&self, conn: ConnectionId, news: &News) -> Option<News> {
        let device = self.connections.get(&conn)?.device?;
        let membership = news.membership.as_ref().filter(|membership| !membership.may_read(&device))?;
        let removal = membership.gone(&device).map(|gone| gone.by);
        let end = news.entries.iter().position(|entry| Some(entry.id) == removal).map_or(0, |at| at + 1);
        let entries = news.entries.iter().take(end).cloned().collect();
        Some(News { log: news.log, entries, membership: None })
    }

    /// Tells a device that there is news instead of sending it.
    fn hold_back(&mut self, conn: ConnectionId, group: GroupId, news: &News) {
        let following = self.connections.get_mut(&conn).and_then(|connection| connection.following.get_mut(&group));
        let (Some(following), Some(head)) = (following, news.entries.last().map(|entry| entry.cursor)) else { return };
        following.live = false;
        self.send(conn, &RelayFrame::Lagged { group, head });
    }

    fn push_to(&mut self, conn: ConnectionId, group: GroupId, news: &News, encoded: &mut Encoded) {
        let News { log, entries: fresh, .. } = news;
        let max_pending = self.config.limits.max_pending_bytes as usize;
        let Some(head) = fresh.last().map(|entry| entry.cursor) else { return };
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let (device, pending) = (connection.device, connection.pending_bytes);
        let Some(following) = connection.following.get_mut(&group) else { return };
        if !following.live || following.sent >= head {
            return;
        }
        if pending > max_pending {
            return self.hold_back(conn, group, news);
        }
        let own = device.filter(|_| !following.own_in_full);
        let own = own.filter(|device| fresh.iter().any(|entry| entry.author == *device));
        let sent = std::mem::replace(&mut following.sent, head);
        let frames = encoded
            .entry((sent, own))
            .or_insert_with(|| live_frames(group, *log, fresh, sent, own, &self.config.limits))
            .clone();
        for frame in frames {
            self.send_bytes(conn, frame);
        }
    }
}

/// The entries after `sent` in as many frames as the limits make necessary.
fn live_frames(
    group: GroupId,
    log: LogId,
    fresh: &[Fresh],
    sent: Cursor,
    own: Option<DeviceId>,
    limits: &Limits,
) -> Vec<Arc<[u8]>> {
    let (mut frames, mut items, mut bytes) = (Vec::new(), Vec::new(), 0);
    let encode = |items: Vec<Item>| codec::encode(&RelayFrame::Live { group, log, items }).into();
    for entry in fresh.iter().filter(|entry| entry.cursor > sent) {
        let item = entry.item(own);
        let size = item_size(&item);
        let full = bytes + size > limits.max_page_bytes as usize || items.len() >= limits.max_page_entries as usize;
        if full && !items.is_empty() {
            frames.push(encode(std::mem::take(&mut items)));
            bytes = 0;
        }
        bytes += size;
        items.push(item);
    }
    frames.push(encode(items));
    frames
}

impl Fresh {
    fn item(&self, own: Option<DeviceId>) -> Item {
        match own == Some(self.author) {
            true => Item::Own { cursor: self.cursor, id: self.id },
            false => Item::Entry { cursor: self.cursor, bytes: Bytes(self.bytes.to_vec()) },
        }
    }
}
