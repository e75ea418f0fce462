//! Asking to join a group: this device's own request, from the ticket to the group.
//!
//! The request and the keys that it is made with are in the store before anything is sent. While it waits the connection is the asking device's;
//! a group that this device has alone rests meanwhile. That the device was admitted is not taken from the relay: the group's control
//! entries have to say it, with the key that was asked for. Then the group takes the place of the one before.

use super::batch::Effect;
use super::input::ConnectionId;
use super::link::{Stage, Unfit};
use super::members::{parse_role, role_name};
use super::rows::Missing;
use super::task::Task;
use super::{Machine, keys};
use crate::api::{DisconnectReason, ErrorCode, Event, Failure, OwnRequest, OwnRequestState, Reply};
use crate::crypto::KemSecret;
use crate::group::{
    AskingStand, AskingState, Introduction, Marked, NamePlace, RelayPlace, Secrets, Ticket, request_words,
};
use ashore_protocol::codec::{self, Bytes};
use ashore_protocol::control::Role;
use ashore_protocol::frame::{ClientFrame, FailureCode, Item, RequestId};
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{Cursor, GroupId};
use ashore_protocol::limits::MAX_CONTROL_ENTRIES;
use ashore_protocol::membership::Membership;
use ashore_protocol::request::{AskState, JoinRequest};
use std::collections::{BTreeSet, VecDeque};

/// This device's request.
pub(super) struct Asking {
    pub(super) state: AskingState,
    /// Control entries that came, in the order of the log, and the place of the last.
    proof: Vec<VerifiedEntry>,
    proof_after: Cursor,
    /// On which connection the relay was told that it is taken back.
    took_back_on: Option<ConnectionId>,
    /// Relays that do not know the group.
    unknown_at: BTreeSet<String>,
}

/// The group's control entries say that this device is a member.
pub(super) struct TakeAdmission {
    installed: bool,
    controls: VecDeque<VerifiedEntry>,
}

/// What an app asks for.
pub(super) struct Asked {
    pub(super) ticket: String,
    pub(super) role: Option<String>,
    pub(super) relay: Option<String>,
    pub(super) device_name: Option<String>,
}

impl Asking {
    pub(super) fn new(state: AskingState) -> Self {
        let unknown_at = BTreeSet::new();
        Self { state, proof: Vec::new(), proof_after: Cursor::ZERO, took_back_on: None, unknown_at }
    }

    pub(super) fn is_taken_back(&self) -> bool {
        self.state.stand == AskingStand::Withdrawing
    }

    /// Whether there is something to say to the relay, or to hear from it.
    pub(super) fn is_active(&self) -> bool {
        let waits = matches!(self.state.stand, AskingStand::Pending | AskingStand::Withdrawing);
        waits && !self.state.paused
    }

    fn request(&self) -> Option<JoinRequest> {
        self.state.asks.verify(self.state.group).ok()
    }

    fn shown(&self) -> Option<OwnRequest> {
        let state = match self.state.stand {
            AskingStand::Pending => OwnRequestState::Pending,
            AskingStand::Rejected => OwnRequestState::Rejected,
            AskingStand::Admitted => OwnRequestState::Admitted,
            AskingStand::Refused => OwnRequestState::Refused,
            AskingStand::Withdrawing => return None,
        };
        let request = self.request()?;
        Some(OwnRequest {
            group: self.state.group.to_string(),
            device: request.device.to_string(),
            role: role_name(request.role).to_owned(),
            asked_at: request.asked_at.as_ms(),
            state,
            delivered: self.state.delivered,
            words: self.state.words.clone(),
            code: self.state.code.clone(),
        })
    }
}

impl Machine {
    /// Makes a request and stores it; it is sent when there is a connection.
    pub(super) fn request_to_join(&mut self, asked: Asked) -> Result<Reply, Failure> {
        let Asked { ticket, role, relay, device_name } = asked;
        let ticket = Ticket::parse(&ticket).map_err(|error| Failure::new(ErrorCode::TicketBad, error.to_string()))?;
        let role = role.as_deref().map_or(Ok(ticket.role.unwrap_or(Role::Writer)), parse_role)?;
        if let Some(asking) = &self.sync.asking
            && asking.state.stand == AskingStand::Pending
        {
            // The call may be asked again of an engine that finds it done.
            return if asking.state.group == ticket.group { Ok(self.own_request()) } else { Err(under_way()) };
        }
        self.check_may_ask(&ticket)?;
        match relay {
            None if ticket.relays.len() > 1 => {
                self.set_relays(ticket.relays.clone())?;
                self.take_settings(None, device_name)?;
            }
            relay => self.take_settings(relay.or_else(|| ticket.relays.first().cloned()), device_name)?,
        }
        if self.sync.settings.relay.is_none() {
            return Err(Failure::new(ErrorCode::RelayInvalidAddress, "no relay is set, and the ticket names none"));
        }
        let secrets = Secrets::generate(&mut self.rng);
        let kem = secrets.kem.as_ref().and_then(KemSecret::public);
        let kem = kem.ok_or_else(|| Failure::new(ErrorCode::Internal, "a key could not be made"))?;
        let (group, epoch, device) = (ticket.group, ticket.epoch, secrets.device.device_id());
        let words = request_words(group, device, &kem);
        let mut request = JoinRequest { device, kem, role, asked_at: self.now, epoch, sealed: Bytes::default() };
        let mark = ticket.mark.as_ref().map(|secret| Marked::of(group, &request).mark(secret));
        let said = Introduction { name: self.sync.settings.device_name.clone(), mark };
        let bad_key = || Failure::new(ErrorCode::TicketBad, "the key in the ticket is none");
        let sealed = NamePlace { group, device, epoch }.seal(&said, &ticket.key, &mut self.rng);
        request.sealed = sealed.ok_or_else(bad_key)?.into();
        let asks = request.sign(group, &secrets.device);
        let secrets = secrets.seal(&self.local, &mut self.rng).into();
        let (stand, delivered, paused) = (AskingStand::Pending, false, false);
        let state = AskingState { group, secrets, asks, stand, delivered, paused, words, code: None };
        self.sync.asking = Some(Asking::new(state));
        self.write_asking();
        // The connection proves one device's key, so the asking device takes a connection of its own.
        self.end_link(DisconnectReason::Disabled);
        self.try_now();
        Ok(self.own_request())
    }

    fn check_may_ask(&self, ticket: &Ticket) -> Result<(), Failure> {
        let group = self.sync.group.as_ref();
        if group.is_some_and(|group| group.state.group == ticket.group || group.is_shared()) {
            let message = "this database shares a group with other devices already; forget it first";
            return Err(Failure::new(ErrorCode::GroupAlreadyJoined, message));
        }
        let withdraws = self.sync.asking.as_ref().is_some_and(Asking::is_active);
        if self.sync.joining.is_some() || withdraws { Err(under_way()) } else { Ok(()) }
    }

    /// What this device has asked for, if anything.
    pub(super) fn own_request(&self) -> Reply {
        Reply::OwnRequest { request: self.sync.asking.as_ref().and_then(Asking::shown) }
    }

    /// Takes the request back: here at once, at the relay when there is a connection.
    pub(super) fn withdraw_request(&mut self) {
        let Some(asking) = &mut self.sync.asking else { return };
        match asking.state.stand {
            AskingStand::Withdrawing => {}
            AskingStand::Pending => {
                asking.state.stand = AskingStand::Withdrawing;
                self.write_asking();
                if self.sync.link.as_ref().is_some_and(|link| link.stage == Stage::Waiting) {
                    self.say_what_is_asked();
                }
            }
            AskingStand::Rejected | AskingStand::Admitted | AskingStand::Refused => self.forget_asking(),
        }
    }

    /// Sync was switched off or on.
    pub(super) fn pause_asking(&mut self, paused: bool) {
        if let Some(asking) = self.sync.asking.as_mut().filter(|asking| asking.state.paused != paused) {
            asking.state.paused = paused;
            self.write_asking();
        }
    }

    pub(super) fn forget_asking(&mut self) {
        if self.sync.asking.take().is_some() {
            self.write_asking();
        }
    }

    /// Writes the row, and tells everybody once that is committed.
    fn write_asking(&mut self) {
        let row = self.sync.asking.as_ref().map(|asking| codec::encode(&asking.state).into());
        self.rows.write(&mut self.batch.rows, keys::asking(), row);
        self.batch.strict = true;
        self.batch.event(Event::OwnRequest { request: self.sync.asking.as_ref().and_then(Asking::shown) });
    }

    /// Takes up a request that was there when the database was closed.
    pub(super) fn restore_asking(&mut self, state: AskingState) {
        self.sync.asking = Some(Asking::new(state));
    }

    /// The key of the asking device, while it asks.
    pub(super) fn asking_secrets(&self) -> Option<Secrets> {
        let asking = self.sync.asking.as_ref().filter(|asking| asking.is_active())?;
        Secrets::open(&self.local, asking.state.group, &asking.state.secrets).ok()
    }

    /// The relay knows who we are: it is told what we ask, or that we do not any more.
    pub(super) fn say_what_is_asked(&mut self) {
        let (Some(asking), Some(link)) = (&mut self.sync.asking, &mut self.sync.link) else { return };
        let (group, asks) = (asking.state.group, asking.state.asks.clone());
        let request = link.request();
        link.stage = Stage::Asking(request);
        let frame = match asking.state.stand {
            AskingStand::Withdrawing => {
                asking.took_back_on = Some(link.id);
                ClientFrame::Withdraw { request, group }
            }
            _ => ClientFrame::Ask { request, group, asks },
        };
        self.send_after_commit(&frame);
    }

    pub(super) fn take_ask_state(&mut self, request: RequestId, group: GroupId, state: AskState) {
        let expected = self.sync.link.as_ref().is_some_and(|link| link.stage == Stage::Asking(request));
        if !expected || self.sync.asking.as_ref().is_none_or(|asking| asking.state.group != group) {
            return self.misbehaved("how a request stands that was not asked about");
        }
        self.settle_asking(state);
    }

    /// The relay says unasked how our request was decided.
    pub(super) fn take_decision(&mut self, group: GroupId, state: AskState) {
        let waits = self.sync.link.as_ref().is_some_and(|link| link.stage == Stage::Waiting);
        if waits && self.sync.asking.as_ref().is_some_and(|asking| asking.state.group == group) {
            self.settle_asking(state);
        }
    }

    fn settle_asking(&mut self, said: AskState) {
        let (Some(asking), Some(link)) = (&mut self.sync.asking, &mut self.sync.link) else { return };
        match (asking.state.stand, said) {
            (AskingStand::Pending, AskState::Pending) => {
                link.stage = Stage::Waiting;
                self.sync.last_error = None;
                if !std::mem::replace(&mut asking.state.delivered, true) {
                    self.write_asking();
                }
            }
            (AskingStand::Pending, AskState::Rejected) => self.end_asking(AskingStand::Rejected, None),
            (AskingStand::Pending, AskState::Admitted) => self.ask_for_proof(),
            (AskingStand::Withdrawing, AskState::Withdrawn | AskState::Admitted | AskState::Rejected) => {
                self.forget_asking();
                self.free_link();
            }
            // It was taken back while the relay was told of it.
            (AskingStand::Withdrawing, AskState::Pending) if asking.took_back_on != Some(link.id) => {
                self.say_what_is_asked();
            }
            _ => self.misbehaved("that a request stands as it cannot"),
        }
    }

    /// It is decided, and the keys that it was made with are of no use any more.
    fn end_asking(&mut self, stand: AskingStand, code: Option<FailureCode>) {
        if let Some(asking) = &mut self.sync.asking {
            asking.state.stand = stand;
            asking.state.secrets = Bytes::default();
            asking.state.code = code.map(|code| code.as_str().to_owned());
            asking.proof = Vec::new();
        }
        self.write_asking();
        self.free_link();
    }

    /// The connection was the asking device's; whoever this device is besides takes another.
    fn free_link(&mut self) {
        self.end_link(DisconnectReason::Disabled);
        self.forget_faults();
        self.try_now();
    }

    /// The relay refused what the asking device said.
    pub(super) fn asking_refused(&mut self, code: FailureCode, failure: Failure, retry_after_ms: Option<u32>) {
        let relays = self.sync.settings.relays();
        let Some(asking) = &mut self.sync.asking else { return };
        if code == FailureCode::UnknownGroup {
            asking.unknown_at.extend(self.sync.settings.relay.clone());
        }
        // A relay that had it and lost the group is given the group again by its members; and of several another may have it.
        let elsewhere = asking.state.delivered || relays.iter().any(|relay| !asking.unknown_at.contains(relay));
        let may_pass = failure.retry || elsewhere && code == FailureCode::UnknownGroup;
        match asking.state.stand {
            AskingStand::Withdrawing if !failure.retry => {
                self.forget_asking();
                self.free_link();
            }
            AskingStand::Pending if !may_pass => self.end_asking(AskingStand::Refused, Some(code)),
            _ => self.refused(failure, retry_after_ms),
        }
    }

    /// By the relay's word this device is a member. The group's control entries have to say it.
    fn ask_for_proof(&mut self) {
        if let Some(asking) = &mut self.sync.asking {
            (asking.proof, asking.proof_after) = (Vec::new(), Cursor::ZERO);
        }
        self.ask_for_more_proof();
    }

    fn ask_for_more_proof(&mut self) {
        let (Some(asking), Some(link)) = (&self.sync.asking, &mut self.sync.link) else { return };
        let request = link.request();
        link.stage = Stage::Proving(request);
        let frame = ClientFrame::GetControls { request, group: asking.state.group, after: asking.proof_after };
        self.send_now(&frame);
    }

    /// Whether these control entries are those that were asked for as proof; takes them if they are.
    pub(super) fn proof_came(&mut self, request: RequestId, group: GroupId, items: &[Item], more: bool) -> bool {
        if self.sync.link.as_ref().is_none_or(|link| link.stage != Stage::Proving(request)) {
            return false;
        }
        let Some(asking) = self.sync.asking.as_mut().filter(|asking| asking.state.group == group) else { return true };
        let proven = match asking.gather(items) {
            Ok(()) if more && !items.is_empty() => None,
            Ok(()) => Some(asking.is_proven()),
            Err(unfit) => {
                self.take_nothing_of(&unfit);
                return true;
            }
        };
        match proven {
            None => self.ask_for_more_proof(),
            Some(true) => {
                let controls = std::mem::take(&mut asking.proof).into();
                self.tasks.push_back(Task::TakeAdmission(TakeAdmission { installed: false, controls }));
            }
            Some(false) => {
                self.misbehaved("that this device was admitted, which the group's control entries do not say")
            }
        }
        true
    }

    /// The group takes the place of the one before, with who is in it. The log is read from its start then.
    pub(super) fn take_admission(&mut self, task: &mut TakeAdmission) -> Result<(), Missing> {
        if !task.installed {
            let pending = self.sync.asking.as_ref().filter(|asking| asking.state.stand == AskingStand::Pending);
            let Some((group, secrets)) = pending.map(|asking| asking.state.group).zip(self.asking_secrets()) else {
                // It was taken back meanwhile.
                self.free_link();
                return Ok(());
            };
            self.seal_draft();
            let state = self.group_state(group, &secrets, 0);
            self.install_group(state, secrets);
            if let Some(group) = &mut self.sync.group {
                group.stored = RelayPlace::default();
            }
            if let Some(asking) = &mut self.sync.asking {
                asking.state.stand = AskingStand::Admitted;
                asking.state.secrets = Bytes::default();
            }
            self.sync.settings.enabled = true;
            self.sync.settings.last_synced_at = None;
            self.write_settings();
            self.write_asking();
            self.batch.effects.push(Effect::Switched);
            task.installed = true;
        }
        while let Some(entry) = task.controls.front() {
            if !self.settle_control(entry)? {
                return Ok(());
            }
            task.controls.pop_front();
        }
        // Opening starts at the beginning of the log, where nothing rests on this commit.
        self.open_log();
        Ok(())
    }
}

impl Asking {
    /// Takes control entries in: each verified, of the group, and behind those before it.
    fn gather(&mut self, items: &[Item]) -> Result<(), Unfit> {
        for item in items {
            let Item::Entry { cursor, bytes } = item else {
                return Err(Unfit::Other("something else than a control entry"));
            };
            if *cursor <= self.proof_after || self.proof.len() >= MAX_CONTROL_ENTRIES {
                return Err(Unfit::Other("control entries out of order, or too many"));
            }
            let entry = VerifiedEntry::decode(bytes)?;
            if entry.group() != self.state.group || !entry.kind().is_control() {
                return Err(Unfit::Other("an entry that is no control entry of the group"));
            }
            self.proof_after = *cursor;
            self.proof.push(entry);
        }
        Ok(())
    }

    /// Whether this device is a member with the key that it asked with.
    fn is_proven(&self) -> bool {
        let Some(request) = self.request() else { return false };
        let membership = Membership::resolve(self.state.group, &self.proof).membership;
        membership.member(&request.device).is_some_and(|member| member.kem.as_ref() == Some(&request.kem))
    }
}

fn under_way() -> Failure {
    Failure::new(ErrorCode::RequestInvalid, "another join is under way; withdraw it first")
}
