//! Whispers: sealed words that go on to whoever has the group open just now, and are kept nowhere.

use super::store::LogStore;
use super::{ConnectionId, Mailbox, Problem, Refused};
use crate::codec::{self, Bytes};
use crate::frame::{FailureCode, RelayFrame};
use crate::ids::{DeviceId, Epoch, GroupId, Timestamp};
use crate::limits::MAX_WHISPER_BYTES;
use std::sync::Arc;

/// Who whispers too much is told so at most this often, in milliseconds.
const TELL_AGAIN_MS: u64 = 10_000;

/// How much one connection may whisper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhisperLimits {
    /// Whispers a second, in the long run; 0 forwards none.
    pub per_second: u32,
    /// Whispers at once, after a rest.
    pub burst: u32,
}

impl Default for WhisperLimits {
    fn default() -> Self {
        Self { per_second: 30, burst: 90 }
    }
}

/// What a connection has left to whisper. Counts in thousandths of a whisper, so that each millisecond adds a whole number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    left: u64,
    filled_at: Option<Timestamp>,
    told_at: Option<Timestamp>,
}

const ONE: u64 = 1_000;

impl Bucket {
    /// Takes one whisper out, if there is one.
    fn take(&mut self, limits: WhisperLimits, now: Timestamp) -> bool {
        let full = u64::from(limits.burst) * ONE;
        self.left = match self.filled_at {
            None => full,
            Some(at) => {
                let added = now.ms_since(at).saturating_mul(u64::from(limits.per_second));
                self.left.saturating_add(added).min(full)
            }
        };
        self.filled_at = Some(now);
        let enough = self.left >= ONE && limits.per_second > 0;
        if enough {
            self.left -= ONE;
        }
        enough
    }

    /// Whether the connection is to be told that something was dropped.
    fn tells(&mut self, now: Timestamp) -> bool {
        let due = self.told_at.is_none_or(|at| now.ms_since(at) >= TELL_AGAIN_MS || at > now);
        if due {
            self.told_at = Some(now);
        }
        due
    }
}

impl<S: LogStore> Mailbox<S> {
    /// Hands a whisper on. It begins no transaction: nothing of it is stored.
    pub(super) fn whisper(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        group: GroupId,
        epoch: Epoch,
        sealed: Bytes,
    ) -> Result<(), Problem<S::Error>> {
        if sealed.len() > MAX_WHISPER_BYTES {
            return Err(FailureCode::WhisperTooLarge.into());
        }
        let limits = self.config.whispers;
        let Some(connection) = self.connections.get_mut(&conn) else { return Ok(()) };
        if !connection.following.contains_key(&group) {
            return Err(FailureCode::NotOpen.into());
        }
        if !connection.whispers.take(limits, now) {
            return if connection.whispers.tells(now) { Err(too_many(limits)) } else { Ok(()) };
        }
        let hearers = self.hearers(conn, &device, group)?;
        if hearers.is_empty() {
            return Ok(());
        }
        let bytes: Arc<[u8]> = codec::encode(&RelayFrame::Whispered { group, from: device, epoch, sealed }).into();
        for hearer in hearers {
            self.send_bytes(hearer, Arc::clone(&bytes));
        }
        Ok(())
    }

    /// The other connections of members that follow the group live. Who is behind with entries gets those first.
    fn hearers(
        &mut self,
        from: ConnectionId,
        device: &DeviceId,
        group: GroupId,
    ) -> Result<Vec<ConnectionId>, Problem<S::Error>> {
        let max_pending = self.config.limits.max_pending_bytes as usize;
        let others: Vec<(ConnectionId, DeviceId)> = self
            .followers
            .get(&group)
            .into_iter()
            .flatten()
            .filter(|conn| **conn != from)
            .filter_map(|conn| {
                let connection = self.connections.get(conn)?;
                let live = connection.following.get(&group)?.live && connection.pending_bytes <= max_pending;
                connection.device.filter(|_| live).map(|device| (*conn, device))
            })
            .collect();
        let known = self.group(group)?.ok_or(FailureCode::UnknownGroup)?;
        if !known.membership.may_read(device) {
            return Err(FailureCode::NotAMember.into());
        }
        Ok(others.into_iter().filter(|(_, device)| known.membership.may_read(device)).map(|(conn, _)| conn).collect())
    }
}

fn too_many<E>(limits: WhisperLimits) -> Problem<E> {
    let wait_ms = 1_000u32.checked_div(limits.per_second);
    let code = FailureCode::TooManyWhispers;
    Problem::Refused(Refused { code, entry: None, retry_after_ms: wait_ms, close: false })
}
