//! Envelopes of recoveries: put by an admin, given to whoever has the token. Wrong tokens make the next try wait, longer each time, by place and by
//! network address.

use super::admission::Peer;
use super::store::{Envelope, LogStore};
use super::{ConnectionId, Mailbox, Problem, Refused};
use crate::envelope::{EnvelopeToken, PasswordHint};
use crate::frame::{FailureCode, RelayFrame, RequestId};
use crate::hash;
use crate::ids::{DeviceId, EntryId, EnvelopePlace, GroupId, Timestamp};
use crate::limits::{MAX_ENVELOPE_BYTES, MAX_GROUP_ENVELOPES};
use std::collections::BTreeMap;

/// Wrong tokens for one place before the next has to wait.
const FREE_AT_A_PLACE: u32 = 5;
/// Wrong tokens from one network address before the next has to wait: many people may share one.
const FREE_FROM_AN_ADDRESS: u32 = 20;
/// The first wait, doubled with each wrong token up to the longest.
const FIRST_WAIT_MS: u64 = 60_000;
const LONGEST_WAIT_MS: u64 = 6 * 3_600_000;
/// After so long without a wrong token they are forgotten.
const FORGOTTEN_AFTER_MS: u64 = 24 * 3_600_000;
/// How many places and addresses are counted; beyond that those with the oldest wrong token are forgotten.
const MAX_COUNTED: usize = 10_000;

const SECRET_CONTEXT: &str = "ashore 2026-11 hint secret v1";
const SALT_CONTEXT: &str = "ashore 2026-11 made up salt v1";

/// Wrong tokens in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tries {
    /// How many.
    pub wrong: u32,
    /// When the last came.
    pub last: Timestamp,
}

impl Tries {
    /// How long the next has to wait, if so many are free.
    fn wait_ms(self, free: u32, now: Timestamp) -> Option<u32> {
        let over = self.lately(now).wrong.checked_sub(free)?;
        let whole = (FIRST_WAIT_MS << over.min(16)).min(LONGEST_WAIT_MS);
        let left = whole.saturating_sub(now.ms_since(self.last));
        u32::try_from(left).ok().filter(|left| *left > 0)
    }

    fn and_one(self, now: Timestamp) -> Self {
        Self { wrong: self.lately(now).wrong.saturating_add(1), last: now }
    }

    fn lately(self, now: Timestamp) -> Self {
        if now.ms_since(self.last) >= FORGOTTEN_AFTER_MS { Self::default() } else { self }
    }
}

/// Wrong tokens from network addresses, and for hidden places where nothing lies: those must not be told from the others.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    peers: BTreeMap<Peer, Tries>,
    places: BTreeMap<EnvelopePlace, Tries>,
}

fn count<K: Ord + Copy>(counted: &mut BTreeMap<K, Tries>, key: K, now: Timestamp) {
    if counted.len() >= MAX_COUNTED && !counted.contains_key(&key) {
        let oldest = counted.iter().min_by_key(|(_, tries)| tries.last).map(|(key, _)| *key);
        oldest.map(|oldest| counted.remove(&oldest));
    }
    let tries = counted.entry(key).or_default();
    *tries = tries.and_one(now);
}

impl<S: LogStore> Mailbox<S> {
    pub(super) fn put_envelope(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        place: EnvelopePlace,
        mut envelope: Envelope,
    ) -> Result<(), Problem<S::Error>> {
        self.admin_of(envelope.group, &device)?;
        if envelope.sealed.len() > MAX_ENVELOPE_BYTES {
            return Err(FailureCode::RecoveryTooLarge.into());
        }
        if !self.is_open(envelope.group, &envelope.recovery)? {
            return Err(FailureCode::RecoveryClosed.into());
        }
        self.may_guess(conn, now)?;
        let there = self.store.envelope(&place).map_err(Problem::Store)?;
        match there {
            Some(there) if there.group != envelope.group || there.hidden != envelope.hidden => {
                self.guessed_wrong(conn, now);
                return Err(FailureCode::RecoveryPlaceTaken.into());
            }
            // Who guesses does not get more tries because the password is changed.
            Some(there) => envelope.tries = there.tries,
            None => self.check_room(envelope.group)?,
        }
        self.store.put_envelope(&place, &envelope).map_err(Problem::Store)?;
        self.send(conn, &RelayFrame::EnvelopePut { request });
        Ok(())
    }

    pub(super) fn give_hint(
        &mut self,
        conn: ConnectionId,
        request: RequestId,
        place: EnvelopePlace,
        hidden: bool,
    ) -> Result<(), Problem<S::Error>> {
        let there = self.envelope_at(place, hidden)?.and_then(|envelope| envelope.hint);
        let hint = match there {
            Some(hint) => hint,
            None if hidden => self.made_up(place)?,
            None => return Err(FailureCode::RecoveryNotFound.into()),
        };
        self.send(conn, &RelayFrame::Hint { request, hint });
        Ok(())
    }

    pub(super) fn open_envelope(
        &mut self,
        conn: ConnectionId,
        now: Timestamp,
        request: RequestId,
        (place, hidden): (EnvelopePlace, bool),
        token: &EnvelopeToken,
    ) -> Result<(), Problem<S::Error>> {
        self.may_guess(conn, now)?;
        let there = self.envelope_at(place, hidden)?;
        let nothing = || self.guesses.places.get(&place).copied().unwrap_or_default();
        let tries = there.as_ref().map_or_else(nothing, |envelope| envelope.tries);
        wait_for(tries.wait_ms(FREE_AT_A_PLACE, now))?;
        let Some(mut envelope) = there else {
            self.guessed_wrong(conn, now);
            if !hidden {
                return Err(FailureCode::RecoveryNotFound.into());
            }
            count(&mut self.guesses.places, place, now);
            return Err(FailureCode::RecoveryRefused.into());
        };
        // Both sides are hashes: how far they agree tells nothing of the token.
        if token.verifier() != envelope.verifier {
            envelope.tries = tries.and_one(now);
            self.store.put_envelope(&place, &envelope).map_err(Problem::Store)?;
            self.guessed_wrong(conn, now);
            return Err(FailureCode::RecoveryRefused.into());
        }
        if !self.is_open(envelope.group, &envelope.recovery)? {
            return Err(FailureCode::RecoveryClosed.into());
        }
        if tries != Tries::default() {
            envelope.tries = Tries::default();
            self.store.put_envelope(&place, &envelope).map_err(Problem::Store)?;
        }
        self.send(conn, &RelayFrame::Envelope { request, sealed: envelope.sealed });
        Ok(())
    }

    pub(super) fn drop_envelope(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        request: RequestId,
        group: GroupId,
        place: EnvelopePlace,
    ) -> Result<(), Problem<S::Error>> {
        self.admin_of(group, &device)?;
        let there = self.store.envelope(&place).map_err(Problem::Store)?;
        // What lies there may be another's by now: nobody closes a recovery by this.
        if let Some(envelope) = there.filter(|envelope| envelope.group == group)
            && !self.is_open(group, &envelope.recovery)?
        {
            self.store.remove_envelope(&place).map_err(Problem::Store)?;
        }
        self.send(conn, &RelayFrame::EnvelopeDropped { request });
        Ok(())
    }

    fn envelope_at(&self, place: EnvelopePlace, hidden: bool) -> Result<Option<Envelope>, Problem<S::Error>> {
        let there = self.store.envelope(&place).map_err(Problem::Store)?;
        Ok(there.filter(|envelope| envelope.hidden == hidden))
    }

    fn is_open(&mut self, group: GroupId, recovery: &EntryId) -> Result<bool, Problem<S::Error>> {
        let Some(group) = self.group(group)? else { return Ok(false) };
        Ok(group.membership.invite_in(recovery).is_some_and(|invite| invite.recovers && !invite.closed))
    }

    /// Drops the group's envelopes that nobody is given any more, and refuses one too many.
    fn check_room(&mut self, group: GroupId) -> Result<(), Problem<S::Error>> {
        let mut left = 0;
        for (place, recovery) in self.store.envelopes_of(&group).map_err(Problem::Store)? {
            if self.is_open(group, &recovery)? {
                left += 1;
            } else {
                self.store.remove_envelope(&place).map_err(Problem::Store)?;
            }
        }
        if left < MAX_GROUP_ENVELOPES { Ok(()) } else { Err(FailureCode::TooManyRecoveries.into()) }
    }

    /// The hint of a hidden place where nothing lies: the same each time, also after the relay was started again.
    fn made_up(&mut self, place: EnvelopePlace) -> Result<PasswordHint, Problem<S::Error>> {
        let secret = match self.store.hint_secret().map_err(Problem::Store)? {
            Some(secret) => secret,
            None => {
                let secret = hash::derive(SECRET_CONTEXT, &self.seed);
                self.store.put_hint_secret(secret).map_err(Problem::Store)?;
                secret
            }
        };
        let [salt @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            hash::derive(SALT_CONTEXT, &[secret, place.0].concat());
        Ok(PasswordHint { memory_kib: PasswordHint::MEMORY_KIB, passes: PasswordHint::PASSES, salt })
    }

    fn peer(&self, conn: ConnectionId) -> Option<Peer> {
        self.connections.get(&conn).and_then(|connection| connection.peer)
    }

    fn may_guess(&self, conn: ConnectionId, now: Timestamp) -> Result<(), Problem<S::Error>> {
        let tries = self.peer(conn).and_then(|peer| self.guesses.peers.get(&peer)).copied().unwrap_or_default();
        wait_for(tries.wait_ms(FREE_FROM_AN_ADDRESS, now))
    }

    fn guessed_wrong(&mut self, conn: ConnectionId, now: Timestamp) {
        if let Some(peer) = self.peer(conn) {
            count(&mut self.guesses.peers, peer, now);
        }
    }
}

fn wait_for<E>(wait_ms: Option<u32>) -> Result<(), Problem<E>> {
    let Some(retry_after_ms) = wait_ms else { return Ok(()) };
    let code = FailureCode::TooManyAttempts;
    Err(Problem::Refused(Refused { code, entry: None, retry_after_ms: Some(retry_after_ms), close: false }))
}
