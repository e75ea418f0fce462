//! Requests to join: kept for the admins until one says yes, by a control entry, or no; then the device that asked is told.

use super::store::{LogStore, StoredRequest};
use super::{ConnectionId, Mailbox, Problem, Refused};
use crate::frame::{FailureCode, RelayFrame, RequestId};
use crate::ids::{DeviceId, GroupId, Timestamp};
use crate::request::{AskState, MAX_GROUP_REQUESTS, SignedRequest};

/// How long a request is kept, and how long it is remembered that one was rejected: 30 days.
const KEEP_MS: u64 = 30 * 24 * 3_600_000;

/// How many rejected requests of one group are remembered; beyond that the earliest are forgotten.
const MAX_REJECTED: usize = MAX_GROUP_REQUESTS;

impl<S: LogStore> Mailbox<S> {
    pub(super) fn ask(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        group: GroupId,
        asks: SignedRequest,
    ) -> Result<(), Problem<S::Error>> {
        let membership = &self.group(group)?.ok_or(FailureCode::UnknownGroup)?.membership;
        if membership.member(&device).is_some() {
            self.send(conn, &RelayFrame::AskState { request, group, state: AskState::Admitted });
            return Ok(());
        }
        if membership.gone(&device).is_some() {
            return Err(FailureCode::Removed.into());
        }
        let known = self.join_requests(group, now)?;
        let before = known.iter().find(|known| known.device == device);
        let state = match before {
            // A device that was turned away does not come back under the same key.
            Some(StoredRequest { is_rejected: true, .. }) => AskState::Rejected,
            Some(before) if before.asks == asks => AskState::Pending,
            _ => {
                let waiting = known.iter().filter(|known| !known.is_rejected && known.device != device).count();
                self.keep_request(conn, device, now, group, asks, waiting)?;
                AskState::Pending
            }
        };
        self.send(conn, &RelayFrame::AskState { request, group, state });
        Ok(())
    }

    /// A new request, or another one of the same device.
    fn keep_request(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        group: GroupId,
        asks: SignedRequest,
        waiting: usize,
    ) -> Result<(), Problem<S::Error>> {
        let peer = self.connections.get(&conn).and_then(|connection| connection.peer);
        self.admission.may_ask(peer, now).map_err(|wait| {
            let code = FailureCode::TooManyAttempts;
            Problem::Refused(Refused { code, entry: None, retry_after_ms: Some(wait.0), close: false })
        })?;
        self.admission.asked(peer, now);
        if asks.verify(group).ok().is_none_or(|request| request.device != device) {
            return Err(FailureCode::BadJoinRequest.into());
        }
        if waiting >= MAX_GROUP_REQUESTS {
            return Err(FailureCode::TooManyJoinRequests.into());
        }
        let stored = StoredRequest { device, asks, came_at: now, is_rejected: false };
        self.store.put_join_request(&group, &stored).map_err(Problem::Store)?;
        self.tell_admins(group)
    }

    pub(super) fn list_requests(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        group: GroupId,
    ) -> Result<(), Problem<S::Error>> {
        self.admin_of(group, &device)?;
        let waiting = self.join_requests(group, now)?.into_iter().filter(|known| !known.is_rejected);
        // One that could be put fits; so many always do, unless the frames of this relay are unusually small.
        let mut room = self.config.limits.max_page_bytes as usize;
        let fits = |known: &StoredRequest| {
            let size = known.asks.request.len() + 128;
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        let waiting = waiting.take_while(fits).map(|known| known.asks).collect();
        self.send(conn, &RelayFrame::Requests { request, group, waiting });
        Ok(())
    }

    pub(super) fn reject(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        group: GroupId,
        asker: DeviceId,
    ) -> Result<(), Problem<S::Error>> {
        self.admin_of(group, &device)?;
        let known = self.join_requests(group, now)?;
        let Some(asked) = known.iter().find(|known| known.device == asker && !known.is_rejected) else {
            return Err(FailureCode::JoinRequestNotFound.into());
        };
        let rejected = StoredRequest { came_at: now, is_rejected: true, ..asked.clone() };
        self.store.put_join_request(&group, &rejected).map_err(Problem::Store)?;
        let earlier: Vec<DeviceId> = known.iter().filter(|known| known.is_rejected).map(|known| known.device).collect();
        let surplus = (earlier.len() + 1).saturating_sub(MAX_REJECTED);
        for forgotten in earlier.iter().take(surplus) {
            self.store.remove_join_request(&group, forgotten).map_err(Problem::Store)?;
        }
        self.list_requests(conn, device, now, request, group)?;
        self.tell_asker(group, &asker, AskState::Rejected);
        self.tell_admins(group)
    }

    pub(super) fn withdraw(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        group: GroupId,
    ) -> Result<(), Problem<S::Error>> {
        let is_member = self.group(group)?.is_some_and(|group| group.membership.member(&device).is_some());
        let waits = self.join_requests(group, now)?.iter().any(|known| known.device == device && !known.is_rejected);
        if waits {
            self.store.remove_join_request(&group, &device).map_err(Problem::Store)?;
        }
        let state = if is_member { AskState::Admitted } else { AskState::Withdrawn };
        self.send(conn, &RelayFrame::AskState { request, group, state });
        if waits { self.tell_admins(group) } else { Ok(()) }
    }

    /// The members have changed: requests of those who are members now are answered.
    pub(super) fn settle_requests(&mut self, group: GroupId, now: Timestamp) -> Result<(), Problem<S::Error>> {
        let mut admitted = Vec::new();
        for known in self.join_requests(group, now)? {
            let Some(group) = self.group(group)? else { return Ok(()) };
            if group.membership.member(&known.device).is_some() {
                admitted.push(known.device);
            }
        }
        for device in &admitted {
            self.store.remove_join_request(&group, device).map_err(Problem::Store)?;
            self.tell_asker(group, device, AskState::Admitted);
        }
        if admitted.is_empty() { Ok(()) } else { self.tell_admins(group) }
    }

    /// An admin has opened the group: it hears at once when somebody waits.
    pub(super) fn tell_of_requests(
        &mut self,
        conn: ConnectionId,
        device: &DeviceId,
        now: Timestamp,
        group: GroupId,
    ) -> Result<(), Problem<S::Error>> {
        let leads = self.group(group)?.is_some_and(|group| group.membership.may_admit(device));
        if leads && self.join_requests(group, now)?.iter().any(|known| !known.is_rejected) {
            self.send(conn, &RelayFrame::Asked { group });
        }
        Ok(())
    }

    pub(super) fn forget_old_requests(&mut self, now: Timestamp) -> Result<(), S::Error> {
        self.store.remove_join_requests_before(Timestamp::from_ms(now.as_ms().saturating_sub(KEEP_MS)))
    }

    /// The requests of a group that are not too old, rejected ones too, the earliest first.
    fn join_requests(&self, group: GroupId, now: Timestamp) -> Result<Vec<StoredRequest>, Problem<S::Error>> {
        let mut known = self.store.join_requests(&group).map_err(Problem::Store)?;
        known.retain(|known| now.ms_since(known.came_at) <= KEEP_MS);
        Ok(known)
    }

    fn tell_admins(&mut self, group: GroupId) -> Result<(), Problem<S::Error>> {
        let followers = self.followers.get(&group).cloned().unwrap_or_default();
        for conn in followers {
            let device = self.connections.get(&conn).and_then(|connection| connection.device);
            let known = self.group(group)?;
            if device.is_some_and(|device| known.is_some_and(|group| group.membership.may_admit(&device))) {
                self.send(conn, &RelayFrame::Asked { group });
            }
        }
        Ok(())
    }

    fn tell_asker(&mut self, group: GroupId, asker: &DeviceId, state: AskState) {
        let is_askers = |(_, connection): &(&ConnectionId, &super::Connection)| connection.device == Some(*asker);
        let conns: Vec<ConnectionId> = self.connections.iter().filter(is_askers).map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.send(conn, &RelayFrame::Decided { group, state });
        }
    }
}
