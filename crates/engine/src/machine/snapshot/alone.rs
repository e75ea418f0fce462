//! Who is the only member left goes on without what the relay has dropped, when no snapshot may be rested on: whoever made it was removed, and there is
//! nobody who could make another.
//!
//! What was dropped and is not here is lost then: whoever wrote it is no member any more. As long as there is another member, who may have it, nobody goes on
//! without.

use super::super::Machine;
use super::super::input::ConnectionId;
use super::super::link::{Floor, Stage};
use super::unusable;
use crate::api::DisconnectReason;
use crate::group::RelayPlace;
use ashore_protocol::frame::{ClientFrame, Item, RequestId};
use ashore_protocol::ids::{Cursor, LogId};

/// The control entries are asked for, page by page: who is left stands in them.
pub(super) struct Alone {
    log: LogId,
    after: Cursor,
    /// What was asked, on which connection.
    request: Option<(ConnectionId, RequestId)>,
    /// What came of it waits to be done.
    pub(super) working: bool,
}

impl Alone {
    /// Whether this page is the next.
    pub(super) fn takes(&mut self, log: LogId, items: &[Item], more: bool) -> bool {
        let ascends = items.is_sorted_by_key(Item::cursor) && (!items.is_empty() || !more);
        let last = items.last().map(Item::cursor);
        if log != self.log || !ascends || last.is_some_and(|last| last <= self.after) {
            return false;
        }
        self.working = true;
        self.after = last.unwrap_or(self.after);
        true
    }
}

impl Machine {
    /// The relay has dropped entries that are not here, and offers no snapshot that may be rested on.
    pub(super) fn look_who_is_left(&mut self, log: LogId) {
        let tells = self.floor().is_some_and(|floor| floor.prefix.is_some());
        let Some(group) = self.sync.group.as_mut().filter(|_| tells) else { return self.lacks_a_snapshot() };
        group.snapshots.alone = Some(Alone { log, after: Cursor::ZERO, request: None, working: false });
    }

    /// Asks for what is needed next, if it was not asked on this connection.
    pub(super) fn ask_who_is_left(&mut self) {
        let Some((group, link)) = self.sync.group.as_mut().zip(self.sync.link.as_mut()) else { return };
        let group_id = group.state.group;
        let Some(alone) = &mut group.snapshots.alone else { return };
        let asked = alone.request.is_some_and(|(connection, _)| connection == link.id);
        if link.stage != Stage::Open || link.log != Some(alone.log) || asked || alone.working {
            return;
        }
        let request = link.request();
        alone.request = Some((link.id, request));
        link.asked.insert(request);
        let after = alone.after;
        self.send_now(&ClientFrame::GetControls { request, group: group_id, after });
    }

    /// Who waits for this answer.
    pub(super) fn answered_alone(&mut self, request: RequestId) -> Option<&mut Alone> {
        let link = self.sync.link.as_mut().filter(|link| link.asked.contains(&request))?;
        let at = (link.id, request);
        let alone = self.sync.group.as_mut()?.snapshots.alone.as_mut().filter(|alone| alone.request == Some(at))?;
        link.asked.remove(&request);
        alone.request = None;
        Some(alone)
    }

    /// All control entries are here.
    pub(super) fn go_on_if_alone(&mut self) {
        if let Some(group) = &mut self.sync.group {
            group.snapshots.alone = None;
        }
        // Another connection is told anew.
        if self.floor().is_some() && !self.go_on_without() {
            self.lacks_a_snapshot();
        }
    }

    /// Goes on from the relay's floor, if nobody else is left; whether it does. A snapshot follows as soon as one can be made.
    pub(super) fn go_on_without(&mut self) -> bool {
        let floor = self.floor().filter(|floor| floor.prefix.is_some()).cloned();
        let Some((group, link)) = self.sync.group.as_mut().zip(self.sync.link.as_mut()) else { return false };
        let alone = group.membership.may_write(&group.me()) && group.others().next().is_none();
        let Some(Floor { at, prefix }) = floor.filter(|floor| alone && group.place.cursor < floor.at) else {
            return false;
        };
        let refill_from = group.place.refill_from;
        group.place = RelayPlace { log: link.log, cursor: at, prefix, refill_from };
        group.snapshots.state.owes = Some(true);
        group.snapshots.changed = true;
        // What the relay acknowledged meanwhile may stand before this place, and will not come by: sent again, it is answered by its place.
        link.sent.clear();
        self.note_covered_entries();
        self.begin_new_place();
        self.write_place();
        self.open_log_after_commit();
        true
    }

    fn floor(&self) -> Option<&Floor> {
        self.sync.link.as_ref().and_then(|link| link.floor.as_ref())
    }

    fn lacks_a_snapshot(&mut self) {
        let failure = unusable("the relay has dropped entries that are not here, and there is no snapshot of them");
        self.lose_link(failure, DisconnectReason::Refused);
    }
}
