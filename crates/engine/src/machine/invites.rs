//! Making an invite, and joining by one.
//!
//! The maker puts a control entry with a fresh key into the group and leaves the sealed invitation at the relay. Whoever takes
//! it signs a join with that key. The present group stays until the relay has acknowledged the join; then the new one takes
//! its place and everything that is here is announced to it.

use super::batch::Effect;
use super::input::ConnectionId;
use super::link::Stage;
use super::members::{parse_role, refused};
use super::sync::{Group, Joining, PendingInvite, Wait, Waiter};
use super::task::Task;
use super::{Machine, keys};
use crate::api::{DisconnectReason, ErrorCode, Failure, Outcome, Reply};
use crate::crypto::{KemSecret, Key as SecretKey};
use crate::group::{Announced, GroupState, Invitation, InviteNote, JoiningState, ProfilePayload, RelayPlace, Secrets};
use crate::store::Key;
use crate::time::Timestamp;
use ashore_protocol::codec::encode;
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::frame::{ClientFrame, RequestId};
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{Epoch, GroupId};
use ashore_protocol::invite::InviteCode;
use ashore_protocol::limits::MAX_INVITE_USES;
use ashore_protocol::sign::SigningKey;

/// How long a call waits for the relay while an invite is made or taken.
const RELAY_WAIT_MS: u64 = 15_000;
/// How long an invite opens at the least and at the most, in seconds.
const TTL_SECONDS: std::ops::RangeInclusive<u64> = 1..=31 * 24 * 3_600;

impl Machine {
    /// Founds a group with this device as its only member.
    pub(super) fn found_group(&mut self) -> Result<(), Failure> {
        let mut secrets = Secrets::generate(&mut self.rng);
        let key = SecretKey::random(&mut self.rng);
        let device = secrets.device.device_id();
        let kem = secrets.kem.as_ref().and_then(KemSecret::public);
        let profile = ProfilePayload::of(self.sync.settings.device_name.clone());
        let sealed = profile.seal(&key, &device, &mut self.rng).into();
        let genesis = Control::Genesis { created_at: self.now, nonce: self.rng.bytes(), sealed, kem };
        let entry = genesis.sign(&secrets.device, None, [], Epoch(0)).map_err(|error| internal(&error))?;
        secrets.epochs.insert(Epoch(0), entry.id(), key);
        let state = self.group_state(entry.group(), &secrets, 0);
        self.install_group(state, secrets);
        if let Some(group) = &mut self.sync.group {
            group.membership.apply(&entry).map_err(|error| internal(&error))?;
        }
        self.store_own(&entry, 0, None);
        self.look_at_membership();
        Ok(())
    }

    pub(super) fn group_state(&mut self, group: GroupId, secrets: &Secrets, epoch: u32) -> GroupState {
        let before = self.sync.group.as_ref().map(|group| &group.state);
        let generation = before.map_or(self.next_generation, |state| state.generation + 1);
        let next_sequence = before.map_or(self.next_sequence, |state| state.next_sequence);
        GroupState {
            group,
            generation,
            epoch: Epoch(epoch),
            secrets: secrets.seal(&self.local, &mut self.rng).into(),
            announced: Announced::Through(vec![]),
            tips: vec![],
            next_sequence,
            join: None,
            behind: None,
            told_anew: None,
            announced_at: None,
            put_aside: None,
        }
    }

    /// Makes this the present group; its state is written with the batch.
    pub(super) fn install_group(&mut self, state: GroupState, secrets: Secrets) {
        self.sync.sweep_below = Some(state.generation);
        self.sync.group = Some(Group::new(state, secrets));
        self.forget_group_to_do();
        // Before anything comes from the group.
        self.tasks.push_back(Task::LookForDocuments(None));
        self.batch.group_changed = true;
        // Keys that others rely on must not go with the power.
        self.batch.strict = true;
    }

    pub(super) fn secrets_of(&self, state: &GroupState) -> Option<Secrets> {
        Secrets::open(&self.local, state.group, &state.secrets).ok()
    }

    /// The answer comes when the invitation lies at the relay.
    pub(super) fn create_invite(&mut self, client: &str, call: u64, asked: AskedInvite) -> Result<(), Failure> {
        self.need_role(Role::Admin)?;
        self.need_network()?;
        let Terms { role, uses, expires_at } = asked.terms(self.now)?;
        let code = InviteCode::from_random(self.rng.bytes());
        let invite_seed: [u8; 32] = self.rng.bytes();
        let (id, rotation, key) = {
            let group = self.sync.group.as_ref().ok_or_else(sync_disabled)?;
            let (_, key) = group.sealing().ok_or_else(lacks_the_key)?;
            let rotation = group.membership.rotation().ok_or_else(lacks_the_key)?;
            (group.state.group, (rotation.epoch, rotation.entry), key.clone())
        };
        let (epoch, begun_by) = rotation;
        let note = InviteNote { place: code.place(), marks: None }.seal(&key, &mut self.rng).into();
        let invite_key = SigningKey::from_seed(&invite_seed).invite_key();
        let entry = self.sign_control(&Control::Invite { invite_key, role, expires_at, uses, sealed: note })?;
        let (invite, epoch_key) = (entry.id(), *key.expose());
        let begun_by = Some(begun_by);
        let invitation = Invitation { group: id, invite, invite_seed, epoch: epoch.0, epoch_key, expires_at, begun_by };
        let sealed = invitation.seal(&code, &mut self.rng);
        let link_base = asked.link_base;
        let invite = PendingInvite { code, entry: entry.id(), sealed, expires_at, uses, link_base, request: None };
        let deadline = self.now.plus_ms(RELAY_WAIT_MS);
        let what = Wait::Invite { invite: Box::new(invite) };
        self.sync.waiters.push(Waiter { client: client.to_owned(), call, deadline, what });
        Ok(())
    }

    /// Inviting and joining need the relay: where the host says that there is no network they fail at once.
    pub(super) fn need_network(&self) -> Result<(), Failure> {
        let offline = || Failure::new(ErrorCode::SyncOffline, "there is no network");
        if self.sync.offline { Err(offline()) } else { Ok(()) }
    }

    /// Signs a control entry, applies it and puts it into the outbox.
    pub(super) fn sign_control(&mut self, control: &Control) -> Result<VerifiedEntry, Failure> {
        self.sign_control_with(control, |_, _| {})
    }

    /// The same; `then` takes note of what goes with it, before anything else looks at it.
    pub(super) fn sign_control_with(
        &mut self,
        control: &Control,
        then: impl FnOnce(&mut Group, &VerifiedEntry),
    ) -> Result<VerifiedEntry, Failure> {
        self.seal_draft();
        let group = self.sync.group.as_mut().ok_or_else(sync_disabled)?;
        let (id, epoch, parents) = (group.state.group, group.state.epoch, group.parents(true));
        let entry = control.sign(&group.secrets.device, Some(id), parents, epoch).map_err(|error| internal(&error))?;
        group.membership.apply(&entry).map_err(|refusal| refused(&refusal))?;
        then(group, &entry);
        self.send_vain_parents(&entry);
        self.store_own(&entry, 0, None);
        self.take_control(&entry);
        self.batch.strict = true;
        Ok(entry)
    }

    /// Leaves invitations at the relay once their control entries are there.
    pub(super) fn put_invitations(&mut self) {
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return };
        if link.stage != Stage::Open {
            return;
        }
        let mut frames = Vec::new();
        for waiter in &mut self.sync.waiters {
            let Wait::Invite { invite } = &mut waiter.what else { continue };
            let waits = group.outbox.values().any(|waiting| waiting.id == invite.entry);
            if invite.request.is_some() || waits || self.committing.is_some() || !self.batch.rows.is_empty() {
                continue;
            }
            let request = link.request();
            invite.request = Some((link.id, request));
            let (place, expires_at, sealed) = (invite.code.place(), invite.expires_at, invite.sealed.clone().into());
            // What a relay of before did not know is left out where it says nothing.
            let (group, uses) = (group.state.group, Some(invite.uses).filter(|uses| *uses > 1));
            frames.push(ClientFrame::PutInvite { request, group, place, expires_at, sealed, uses });
        }
        for frame in frames {
            self.send_now(&frame);
        }
    }

    /// The relay keeps the invitation.
    pub(super) fn invite_lies(&mut self, request: RequestId) {
        let Some(waiter) = self.take_invite_waiter(request) else { return };
        let Wait::Invite { invite } = waiter.what else { return };
        let link = invite.code.link(invite.link_base.as_deref().unwrap_or("ashore:"));
        let reply = Reply::Invite {
            id: invite.entry.to_string(),
            short_code: invite.code.to_string(),
            qr_code: super::qr::svg_data_url(&link),
            link,
            expires_at: invite.expires_at.as_ms(),
        };
        self.answer_now(&waiter.client, waiter.call, Outcome::Ok(reply));
    }

    /// The relay refused an invitation; `false` when the request was about something else.
    pub(super) fn invite_refused(&mut self, request: RequestId, failure: &Failure) -> bool {
        let Some(waiter) = self.take_invite_waiter(request) else { return false };
        self.answer_now(&waiter.client, waiter.call, Outcome::Failed(failure.clone()));
        true
    }

    fn take_invite_waiter(&mut self, request: RequestId) -> Option<Waiter> {
        let connection: ConnectionId = self.sync.link.as_ref()?.id;
        let wanted = |waiter: &Waiter| matches!(&waiter.what, Wait::Invite { invite } if invite.request == Some((connection, request)));
        let at = self.sync.waiters.iter().position(wanted)?;
        Some(self.sync.waiters.remove(at))
    }

    /// The answer comes when the relay has taken the join.
    pub(super) fn join_invite(&mut self, client: &str, call: u64, invite: &str) -> Result<(), Failure> {
        let code =
            InviteCode::parse(invite).map_err(|error| Failure::new(ErrorCode::InviteBadCode, error.to_string()))?;
        self.check_may_join()?;
        let secrets = Secrets::generate(&mut self.rng);
        self.begin_joining(client, call, Joining::Taking { code, secrets }, RELAY_WAIT_MS);
        Ok(())
    }

    /// Whether this database may come into another group than it is in.
    pub(super) fn check_may_join(&self) -> Result<(), Failure> {
        if self.sync.group.as_ref().is_some_and(Group::is_shared) {
            let message = "this database shares a group with other devices already; forget it first";
            return Err(Failure::new(ErrorCode::GroupAlreadyJoined, message));
        }
        let asks = self.sync.asking.as_ref().is_some_and(super::asking::Asking::is_active);
        if self.sync.joining.is_some() || asks {
            return Err(Failure::new(ErrorCode::RequestInvalid, "another join is under way"));
        }
        if self.sync.settings.relay.is_none() {
            return Err(Failure::new(ErrorCode::RelayInvalidAddress, "no relay is set"));
        }
        self.need_network()
    }

    pub(super) fn begin_joining(&mut self, client: &str, call: u64, joining: Joining, wait_ms: u64) {
        self.sync.joining = Some(joining);
        let deadline = self.now.plus_ms(wait_ms);
        self.sync.waiters.push(Waiter { client: client.to_owned(), call, deadline, what: Wait::Join });
        // The connection proves one device's key, so the joining device takes a connection of its own.
        self.end_link(DisconnectReason::Disabled);
        self.try_now();
    }

    pub(super) fn take_invite(&mut self) {
        let (Some(Joining::Taking { code, .. }), Some(link)) = (&self.sync.joining, &mut self.sync.link) else {
            return;
        };
        let request = link.request();
        link.stage = Stage::Taking(request);
        let frame = ClientFrame::TakeInvite { request, place: code.place() };
        self.send_now(&frame);
    }

    /// The invitation is here: the join is signed and stored, then sent.
    pub(super) fn take_invitation(&mut self, request: RequestId, sealed: &[u8], _relay_says_expires_at: Timestamp) {
        let expected = self.sync.link.as_ref().is_some_and(|link| link.stage == Stage::Taking(request));
        if !expected {
            return self.misbehaved("an invitation that was not asked for");
        }
        let Some(Joining::Taking { code, mut secrets }) = self.sync.joining.take() else { return };
        let invitation = match Invitation::open(&code, sealed) {
            Ok(invitation) => invitation,
            Err(_) => return self.join_over(&Failure::new(ErrorCode::InviteBadCode, "the invitation does not open")),
        };
        if invitation.expires_at < self.now {
            return self.join_over(&Failure::new(ErrorCode::InviteExpired, "the invite has expired"));
        }
        let begun_by = invitation.begun_by.unwrap_or(invitation.group.into());
        secrets.epochs.insert(Epoch(invitation.epoch), begun_by, SecretKey::new(invitation.epoch_key));
        self.join_with(&invitation, &secrets);
    }

    /// The join is signed and stored, then sent.
    pub(super) fn join_with(&mut self, invitation: &Invitation, secrets: &Secrets) {
        match self.sign_join(invitation, secrets) {
            Ok(join) => {
                let mut next = self.group_state(invitation.group, secrets, invitation.epoch);
                next.tips = vec![];
                let state = JoiningState { next, join: join.encoded().into() };
                let row = encode(&state);
                self.rows.write(&mut self.batch.rows, keys::joining(), Some(row.into()));
                self.batch.strict = true;
                self.sync.joining = Some(Joining::Appending { state });
                self.append_join();
            }
            Err(failure) => self.join_over(&failure),
        }
    }

    fn sign_join(&mut self, invitation: &Invitation, secrets: &Secrets) -> Result<VerifiedEntry, Failure> {
        let device = secrets.device.device_id();
        let (group, invite, joined_at) = (invitation.group, invitation.invite, self.now);
        let claim = JoinProof { group, device, invite, joined_at };
        let proof = claim.sign(&SigningKey::from_seed(&invitation.invite_seed));
        let profile = ProfilePayload::of(self.sync.settings.device_name.clone());
        let sealed = profile.seal(&SecretKey::new(invitation.epoch_key), &device, &mut self.rng).into();
        let kem = secrets.kem.as_ref().and_then(KemSecret::public);
        let join = Control::Join { invite, joined_at, proof, sealed, kem };
        join.sign(&secrets.device, Some(group), [invite], Epoch(invitation.epoch)).map_err(|error| internal(&error))
    }

    /// Sends the join once it is in the store.
    pub(super) fn append_join(&mut self) {
        let (Some(Joining::Appending { state, .. }), Some(link)) = (&self.sync.joining, &mut self.sync.link) else {
            return;
        };
        let request = link.request();
        link.stage = Stage::Joining(request);
        let frame = ClientFrame::Append { request, group: state.next.group, entries: vec![state.join.clone()] };
        self.send_after_commit(&frame);
    }

    pub(super) fn join_acknowledged(&mut self, group: GroupId) {
        let expected =
            matches!(&self.sync.joining, Some(Joining::Appending { state, .. }) if state.next.group == group);
        if expected {
            self.tasks.push_back(Task::Switch);
        } else {
            self.misbehaved("an acknowledgement of another join");
        }
    }

    /// The relay has taken the join: the new group takes the place of the one before.
    pub(super) fn switch_group(&mut self) -> Result<(), super::rows::Missing> {
        let Some(Joining::Appending { state, .. }) = self.sync.joining.take() else { return Ok(()) };
        let JoiningState { mut next, join } = state;
        next.join = Some(join);
        let Some(secrets) = self.secrets_of(&next) else { return Ok(()) };
        self.seal_draft();
        // Entries may have been written to the group before while the join was under way.
        let before = self.sync.group.as_ref().map(|group| (group.state.generation, group.state.next_sequence));
        if let Some((generation, sequence)) = before {
            next.generation = next.generation.max(generation + 1);
            next.next_sequence = next.next_sequence.max(sequence);
        }
        let group_id = next.group.to_string();
        self.install_group(next, secrets);
        if let Some(group) = &mut self.sync.group {
            group.stored = RelayPlace::default();
        }
        self.sync.settings.enabled = true;
        self.sync.settings.last_synced_at = None;
        self.write_settings();
        self.rows.write(&mut self.batch.rows, keys::joining(), None);
        self.forget_asking();
        self.batch.effects.push(Effect::Switched);
        let waiters = std::mem::take(&mut self.sync.waiters);
        let (joins, kept): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|waiter| matches!(waiter.what, Wait::Join));
        self.sync.waiters = kept;
        for waiter in joins {
            let outcome = Outcome::Ok(Reply::Joined { group: group_id.clone() });
            self.answer_after_commit(&waiter.client, waiter.call, outcome);
        }
        // Opening starts at the beginning of the log, where nothing rests on this commit.
        self.open_log();
        Ok(())
    }

    /// The relay has no invitation for us.
    pub(super) fn taking_failed(&mut self, failure: &Failure) {
        self.sync.joining = None;
        self.join_over(failure);
    }

    /// The relay refuses the join.
    pub(super) fn joining_failed(&mut self, failure: &Failure) {
        if failure.retry {
            return self.lose_link(failure.clone(), DisconnectReason::Refused);
        }
        let failure = self.as_recovery_failure(failure);
        self.sync.joining = None;
        self.rows.write(&mut self.batch.rows, keys::joining(), None);
        self.join_over(&failure);
    }

    /// Nobody waits for the invitation any more: it is not taken later, behind the user's back.
    pub(super) fn give_up_taking(&mut self) {
        if matches!(self.sync.joining, Some(Joining::Taking { .. } | Joining::Recovering { .. })) {
            self.sync.joining = None;
            self.end_link(DisconnectReason::Disabled);
        }
    }

    pub(super) fn join_over(&mut self, failure: &Failure) {
        self.fail_waiters(failure, |wait| matches!(wait, Wait::Join));
        self.end_link(DisconnectReason::Disabled);
        self.try_now();
    }

    /// Takes up a join that was under way when the database was closed.
    pub(super) fn restore_joining(&mut self, state: JoiningState) {
        self.sync.joining = Some(Joining::Appending { state });
    }

    /// Forgets the group, its keys and its entries; documents stay.
    pub(super) fn forget_group(&mut self) {
        self.batch.draft = super::batch::Draft::default();
        self.batch.effects.clear();
        self.sync.dropped.clear();
        if let Some(group) = self.sync.group.take() {
            self.sync.settings.remote = Some(group.open_recoveries().next().is_some());
            self.next_generation = group.state.generation + 1;
            self.next_sequence = group.state.next_sequence;
            self.sync.sweep_below = Some(self.next_generation);
        }
        self.rows.write(&mut self.batch.rows, keys::group(), None);
        self.rows.write(&mut self.batch.rows, keys::joining(), None);
        self.sync.joining = None;
        self.sync.settings.last_synced_at = None;
        self.forget_asking();
        self.write_settings();
    }

    pub(super) fn write_settings(&mut self) {
        self.sync.kept_synced_at = self.sync.settings.last_synced_at;
        let row = super::opening::SettingsRow {
            settings: self.sync.settings.clone(),
            next_generation: self.next_generation,
            next_sequence: self.next_sequence,
            retention: Some(self.vanish.settings).filter(|settings| *settings != Default::default()),
        };
        let key: Key = keys::settings();
        self.rows.write(&mut self.batch.rows, key, Some(encode(&row).into()));
    }
}

/// What an app asks for with an invite.
pub(super) struct AskedInvite {
    pub(super) ttl_seconds: u64,
    pub(super) link_base: Option<String>,
    pub(super) role: Option<String>,
    pub(super) uses: Option<u32>,
}

/// What goes into an invite.
pub(super) struct Terms {
    pub(super) role: Role,
    pub(super) uses: u32,
    pub(super) expires_at: Timestamp,
}

impl AskedInvite {
    pub(super) fn terms(&self, now: Timestamp) -> Result<Terms, Failure> {
        let role = self.role.as_deref().map_or(Ok(Role::Admin), parse_role)?;
        if !TTL_SECONDS.contains(&self.ttl_seconds) {
            return Err(Failure::new(ErrorCode::RequestInvalid, "an invite opens for 1 second to 31 days"));
        }
        let uses = self.uses.unwrap_or(1);
        if !(1..=MAX_INVITE_USES).contains(&uses) {
            let message = format!("an invite is for 1 to {MAX_INVITE_USES} devices");
            return Err(Failure::new(ErrorCode::RequestInvalid, message));
        }
        Ok(Terms { role, uses, expires_at: now.plus_ms(self.ttl_seconds.saturating_mul(1_000)) })
    }
}

pub(super) fn lacks_the_key() -> Failure {
    let message =
        "this device does not have the group's present key yet: an admin's device gives it, once both are online";
    Failure::new(ErrorCode::SyncOffline, message)
}

pub(super) fn sync_disabled() -> Failure {
    Failure::new(ErrorCode::SyncDisabled, "sync is not enabled")
}

pub(super) fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::new(ErrorCode::Internal, error.to_string())
}
