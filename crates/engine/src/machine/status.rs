//! Where sync stands, worked out from what is committed and what the relay has said; told whenever it differs.

use super::Machine;
use super::link::Stage;
use super::sync::Wait;
use crate::api::{DocumentState, ErrorCode, Event, Failure, Outcome, Reply, SyncState, SyncStatus};
use crate::document::state::DocumentRowRef;
use crate::group::Announced;
use crate::store::RowValue;
use crate::store::keys::value_key;

/// The time of the last sync is kept when the one that is kept is older than this.
const TIME_OF_SYNC_MS: u64 = 60_000;

impl Machine {
    /// Tells everybody where sync stands if that differs from what they were told last, and answers who waited for it.
    pub(super) fn tell_status(&mut self) {
        let mut status = self.status();
        if status.state == SyncState::Synced {
            self.sync.told_fault = None;
            if self.is_newly_synced() {
                self.sync.settings.last_synced_at = Some(self.now);
                status.last_synced_at = Some(self.now.as_ms());
            }
        }
        if self.sync.told.as_ref() != Some(&status) {
            self.sync.told = Some(status.clone());
            self.tell(Event::Status { status });
        }
        self.answer_waiters();
    }

    /// Keeps when everything came to be in step, to the minute: who starts without a network knows that it has been.
    pub(super) fn keep_time_of_sync(&mut self) {
        let kept = self.sync.kept_synced_at;
        let old = kept.is_none_or(|kept| kept > self.now || self.now.ms_since(kept) >= TIME_OF_SYNC_MS);
        if old && self.is_newly_synced() {
            self.sync.settings.last_synced_at = Some(self.now);
            self.write_settings();
        }
    }

    fn is_newly_synced(&self) -> bool {
        let told = self.sync.told.as_ref().is_some_and(|told| told.state == SyncState::Synced);
        !told && self.state() == SyncState::Synced
    }

    pub(super) fn status(&self) -> SyncStatus {
        let sync = &self.sync;
        let group = sync.group.as_ref();
        SyncStatus {
            state: self.state(),
            enabled: sync.settings.enabled,
            relay: sync.settings.relay.clone(),
            connected: self.link_is_open(),
            pending: self.pending(),
            cursor: group.map_or(0, |group| group.stored.cursor.get()),
            head: sync.link.as_ref().map_or(0, |link| link.head.get()),
            group: group.map(|group| group.state.group.to_string()),
            device: group.map(|group| group.secrets.device.device_id().to_string()),
            last_synced_at: sync.settings.last_synced_at.map(|at| at.as_ms()),
            last_error: self.last_error(),
            retry_at: if sync.link.is_none() && sync.wants_connection() {
                sync.retry_at.map(|at| at.as_ms())
            } else {
                None
            },
            quarantined: group.map_or(0, |group| group.quarantine.len() as u64),
            removed: self.is_removed(),
            remote: group.is_none() && sync.settings.remote == Some(true),
        }
    }

    fn state(&self) -> SyncState {
        let sync = &self.sync;
        if !sync.settings.enabled || sync.group.is_none() {
            return SyncState::Offline;
        }
        if self.last_error().is_some() {
            return SyncState::Failed;
        }
        if !self.link_is_open() {
            return SyncState::Offline;
        }
        if self.in_step() { SyncState::Synced } else { SyncState::Pending }
    }

    /// Why sync does not go on. To have been removed comes before all else.
    fn last_error(&self) -> Option<Failure> {
        let removed = self.is_removed().then(super::members::removed);
        removed.or_else(|| self.sync.last_error.clone()).or_else(|| self.held_back())
    }

    /// What this device had not sent when it became a reader waits until it may write again.
    fn held_back(&self) -> Option<Failure> {
        let group = self.sync.group.as_ref().filter(|_| self.only_reads())?;
        let waits = group.outbox.values().any(|waiting| waiting.author.is_none() && waiting.changes > 0);
        let message = "this device is a reader now: what it had not sent waits until it may write again";
        waits.then(|| Failure::new(ErrorCode::GroupNotAllowed, message))
    }

    /// Everything here is at the relay, and everything at the relay is here.
    pub(super) fn in_step(&self) -> bool {
        self.has_read_all() && self.pending() == 0 && !self.owes_snapshot()
    }

    /// Everything that the log has is here.
    pub(super) fn has_read_all(&self) -> bool {
        let (Some(group), Some(link)) = (&self.sync.group, &self.sync.link) else { return false };
        let fetched = link.caught_up
            && group.stored.cursor == link.head
            && group.stored.refill_from.is_none()
            && group.snapshots.taking.is_none()
            && group.retry.is_empty()
            && group.settling == 0;
        matches!(link.stage, Stage::Open) && fetched
    }

    pub(super) fn link_is_open(&self) -> bool {
        self.sync.link.as_ref().is_some_and(|link| matches!(link.stage, Stage::Open))
    }

    /// Changes that are committed here and not acknowledged. Documents that have yet to be announced count as one.
    pub(super) fn pending(&self) -> u64 {
        let Some(group) = &self.sync.group else { return 0 };
        // What a reader has of its own stays with it.
        let own =
            if self.only_reads() { 0 } else { u64::from(group.announced != Announced::All) + u64::from(group.behind) };
        group.outbox.pending() + own
    }

    /// Where one document stands; `None` when rows are missing.
    pub(super) fn document_state(&mut self, collection: &str, id: &str) -> Result<DocumentState, super::rows::Missing> {
        let key = value_key(collection, id);
        let row = self.rows.one(&key)?;
        let Some(RowValue::Present(bytes)) = row else { return Ok(DocumentState::Missing) };
        let Ok(row) = DocumentRowRef::decode(&bytes) else { return Ok(DocumentState::Missing) };
        if row.parts.is_some() && row.heads.is_empty() && !row.deleted {
            return Ok(DocumentState::Local);
        }
        let waits = match &self.sync.group {
            None => true,
            Some(group) => {
                let announced = |range: &Option<(Vec<u8>, Vec<u8>)>| {
                    range
                        .as_ref()
                        .is_some_and(|(first, last)| first.as_slice() <= &key[..] && &key[..] <= last.as_slice())
                };
                group.outbox.contains_key(&row.sent_with)
                    || self.is_behind(row.sent_with)
                    || !group.announced.covers(&key)
                    || group.outbox.values().any(|waiting| announced(&waiting.announces))
                    || self.rows.is_uncommitted(&key)
            }
        };
        Ok(match (waits, self.state()) {
            (false, _) => DocumentState::Synced,
            (true, SyncState::Failed) => DocumentState::Failed,
            (true, SyncState::Offline) => DocumentState::Offline,
            (true, SyncState::Pending | SyncState::Synced) => DocumentState::Pending,
        })
    }

    /// Answers the calls that waited for where sync stands now.
    fn answer_waiters(&mut self) {
        if self.sync.waiters.is_empty() {
            return;
        }
        let (pending, in_step) = (self.pending(), self.in_step() && !self.has_uncommitted());
        let (pushed_now, pulled_now) = (self.sync.pushed, self.sync.pulled);
        let confirmed = self.sync.link.as_ref().is_some_and(|link| link.pull.is_none());
        let told = self.status();
        let mut answers = Vec::new();
        self.sync.waiters.retain(|waiter| {
            let reply = match &waiter.what {
                Wait::Flush if pending == 0 => Reply::Flushed { pending },
                Wait::Now { pushed, pulled, asked: true } if in_step && confirmed => {
                    Reply::Synced { pushed: pushed_now - pushed, pulled: pulled_now - pulled }
                }
                Wait::Ready if told.last_synced_at.is_some() && told.group.is_some() => {
                    Reply::Status { status: told.clone() }
                }
                Wait::Flush | Wait::Now { .. } | Wait::Invite { .. } | Wait::Join => return true,
                Wait::Snapshot | Wait::Requests { .. } | Wait::Envelope { .. } | Wait::Ready => return true,
            };
            answers.push((waiter.client.clone(), waiter.call, reply));
            false
        });
        for (client, call, reply) in answers {
            self.answer_now(&client, call, Outcome::Ok(reply));
        }
    }

    /// Fails the calls that wait for something that this failure prevents.
    pub(super) fn fail_waiters(&mut self, failure: &Failure, which: impl Fn(&Wait) -> bool) {
        let waiters = std::mem::take(&mut self.sync.waiters);
        let (failed, kept): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|waiter| which(&waiter.what));
        self.sync.waiters = kept;
        for waiter in failed {
            self.answer_now(&waiter.client, waiter.call, Outcome::Failed(failure.clone()));
        }
    }
}
