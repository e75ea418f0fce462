//! Making recoveries: a password or 24 words that bring the group back when all devices are lost.
//!
//! The control entry goes into the group first; once the log has it, the sealed envelope is left at the relay, and only then the call is answered and
//! what the new recovery takes the place of is closed. A recovery whose envelope never came to lie anywhere is closed again: nobody waits for it.

mod standing;

use self::standing::TAKEN_AWAY;
use super::Machine;
use super::invites::{internal, lacks_the_key, sync_disabled};
use super::link::Stage;
use super::rows::Missing;
use super::sync::{Group, Wait, Waiter};
use crate::api::{ErrorCode, Failure, Outcome, Passphrase, RecoveryInfo, Reply};
use crate::crypto::password::{PasswordError, PasswordParams, check_password};
use crate::crypto::phrase::RecoveryWords;
use crate::crypto::{KemSecret, WrapError, open, seal};
use crate::group::{
    RecoveryAccess, RecoveryKind, RecoveryKit, RecoveryLocator, RecoveryNote, StoredEnvelope, StoredEnvelopes,
};
use crate::store::RowValue;
use ashore_protocol::codec::{decode, encode};
use ashore_protocol::control::{Control, Role};
use ashore_protocol::envelope::PasswordHint;
use ashore_protocol::frame::{ClientFrame, FailureCode, RequestId};
use ashore_protocol::ids::{DeviceId, EntryId};
use ashore_protocol::keys::Recipient;
use ashore_protocol::sign::SigningKey;
use zeroize::Zeroizing;

/// What a password costs whoever sets or guesses it, for as long as there are envelopes of this version.
pub(super) const COST: PasswordParams =
    PasswordParams { memory_kib: PasswordHint::MEMORY_KIB, passes: PasswordHint::PASSES };

/// How long a call waits for the relay while a recovery is made. Deriving a key takes its time too.
const RELAY_WAIT_MS: u64 = 30_000;
/// Ties the stored envelopes to what they are.
const PURPOSE: &[u8] = b"ashore 1 recovery envelopes";

impl Group {
    /// The recoveries that are open, and who made each, in the order in which they came here.
    pub(super) fn open_recoveries(&self) -> impl Iterator<Item = (EntryId, DeviceId)> {
        let open = |id: &EntryId| {
            let invite = self.membership.invite_in(id).filter(|invite| invite.recovers && !invite.closed)?;
            Some((*id, invite.invited_by))
        };
        self.controls.iter().filter_map(move |(_, id, _)| open(id))
    }

    fn is_open_recovery(&self, id: &EntryId) -> bool {
        self.membership.invite_in(id).is_some_and(|invite| invite.recovers && !invite.closed)
    }

    fn recovery_note(&self, id: &EntryId) -> Option<RecoveryNote> {
        let entry = self.control(id)?;
        let Some(Control::Recovery { sealed: Some(sealed), .. }) = entry.control() else { return None };
        self.secrets.epochs.of(entry.epoch()).find_map(|key| RecoveryNote::open(key, sealed))
    }

    /// The open recoveries of one kind but for this one, with what is known of them.
    fn others_of(&self, kind: RecoveryKind, but: &EntryId) -> Vec<(EntryId, RecoveryNote)> {
        let others = self.open_recoveries().filter(|(id, _)| id != but);
        let noted = others.filter_map(|(id, _)| Some((id, self.recovery_note(&id)?)));
        noted.filter(|(_, note)| note.kind == kind).collect()
    }
}

impl Machine {
    /// The answer comes when the envelope lies at the relay.
    pub(super) fn set_password(
        &mut self,
        client: &str,
        call: u64,
        password: &str,
        locator: Option<&str>,
    ) -> Result<(), Failure> {
        self.may_make_recovery()?;
        check_password(password).map_err(password_failure)?;
        let locator = self.locator_for(locator)?;
        let PasswordParams { memory_kib, passes } = self.recovery_cost;
        let hint = PasswordHint { memory_kib, passes, salt: self.rng.bytes() };
        let access = RecoveryAccess::with_password(&locator, hint, password).map_err(password_failure)?;
        self.make_recovery(client, call, RecoveryKind::Password, &access, (Some(locator.to_text()), None))
    }

    /// The same for words that are made here.
    pub(super) fn create_recovery_phrase(&mut self, client: &str, call: u64) -> Result<(), Failure> {
        self.may_make_recovery()?;
        let words = RecoveryWords::random(&mut self.rng);
        let access = RecoveryAccess::with_words(&words);
        let words = Passphrase::new(words.to_text().as_str());
        self.make_recovery(client, call, RecoveryKind::Phrase, &access, (None, Some(words)))
    }

    fn may_make_recovery(&self) -> Result<(), Failure> {
        self.need_role(Role::Admin)?;
        if !self.sync.settings.enabled {
            return Err(sync_disabled());
        }
        self.need_network()
    }

    /// What was asked for, or what the password was found by before, or a fresh code.
    fn locator_for(&mut self, asked: Option<&str>) -> Result<RecoveryLocator, Failure> {
        if let Some(asked) = asked {
            return match RecoveryLocator::parse(asked) {
                Ok(RecoveryLocator::Name(name)) => Ok(RecoveryLocator::Name(name)),
                // A code that somebody made up is none that nobody guesses.
                Ok(RecoveryLocator::Code(_)) if !self.is_known_locator(asked) => {
                    Err(Failure::new(ErrorCode::RecoveryBadLocator, "this reads as a code, which only Ashore makes"))
                }
                Ok(code) => Ok(code),
                Err(error) => Err(Failure::new(ErrorCode::RecoveryBadLocator, error.to_string())),
            };
        }
        let before = self.password_locators().into_iter().next_back();
        Ok(before.unwrap_or_else(|| RecoveryLocator::random(&mut self.rng)))
    }

    fn is_known_locator(&self, asked: &str) -> bool {
        RecoveryLocator::parse(asked).is_ok_and(|asked| self.password_locators().contains(&asked))
    }

    fn password_locators(&self) -> Vec<RecoveryLocator> {
        let group = self.sync.group.iter();
        let notes = group.flat_map(|group| group.open_recoveries().filter_map(|(id, _)| group.recovery_note(&id)));
        notes.filter_map(|note| RecoveryLocator::parse(&note.locator?).ok()).collect()
    }

    fn make_recovery(
        &mut self,
        client: &str,
        call: u64,
        kind: RecoveryKind,
        access: &RecoveryAccess,
        (locator, words): (Option<String>, Option<Passphrase>),
    ) -> Result<(), Failure> {
        self.gather_keys()?;
        let invite_seed: Zeroizing<[u8; 32]> = Zeroizing::new(self.rng.bytes());
        let kem_seed: Zeroizing<[u8; 32]> = Zeroizing::new(self.rng.bytes());
        let invite_key = SigningKey::from_seed(&invite_seed).invite_key();
        let unusable = || internal(&WrapError);
        let kem = KemSecret::from_seed(&kem_seed).ok().and_then(|secret| secret.public()).ok_or_else(unusable)?;
        let group = self.sync.group.as_ref().ok_or_else(sync_disabled)?;
        let (_, key) = group.sealing().ok_or_else(lacks_the_key)?;
        let rotation = group.membership.rotation().ok_or_else(lacks_the_key)?;
        let (id, key, epoch, begun_by) = (group.state.group, key.clone(), rotation.epoch, rotation.entry);
        // The entry's own id cannot stand in it; its key can.
        let to = Recipient(*invite_key.as_bytes());
        let share = group.wrapping(epoch, group.me()).wrap(to, &kem, &key, &mut self.rng);
        let share = share.map_err(|error| internal(&error))?.into();
        let note = RecoveryNote { kind, place: access.place(), locator: locator.clone() };
        let sealed = Some(note.seal(&key, &mut self.rng).into());
        let recovery = self.sign_control(&Control::Recovery { invite_key, kem, share, sealed })?.id();
        let kit = RecoveryKit {
            group: id,
            recovery,
            invite_seed: *invite_seed,
            kem_seed: *kem_seed,
            epoch: epoch.0,
            epoch_key: *key.expose(),
            begun_by,
        };
        let envelope = access.stored(kind, &kit, &mut self.rng);
        if let Some(group) = &mut self.sync.group {
            group.envelopes.push(envelope);
        }
        self.write_envelopes();
        let reply = Reply::Recovery { id: recovery.to_string(), locator, words };
        let deadline = self.now.plus_ms(RELAY_WAIT_MS);
        let what = Wait::Envelope { recovery, reply: Box::new(reply) };
        self.sync.waiters.push(Waiter { client: client.to_owned(), call, deadline, what });
        Ok(())
    }

    /// Who comes back is given the newest key alone. Where it does not carry all that are here, because another was made at the same time, there has to be
    /// one first that does.
    fn gather_keys(&mut self) -> Result<(), Failure> {
        let group = self.sync.group.as_mut().ok_or_else(sync_disabled)?;
        group.look_at_newest();
        match group.sealing().is_some() && group.newest_lacks_keys() {
            true => self.sign_rotation(None, |rotation| Control::Rotate { rotation }),
            false => Ok(()),
        }
    }

    /// The recoveries that are open, whoever made them.
    pub(super) fn recoveries(&self) -> Reply {
        let Some(group) = &self.sync.group else { return Reply::Recoveries { recoveries: vec![] } };
        let info = |(id, made_by): (EntryId, DeviceId)| {
            let note = group.recovery_note(&id);
            let kind = note.as_ref().map_or("", |note| kind_name(note.kind)).to_owned();
            let locator = note.and_then(|note| note.locator);
            RecoveryInfo { id: id.to_string(), kind, locator, made_by: made_by.to_string() }
        };
        Reply::Recoveries { recoveries: group.open_recoveries().map(info).collect() }
    }

    /// Closes a recovery; the relay is told to take its envelope away.
    pub(super) fn remove_recovery(&mut self, id: &str) -> Result<(), Failure> {
        let group = self.need_role(Role::Admin)?;
        let unknown = || Failure::new(ErrorCode::RecoveryNotFound, "no recovery of this group has this id");
        let recovery: EntryId = id.parse().map_err(|_| unknown())?;
        let known = group.membership.invite_in(&recovery).filter(|invite| invite.recovers).ok_or_else(unknown)?;
        if known.closed {
            return Ok(());
        }
        self.close_recovery(recovery)
    }

    fn close_recovery(&mut self, recovery: EntryId) -> Result<(), Failure> {
        let place = self.sync.group.as_ref().and_then(|group| group.recovery_note(&recovery)).map(|note| note.place);
        self.sign_control(&Control::Revoke { invite: recovery })?;
        let Some(group) = &self.sync.group else { return Ok(()) };
        let left = group.open_recoveries().filter_map(|(id, _)| group.recovery_note(&id));
        let still_used: Vec<_> = left.map(|note| note.place).collect();
        self.sync.dropped.extend(place.filter(|place| !still_used.contains(place)));
        if let Some(group) = &mut self.sync.group {
            group.envelopes.retain(|envelope| envelope.recovery != recovery);
        }
        self.write_envelopes();
        Ok(())
    }

    /// Sees to it that the relay has what it should have of this device's envelopes, and no more.
    pub(super) fn see_to_envelopes(&mut self) {
        if !self.opened {
            return;
        }
        self.give_up_envelopes();
        if self.has_read_all() {
            self.look_at_recoveries();
        }
        self.put_envelopes();
        self.drop_envelopes();
    }

    /// Closes what never came to lie at the relay and nobody waits for: its call failed, or ended with an earlier engine.
    fn give_up_envelopes(&mut self) {
        let Some(group) = &self.sync.group else { return };
        let waited_for = |id: &EntryId| {
            let waits = |waiter: &Waiter| matches!(&waiter.what, Wait::Envelope { recovery, .. } if recovery == id);
            self.sync.waiters.iter().any(waits)
        };
        let never_put = group.envelopes.iter().filter(|envelope| envelope.log.is_none());
        let given_up: Vec<EntryId> = never_put.map(|envelope| envelope.recovery).filter(|id| !waited_for(id)).collect();
        for id in given_up {
            let Some(group) = &mut self.sync.group else { return };
            group.envelopes.retain(|envelope| envelope.recovery != id);
            if group.is_open_recovery(&id) && group.membership.may_admit(&group.me()) {
                // What is refused here does not stand either.
                let _ = self.close_recovery(id);
            }
            self.write_envelopes();
        }
    }

    fn put_envelopes(&mut self) {
        let in_step = self.in_step();
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return };
        if link.stage != Stage::Open || self.committing.is_some() || !self.batch.rows.is_empty() {
            return;
        }
        let mut frames = Vec::new();
        for envelope in &group.envelopes {
            let waits = group.outbox.values().any(|waiting| waiting.id == envelope.recovery);
            let lies = envelope.log.is_some() && envelope.log == link.log;
            let sent = link.envelopes.values().any(|recovery| *recovery == envelope.recovery);
            // Another log is another disk: first it has to have the group again.
            let closed = envelope.log == Some(TAKEN_AWAY) && !group.is_open_recovery(&envelope.recovery);
            if waits || lies || sent || closed || (envelope.log.is_some() && !in_step) {
                continue;
            }
            let request = link.request();
            link.envelopes.insert(request, envelope.recovery);
            frames.push(put_frame(request, group, envelope.clone()));
        }
        for frame in frames {
            self.send_now(&frame);
        }
    }

    fn drop_envelopes(&mut self) {
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return };
        // The relay drops what is closed, so it has to know that first.
        let unsent = group.outbox.values().any(|waiting| waiting.is_new_control);
        if link.stage != Stage::Open || self.committing.is_some() || !self.batch.rows.is_empty() || unsent {
            return;
        }
        let group = group.state.group;
        let mut frames = Vec::new();
        for place in std::mem::take(&mut self.sync.dropped) {
            let request = link.request();
            link.withdrawals.insert(request);
            frames.push(ClientFrame::DropEnvelope { request, group, place });
        }
        for frame in frames {
            self.send_now(&frame);
        }
    }

    /// The relay keeps an envelope: from now on it counts, and what it takes the place of does not.
    pub(super) fn envelope_lies(&mut self, request: RequestId) {
        let Some(link) = &mut self.sync.link else { return };
        let Some(recovery) = link.envelopes.remove(&request) else { return };
        let Some((group, log)) = self.sync.group.as_mut().zip(link.log) else { return };
        let Some(envelope) = group.envelopes.iter_mut().find(|envelope| envelope.recovery == recovery) else { return };
        envelope.log = Some(log);
        group.recoveries_changed = true;
        self.write_envelopes();
        if let Some(waiter) = self.take_envelope_waiter(&recovery)
            && let Wait::Envelope { reply, .. } = waiter.what
        {
            self.answer_after_commit(&waiter.client, waiter.call, Outcome::Ok(*reply));
        }
    }

    /// The relay refused an envelope; `false` when the request was about something else.
    pub(super) fn envelope_refused(&mut self, request: RequestId, code: FailureCode, failure: &Failure) -> bool {
        let link = self.sync.link.as_ref();
        let Some(recovery) = link.and_then(|link| link.envelopes.get(&request).copied()) else { return false };
        let code = match code {
            FailureCode::RecoveryPlaceTaken => Some(ErrorCode::RecoveryBadLocator),
            FailureCode::RecoveryClosed => Some(ErrorCode::RecoveryClosed),
            FailureCode::TooManyAttempts => Some(ErrorCode::RecoveryTooManyAttempts),
            _ => None,
        };
        let failure = code.map_or_else(|| failure.clone(), |code| Failure::new(code, failure.message.clone()));
        if let Some(waiter) = self.take_envelope_waiter(&recovery) {
            self.answer_now(&waiter.client, waiter.call, Outcome::Failed(failure));
        }
        true
    }

    fn take_envelope_waiter(&mut self, of: &EntryId) -> Option<Waiter> {
        let wanted = |waiter: &Waiter| matches!(&waiter.what, Wait::Envelope { recovery, .. } if recovery == of);
        let at = self.sync.waiters.iter().position(wanted)?;
        Some(self.sync.waiters.remove(at))
    }

    /// Keeps those that are open, or may be again. Sealed: a password can be guessed from them.
    fn write_envelopes(&mut self) {
        self.forget_closed_envelopes();
        let Some(group) = &mut self.sync.group else { return };
        let row = StoredEnvelopes { envelopes: group.envelopes.clone() };
        let key = super::keys::envelopes(group.state.generation);
        let sealed = (!row.envelopes.is_empty()).then(|| seal(&self.local, PURPOSE, &encode(&row), &mut self.rng));
        self.rows.write(&mut self.batch.rows, key, sealed.map(Into::into));
    }

    /// Reads them when the database is opened.
    pub(super) fn open_envelopes(&mut self) -> Result<(), Missing> {
        let Some(generation) = self.sync.group.as_ref().map(|group| group.state.generation) else { return Ok(()) };
        let row = self.rows.one(&super::keys::envelopes(generation))?;
        let sealed = row.as_ref().and_then(RowValue::present);
        let plain = sealed.and_then(|sealed| open(&self.local, PURPOSE, sealed).ok());
        let stored = plain.and_then(|plain| decode::<StoredEnvelopes>(&plain).ok()).unwrap_or_default();
        if let Some(group) = &mut self.sync.group {
            group.envelopes = stored.envelopes;
        }
        Ok(())
    }
}

fn put_frame(request: RequestId, group: &Group, envelope: StoredEnvelope) -> ClientFrame {
    let StoredEnvelope { recovery, place, hidden, verifier, sealed, hint, .. } = envelope;
    ClientFrame::PutEnvelope { request, group: group.state.group, recovery, place, hidden, verifier, sealed, hint }
}

fn kind_name(kind: RecoveryKind) -> &'static str {
    match kind {
        RecoveryKind::Password => "password",
        RecoveryKind::Phrase => "phrase",
    }
}

/// What a password is not taken for.
fn password_failure(error: PasswordError) -> Failure {
    let code = match error {
        PasswordError::WeakPassword(_) => ErrorCode::RecoveryWeakPassword,
        _ => ErrorCode::Internal,
    };
    Failure::new(code, error.to_string())
}
