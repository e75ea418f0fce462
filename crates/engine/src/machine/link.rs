//! The connection to the relay: opening it, proving who we are, following the group's log, and trying again.

use super::Machine;
use super::asking::Asking;
use super::input::ConnectionId;
use super::output::Output;
use super::sync::{Joining, Wait};
use super::task::{ReceiveTask, RefillTask, Task};
use crate::api::{DisconnectReason, ErrorCode, Event, Failure, Hint};
use crate::group::RelayPlace;
use crate::time::Timestamp;
use ashore_protocol::frame::{ClientFrame, FailureCode, Item, PageSize, Placed, Received, RelayFrame, RequestId};
use ashore_protocol::handshake;
use ashore_protocol::header::EntryError;
use ashore_protocol::ids::{Cursor, EntryId, GroupId, LogId, LogPrefix};
use ashore_protocol::limits::Limits;
use std::collections::{BTreeMap, BTreeSet};

/// A connection that is not open after this long is given up.
const OPENING_MS: u64 = 15_000;
/// A silent connection is asked whether it lives after this long, and given up after as long again.
const SILENCE_MS: u64 = 20_000;
/// A relay that lives but owes an answer for this long is given up.
const PATIENCE_MS: u64 = 60_000;
/// The first wait after a failed attempt, doubled each time up to the longest, with jitter.
const FIRST_WAIT_MS: u64 = 500;
const LONGEST_WAIT_MS: u64 = 30_000;
/// A relay that refused us or misbehaved is trusted again when a connection has followed the log for this long.
const STEADY_MS: u64 = 10_000;
/// What only an update helps against is asked for again this late, since each time costs a page.
const OUTDATED_WAIT_MS: u64 = 3_600_000;
/// So many answers in a row that bring nothing and say that there is more. An honest relay gives one at most, when a frame comes twice.
const MAX_FRUITLESS: u32 = 8;
/// Bytes that the first page from a log's start may have; the answer to `open` says beside it whether there is a snapshot instead.
const BYTES_BEFORE_A_SNAPSHOT: u32 = 16_384;

/// Up to where a relay has dropped what a snapshot covers, and the log's prefix there, if it told.
#[derive(Clone)]
pub(super) struct Floor {
    pub(super) at: Cursor,
    pub(super) prefix: Option<LogPrefix>,
}

/// One connection.
pub(super) struct Link {
    pub(super) id: ConnectionId,
    pub(super) stage: Stage,
    pub(super) limits: Limits,
    heard_at: Timestamp,
    pinged: bool,
    next_request: u32,
    /// The pull that waits for its page.
    pub(super) pull: Option<RequestId>,
    /// Since when the group's log is followed.
    opened_at: Option<Timestamp>,
    /// Everything up to the head was received, and what follows is pushed.
    pub(super) caught_up: bool,
    pub(super) own_in_full: bool,
    /// Where the next page was asked for because the last was not all, and how often in a row at that very place.
    pulled_on_at: Option<Cursor>,
    fruitless: u32,
    pub(super) log: Option<LogId>,
    pub(super) head: Cursor,
    /// What the relay refused and others name: it is sent behind those.
    pub(super) deferred: BTreeSet<u64>,
    /// The relay has dropped entries up to here.
    pub(super) floor: Option<Floor>,
    /// Requests about snapshots that wait for their answers.
    pub(super) asked: BTreeSet<RequestId>,
    /// Appends that wait for their acknowledgement, with their sizes in bytes.
    pub(super) appends: BTreeMap<RequestId, u64>,
    /// Since when something that was asked has not been answered.
    waiting_since: Option<Timestamp>,
    /// What of the outbox was sent on this connection, by sequence number.
    pub(super) sent: BTreeSet<u64>,
    /// The relay served the log only up to our removal, which our own entries undo: once it has them, the rest is asked for.
    pub(super) cut_short: bool,
    /// Withdrawals of invitations that were sent: how they end does not matter.
    pub(super) withdrawals: BTreeSet<RequestId>,
    /// Envelopes that were sent: the recoveries they are of.
    pub(super) envelopes: BTreeMap<RequestId, EntryId>,
    /// The relay refused an append: nothing more is sent on this connection until this time.
    pub(super) hold_sends_until: Option<Timestamp>,
    /// The relay refused what rests on a control entry of ours that waits behind it: those go before all others.
    pub(super) controls_first: bool,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The transport is opening it.
    Connecting,
    /// The relay's challenge is awaited, then its welcome.
    Greeting,
    /// Accepted; nothing to follow yet.
    Welcome,
    /// The invitation is being fetched.
    Taking(RequestId),
    /// The envelope of a recovery, or what it takes to open it, is being fetched.
    Recovering(RequestId),
    /// The join waits for its acknowledgement.
    Joining(RequestId),
    /// The relay is told what we ask.
    Asking(RequestId),
    /// The relay has our request: an admin's answer is awaited.
    Waiting,
    /// The group's control entries are to prove that we were admitted.
    Proving(RequestId),
    /// The relay does not know the group: its control entries are being appended.
    Creating(RequestId),
    /// The group's log is being opened.
    Opening(RequestId),
    /// The group's log is followed.
    Open,
}

impl Link {
    fn new(id: ConnectionId, now: Timestamp) -> Self {
        Self {
            id,
            stage: Stage::Connecting,
            limits: Limits::default(),
            heard_at: now,
            pinged: false,
            next_request: 0,
            pull: None,
            opened_at: None,
            caught_up: false,
            own_in_full: false,
            pulled_on_at: None,
            fruitless: 0,
            log: None,
            head: Cursor::ZERO,
            deferred: BTreeSet::new(),
            floor: None,
            asked: BTreeSet::new(),
            appends: BTreeMap::new(),
            waiting_since: None,
            sent: BTreeSet::new(),
            cut_short: false,
            withdrawals: BTreeSet::new(),
            envelopes: BTreeMap::new(),
            hold_sends_until: None,
            controls_first: false,
        }
    }

    pub(super) fn request(&mut self) -> RequestId {
        self.next_request = self.next_request.wrapping_add(1);
        RequestId(self.next_request)
    }

    /// The number of the request that was made last.
    pub(super) fn last_request(&self) -> RequestId {
        RequestId(self.next_request)
    }

    pub(super) fn deadline(&self) -> Timestamp {
        let patience = self.waiting_since.map(|since| since.plus_ms(PATIENCE_MS));
        let silence = match self.stage {
            Stage::Connecting | Stage::Greeting => self.heard_at.plus_ms(OPENING_MS),
            _ if self.pinged => self.heard_at.plus_ms(2 * SILENCE_MS),
            _ => self.heard_at.plus_ms(SILENCE_MS),
        };
        [self.hold_sends_until, patience].into_iter().flatten().fold(silence, Timestamp::min)
    }

    /// Bytes of appends that are not acknowledged.
    pub(super) fn bytes_in_flight(&self) -> u64 {
        self.appends.values().sum()
    }

    /// Whether the relay owes an answer.
    fn waits(&self) -> bool {
        !matches!(self.stage, Stage::Open | Stage::Welcome | Stage::Waiting)
            || self.pull.is_some()
            || !self.appends.is_empty()
            || !self.asked.is_empty()
    }

    /// Whether everything is in step and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.caught_up && !self.waits()
    }

    fn was_steady(&self, now: Timestamp) -> bool {
        self.opened_at.is_some_and(|opened| now.ms_since(opened) >= STEADY_MS)
    }

    fn page(&self) -> PageSize {
        PageSize { own_in_full: self.own_in_full, ..PageSize::default() }
    }

    /// The page that comes with the answer to `open`. At a log's start it is small: a snapshot may be there instead of all it begins.
    fn first_page(&self, cursor: Cursor) -> PageSize {
        let page = self.page();
        if cursor > Cursor::ZERO { page } else { PageSize { max_bytes: BYTES_BEFORE_A_SNAPSHOT, ..page } }
    }
}

impl Machine {
    /// Does what is due, and connects when there should be a connection.
    pub(super) fn on_time(&mut self) {
        self.expire_waiters();
        self.check_silence();
        self.ask_for_safety();
        self.return_to_first_relay();
        self.look_in();
        self.connect_if_due();
    }

    /// Asks the relay for news when it has been silent for the interval that the app set: a push may have been lost.
    fn ask_for_safety(&mut self) {
        if !self.sync.asks_for_safety() {
            self.sync.safety_at = None;
            return;
        }
        // A shorter interval holds at once, and a clock that was set back must not make the wait longer.
        let next = self.now.plus_ms(self.sync.settings.interval_ms());
        let due = self.sync.safety_at.map_or(next, |at| at.min(next));
        self.sync.safety_at = Some(due);
        if due > self.now {
            return;
        }
        self.sync.safety_at = Some(next);
        let idle = self.sync.link.as_ref().is_some_and(|link| link.caught_up && link.pull.is_none());
        if idle {
            self.pull();
        }
    }

    /// Ends a connection that nobody wants: the app syncs only when it asks.
    pub(super) fn leave_if_unwanted(&mut self) {
        if self.sync.link.is_some() && self.sync.settings.enabled && !self.sync.wants_connection() {
            // What is being said to others is answered first, or it would be said again each time.
            if self.sync.group.as_ref().is_some_and(|group| group.seen.waits_for_answer()) {
                return;
            }
            self.end_link(DisconnectReason::Disabled);
            self.tell_status();
        }
    }

    /// Connects when there should be a connection and the wait is over.
    pub(super) fn connect_if_due(&mut self) {
        // A clock that was set back must not make the wait longer than it was.
        let longest = self.now.plus_ms(self.sync.wait_ms);
        self.sync.retry_at = self.sync.retry_at.map(|at| at.min(longest));
        let due = self.sync.retry_at.is_none_or(|at| at <= self.now);
        let open = self.opened && matches!(self.phase, super::Phase::Open);
        if open && self.sync.link.is_none() && self.sync.wants_connection() && due {
            self.connect();
        }
    }

    fn expire_waiters(&mut self) {
        let now = self.now;
        let pending = self.pending();
        let waiters = std::mem::take(&mut self.sync.waiters);
        let (expired, kept): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|waiter| waiter.deadline <= now);
        self.sync.waiters = kept;
        for waiter in expired {
            let outcome = match waiter.what {
                Wait::Flush => crate::api::Outcome::Ok(crate::api::Reply::Flushed { pending }),
                Wait::Now { .. }
                | Wait::Invite { .. }
                | Wait::Join
                | Wait::Snapshot
                | Wait::Requests { .. }
                | Wait::Envelope { .. }
                | Wait::Ready => crate::api::Outcome::Failed(self.why_not_yet()),
            };
            if matches!(waiter.what, Wait::Join) {
                self.give_up_taking();
            }
            self.answer_now(&waiter.client, waiter.call, outcome);
        }
    }

    fn why_not_yet(&self) -> Failure {
        match &self.sync.last_error {
            Some(failure) => failure.clone(),
            None if self.link_is_open() => Failure::new(ErrorCode::RequestTimedOut, "the relay did not answer in time"),
            None => Failure::new(ErrorCode::SyncOffline, "there is no connection to the relay"),
        }
    }

    fn check_silence(&mut self) {
        let now = self.now;
        let Some(link) = &mut self.sync.link else { return };
        if link.hold_sends_until.is_some_and(|until| until <= now) {
            link.hold_sends_until = None;
        }
        // A clock that was set back must not keep a dead connection.
        link.heard_at = link.heard_at.min(now);
        let silent_ms = now.ms_since(link.heard_at);
        link.waiting_since =
            if link.waits() { Some(link.waiting_since.map_or(now, |since| since.min(now))) } else { None };
        if link.waiting_since.is_some_and(|since| now.ms_since(since) >= PATIENCE_MS) {
            return self.lose_link(unreachable("the relay owes an answer"), DisconnectReason::Lost);
        }
        match link.stage {
            Stage::Connecting | Stage::Greeting if silent_ms >= OPENING_MS => {
                self.lose_link(unreachable("the relay did not answer"), DisconnectReason::Lost);
            }
            Stage::Connecting | Stage::Greeting => {}
            _ if silent_ms >= 2 * SILENCE_MS => {
                self.lose_link(unreachable("the relay fell silent"), DisconnectReason::Lost);
            }
            _ if silent_ms >= SILENCE_MS && !link.pinged => {
                link.pinged = true;
                self.send_now(&ClientFrame::Ping { number: 0 });
            }
            _ => {}
        }
    }

    fn connect(&mut self) {
        if !self.turn_to_relay() {
            return;
        }
        let Some(address) = self.sync.settings.relay.clone() else { return };
        self.sync.next_connection += 1;
        let connection = self.sync.next_connection;
        self.sync.link = Some(Link::new(connection, self.now));
        self.outputs.push_back(Output::Connect { connection, address });
    }

    /// Tries at once, whatever the wait was.
    pub(super) fn try_now(&mut self) {
        self.sync.attempts = 0;
        self.sync.retry_at = None;
    }

    pub(super) fn take_hint(&mut self, hint: Hint) {
        match hint {
            Hint::Online | Hint::Foreground => {
                // Coming to the front says nothing about the network: only a connection does.
                self.sync.offline &= hint == Hint::Foreground;
                self.try_now();
                let stale = self.sync.link.as_ref().is_some_and(|link| self.now.ms_since(link.heard_at) > 2_000);
                if stale {
                    self.send_now(&ClientFrame::Ping { number: 0 });
                }
            }
            Hint::Offline => {
                self.sync.offline = true;
                if self.sync.link.is_some() {
                    self.end_link(DisconnectReason::Offline);
                }
                self.forget_faults();
                self.wait(LONGEST_WAIT_MS);
            }
        }
    }

    pub(super) fn link_opened(&mut self, connection: ConnectionId) {
        let now = self.now;
        if let Some(link) = self.sync.link.as_mut().filter(|link| link.id == connection) {
            link.stage = Stage::Greeting;
            link.heard_at = now;
            self.sync.offline = false;
        }
    }

    pub(super) fn link_closed(&mut self, connection: ConnectionId, reason: &str) {
        if self.sync.link.as_ref().is_some_and(|link| link.id == connection) {
            self.sync.link.as_mut().map(|link| link.id = 0).unwrap_or_default();
            self.lose_link(unreachable(reason), DisconnectReason::Lost);
        }
    }

    /// Drops the connection without a word to anybody: the machine stops.
    pub(super) fn drop_link(&mut self) {
        if let Some(link) = self.sync.link.take() {
            self.outputs.push_back(Output::Disconnect { connection: link.id });
        }
    }

    /// Ends the connection; the next attempt is not due because of it.
    pub(super) fn end_link(&mut self, reason: DisconnectReason) {
        if reason == DisconnectReason::Disabled {
            self.say_goodbye();
        }
        let Some(link) = self.sync.link.take() else { return };
        if link.id != 0 {
            self.outputs.push_back(Output::Disconnect { connection: link.id });
        }
        for waiter in &mut self.sync.waiters {
            match &mut waiter.what {
                Wait::Now { asked, .. } => *asked = false,
                Wait::Invite { invite } => invite.request = None,
                Wait::Requests { request, .. } => *request = None,
                Wait::Flush | Wait::Join | Wait::Snapshot | Wait::Envelope { .. } | Wait::Ready => {}
            }
        }
        if matches!(link.stage, Stage::Open) {
            self.tell(Event::Disconnected { reason });
        }
    }

    /// The next attempt to connect is due after this long.
    fn wait(&mut self, wait_ms: u64) {
        self.sync.wait_ms = wait_ms;
        self.sync.retry_at = Some(self.now.plus_ms(wait_ms));
    }

    /// The connection failed: it is tried again, later each time.
    pub(super) fn lose_link(&mut self, failure: Failure, reason: DisconnectReason) {
        if self.sync.link.as_ref().is_some_and(|link| link.was_steady(self.now)) {
            self.sync.attempts = 0;
            self.sync.distrusted = false;
        }
        let answered =
            matches!(reason, DisconnectReason::Misbehaved | DisconnectReason::Refused | DisconnectReason::Outdated);
        self.sync.distrusted |= answered;
        if answered && self.sync.looking_in.under_way {
            self.end_looking_in();
        }
        self.end_link(reason);
        self.sync.attempts = self.sync.attempts.saturating_add(1);
        let longest = (FIRST_WAIT_MS << self.sync.attempts.min(10).saturating_sub(1)).min(LONGEST_WAIT_MS);
        let wait_ms = longest / 2 + self.rng.below(longest / 2 + 1);
        self.wait(wait_ms);
        self.consider_next_relay();
        if !self.sync.offline {
            self.note_fault(failure);
        }
    }

    /// Says in the status why sync fails, and tells it once: until everything is in step again, or something else fails.
    pub(super) fn note_fault(&mut self, failure: Failure) {
        if self.is_removed() && failure.code != ErrorCode::GroupRemoved {
            return;
        }
        self.sync.last_error = Some(failure.clone());
        if self.sync.told_fault.replace(failure.code) != Some(failure.code) {
            self.tell(Event::Error { failure });
        }
    }

    /// Nothing is wrong any more; what goes wrong next is told.
    pub(super) fn forget_faults(&mut self) {
        self.sync.last_error = None;
        self.sync.told_fault = None;
    }

    pub(super) fn send_now(&mut self, frame: &ClientFrame) {
        if let Some(link) = &self.sync.link {
            self.outputs.push_back(Output::Send { connection: link.id, frame: frame.encode() });
        }
    }

    /// Sends a frame once everything it rests on is committed.
    pub(super) fn send_after_commit(&mut self, frame: &ClientFrame) {
        if let Some(link) = &self.sync.link {
            self.batch.frames.push((link.id, frame.encode()));
        }
    }

    pub(super) fn send_if_open(&mut self, connection: ConnectionId, frame: Vec<u8>) {
        let is_link = self.sync.link.as_ref().is_some_and(|link| link.id == connection);
        if is_link || self.channels.is_open(connection) {
            self.outputs.push_back(Output::Send { connection, frame });
        }
    }

    pub(super) fn link_received(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let now = self.now;
        let Some(link) = self.sync.link.as_mut().filter(|link| link.id == connection) else { return };
        link.heard_at = now;
        link.pinged = false;
        link.waiting_since = None;
        match RelayFrame::decode(bytes) {
            Ok(Received::Frame(frame)) => self.take_frame(frame),
            Ok(Received::Unknown(_)) => {}
            Err(_) => self.misbehaved("a frame that does not decode"),
        }
    }

    /// The relay said something that it must not say: nothing of it is kept, and it is asked again later.
    pub(super) fn misbehaved(&mut self, what: &str) {
        if let Some(peer) = self.channels.hears {
            return self.hear_no_more_of(peer);
        }
        let failure = Failure::new(ErrorCode::RelayMisbehaved, format!("the relay sent {what}"));
        self.lose_link(failure, DisconnectReason::Misbehaved);
    }

    /// The relay sent what may not be stored. An entry of a newer version is nobody's fault: the place stays before it, so that it comes again once
    /// this app is updated, and nothing that follows is judged without it.
    pub(super) fn take_nothing_of(&mut self, unfit: &Unfit) {
        let error = match unfit {
            Unfit::Entry(error) if error.is_of_newer_version() => error,
            Unfit::Entry(error) => return self.misbehaved(&format!("an entry that must not be stored: {error}")),
            Unfit::Other(what) => return self.misbehaved(what),
        };
        if let Some(peer) = self.channels.hears {
            return self.hear_no_more_of(peer);
        }
        let failure = Failure::new(ErrorCode::EntryNewerFormat, format!("this app has to be updated: {error}"));
        self.lose_link(failure, DisconnectReason::Outdated);
        self.wait(OUTDATED_WAIT_MS);
    }

    fn take_frame(&mut self, frame: RelayFrame) {
        match frame {
            RelayFrame::Challenge { versions, nonce, limits, .. } => self.take_challenge(&versions, nonce, limits),
            RelayFrame::Welcome { .. } => self.take_welcome(),
            RelayFrame::Opened { request, group, log, head, floor, snapshot, floor_prefix } => {
                let floor = floor.map(|at| Floor { at, prefix: floor_prefix });
                self.take_opened(request, group, log, head, floor, snapshot.as_deref());
            }
            RelayFrame::Diverged { request, group, log, .. } => self.take_diverged(request, group, log),
            RelayFrame::Page { request, group, log, items, head, more } => {
                self.take_page(request, group, log, items, head, more);
            }
            RelayFrame::Live { group, log, items } => self.take_live(group, log, items),
            RelayFrame::Lagged { group, head } => self.take_lagged(group, head),
            RelayFrame::Appended { request, group, log, placed } => self.take_appended(request, group, log, &placed),
            RelayFrame::InvitePut { request } => self.invite_lies(request),
            RelayFrame::Invitation { request, sealed, expires_at } => {
                self.take_invitation(request, &sealed, expires_at)
            }
            RelayFrame::Failed { request, code, retry, retry_after_ms, entry } => {
                self.take_failed(request, code, retry, retry_after_ms, entry);
            }
            RelayFrame::Whispered { group, from, epoch, sealed } => self.take_whisper(group, from, epoch, &sealed),
            RelayFrame::InviteRevoked { .. } | RelayFrame::Closed { .. } | RelayFrame::Pong { .. } => {}
            RelayFrame::SnapshotPartPut { request } => self.snapshot_part_put(request),
            RelayFrame::SnapshotPart { request, sealed } => self.part_came(request, &sealed),
            RelayFrame::Controls { request, group, log, items, more } => {
                if !self.proof_came(request, group, &items, more) {
                    self.controls_came(request, group, log, items, more);
                }
            }
            RelayFrame::AskState { request, group, state } => self.take_ask_state(request, group, state),
            RelayFrame::Requests { request, group, waiting } => self.requests_came(request, group, waiting),
            RelayFrame::Asked { group } => self.requests_changed(group),
            RelayFrame::Decided { group, state } => self.take_decision(group, state),
            RelayFrame::Hint { request, hint } => self.take_password_hint(request, hint),
            RelayFrame::Envelope { request, sealed } => self.take_envelope(request, &sealed),
            RelayFrame::EnvelopePut { request } => self.envelope_lies(request),
            RelayFrame::EnvelopeDropped { .. } => {}
        }
    }

    fn take_challenge(&mut self, versions: &[u32], nonce: [u8; 32], limits: Limits) {
        let address = self.sync.settings.relay.clone().unwrap_or_default();
        let Some(key) = self.device_key() else { return };
        let Some(link) = self.sync.link.as_mut().filter(|link| link.stage == Stage::Greeting) else {
            return self.misbehaved("a second challenge");
        };
        link.limits = limits;
        match handshake::answer(&key, versions, nonce, audience(&address)) {
            Some(hello) => self.send_now(&hello),
            None => {
                let failure =
                    Failure::new(ErrorCode::RelayIncompatible, "this app and the relay have no version in common");
                self.lose_link(failure, DisconnectReason::Refused);
            }
        }
    }

    /// The key that this connection proves to hold.
    fn device_key(&self) -> Option<ashore_protocol::sign::SigningKey> {
        if let Some(secrets) = self.asking_secrets().filter(|_| self.sync.joining.is_none()) {
            return Some(secrets.device);
        }
        match (&self.sync.joining, &self.sync.group) {
            (Some(Joining::Taking { secrets, .. } | Joining::Recovering { secrets, .. }), _) => {
                Some(secrets.device.clone())
            }
            (Some(Joining::Appending { state, .. }), _) => self.secrets_of(&state.next).map(|secrets| secrets.device),
            (None, Some(group)) => Some(group.secrets.device.clone()),
            (None, None) => None,
        }
    }

    fn take_welcome(&mut self) {
        match &mut self.sync.link {
            Some(link) if link.stage == Stage::Greeting => link.stage = Stage::Welcome,
            _ => return self.misbehaved("a second welcome"),
        }
        if !self.sync.distrusted {
            self.sync.attempts = 0;
        }
        self.sync.retry_at = None;
        self.go_on_from_welcome();
    }

    /// What the connection is for: fetching an invitation, delivering a join, or following the group.
    pub(super) fn go_on_from_welcome(&mut self) {
        if !matches!(&self.sync.link, Some(link) if !matches!(link.stage, Stage::Connecting | Stage::Greeting)) {
            return;
        }
        match &self.sync.joining {
            Some(Joining::Taking { .. }) => self.take_invite(),
            Some(Joining::Recovering { .. }) => self.ask_for_envelope(),
            Some(Joining::Appending { .. }) => self.append_join(),
            None if self.sync.asking.as_ref().is_some_and(Asking::is_active) => self.say_what_is_asked(),
            None => self.open_log(),
        }
    }

    /// Follows the group's log from what is stored here.
    pub(super) fn open_log(&mut self) {
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return };
        let RelayPlace { log, cursor, prefix, .. } = group.stored.clone();
        // From the start of a log nothing of ours is known to be here.
        link.own_in_full |= cursor == Cursor::ZERO;
        let request = link.request();
        link.stage = Stage::Opening(request);
        link.pull = None;
        link.caught_up = false;
        let page = link.first_page(cursor);
        let frame = ClientFrame::Open { request, group: group.state.group, log, cursor, prefix, page };
        self.send_now(&frame);
    }

    /// The same once everything is committed.
    pub(super) fn open_log_after_commit(&mut self) {
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return };
        let RelayPlace { log, cursor, prefix, .. } = group.place.clone();
        let request = link.request();
        link.stage = Stage::Opening(request);
        link.pull = None;
        link.caught_up = false;
        let page = link.page();
        let frame = ClientFrame::Open { request, group: group.state.group, log, cursor, prefix, page };
        self.send_after_commit(&frame);
    }

    /// Opens the log again when what the relay held back of it is ours to read after all.
    pub(super) fn open_what_was_cut(&mut self) {
        let Some(link) = self.sync.link.as_mut().filter(|link| link.cut_short && link.stage == Stage::Open) else {
            return;
        };
        if link.appends.is_empty() && link.pull.is_none() && !link.sent.is_empty() {
            link.cut_short = false;
            self.open_log();
        }
    }

    fn take_opened(
        &mut self,
        request: RequestId,
        group: GroupId,
        log: LogId,
        head: Cursor,
        floor: Option<Floor>,
        snapshot: Option<&[u8]>,
    ) {
        let Some((own, link)) = self.sync.group.as_mut().zip(self.sync.link.as_mut()) else { return };
        if link.stage != Stage::Opening(request) || own.state.group != group {
            return self.misbehaved("an answer to a question that was not asked");
        }
        link.stage = Stage::Open;
        link.opened_at.get_or_insert(self.now);
        link.log = Some(log);
        link.head = head;
        link.floor = floor;
        link.caught_up = head == own.stored.cursor;
        // The first page answers the same request.
        link.pull = if link.caught_up { None } else { Some(request) };
        let first_time = own.stored.log != Some(log);
        if first_time {
            own.place.log = Some(log);
            self.write_place();
        }
        if head < self.sync.group.as_ref().map_or(Cursor::ZERO, |group| group.stored.cursor) {
            return self.misbehaved("a log that ends before our place in it");
        }
        self.sync.last_error = None;
        let relay = self.sync.settings.relay.clone().unwrap_or_default();
        self.tell(Event::Connected { relay });
        self.take_offer(log, snapshot);
        if self.waits_for_snapshot()
            && let Some(link) = &mut self.sync.link
        {
            // The page that may come with it is of no use, and below the floor there is none.
            link.pull = None;
        }
        self.look_at_requests_again();
        self.go_on_with_refill();
    }

    /// Gives the relay the entries that it lacks, unless it gets a snapshot instead.
    pub(super) fn go_on_with_refill(&mut self) {
        if self.is_removed() {
            return;
        }
        if self.gives_snapshot() {
            return self.refill_controls();
        }
        let unfinished = self.sync.group.as_ref().is_some_and(|group| group.place.refill_from.is_some());
        let queued = self.tasks.iter().any(|task| matches!(task, Task::Refill(_)));
        if unfinished && !queued {
            self.tasks.push_back(Task::Refill(RefillTask::default()));
        }
    }

    /// The relay has another log than the one we followed: we follow the new one from its start, and give it what it lacks.
    fn take_diverged(&mut self, request: RequestId, group: GroupId, log: LogId) {
        let Some((own, link)) = self.sync.group.as_mut().zip(self.sync.link.as_mut()) else { return };
        if link.stage != Stage::Opening(request) || own.state.group != group {
            return self.misbehaved("an answer to a question that was not asked");
        }
        own.place = RelayPlace { log: Some(log), cursor: Cursor::ZERO, prefix: None, refill_from: Some(0) };
        own.snapshots.forget_what_stands();
        let request = link.request();
        link.stage = Stage::Opening(request);
        let page = link.page();
        self.write_place();
        self.envelopes_may_be_gone();
        let frame = ClientFrame::Open { request, group, log: Some(log), cursor: Cursor::ZERO, prefix: None, page };
        self.send_after_commit(&frame);
    }

    fn take_page(
        &mut self,
        request: RequestId,
        group: GroupId,
        log: LogId,
        items: Vec<Item>,
        head: Cursor,
        more: bool,
    ) {
        if !self.is_followed(group, log) {
            return;
        }
        let Some(link) = self.sync.link.as_mut().filter(|link| link.pull == Some(request)) else { return };
        link.head = link.head.max(head);
        if !more {
            link.pull = None;
        }
        let connection = link.id;
        let task = ReceiveTask { connection, log, items: items.into(), page: Some(more), front: None };
        self.tasks.push_back(Task::Receive(task));
    }

    fn take_live(&mut self, group: GroupId, log: LogId, items: Vec<Item>) {
        if !self.is_followed(group, log) {
            return;
        }
        let Some(link) = &mut self.sync.link else { return };
        if let Some(last) = items.last() {
            link.head = link.head.max(last.cursor());
        }
        let connection = link.id;
        let task = ReceiveTask { connection, log, items: items.into(), page: None, front: None };
        self.tasks.push_back(Task::Receive(task));
    }

    fn is_followed(&self, group: GroupId, log: LogId) -> bool {
        let own = self.sync.group.as_ref().is_some_and(|own| own.state.group == group);
        own && self.sync.link.as_ref().is_some_and(|link| link.stage == Stage::Open && link.log == Some(log))
    }

    fn take_lagged(&mut self, group: GroupId, head: Cursor) {
        let own = self.sync.group.as_ref().is_some_and(|own| own.state.group == group);
        let Some(link) = self.sync.link.as_mut().filter(|_| own) else { return };
        link.head = link.head.max(head);
        link.caught_up = false;
        self.pull();
    }

    /// Asks for what follows because an answer was not all; not for ever, when no answer brings anything.
    pub(super) fn pull_on(&mut self) {
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return };
        let place = group.place.cursor;
        link.fruitless = if link.pulled_on_at == Some(place) { link.fruitless + 1 } else { 0 };
        link.pulled_on_at = Some(place);
        if link.fruitless >= MAX_FRUITLESS {
            return self.misbehaved("answer after answer that brings nothing and says that there is more");
        }
        self.pull();
    }

    /// Asks for what follows our place, once everything before it is committed.
    pub(super) fn pull(&mut self) {
        if self.waits_for_snapshot() {
            return;
        }
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return };
        if link.stage != Stage::Open {
            return;
        }
        let request = link.request();
        link.pull = Some(request);
        let page = link.page();
        let frame = ClientFrame::Pull { request, group: group.state.group, after: group.place.cursor, page };
        self.send_after_commit(&frame);
    }

    fn take_appended(&mut self, request: RequestId, group: GroupId, log: LogId, placed: &[Placed]) {
        let Some(link) = &mut self.sync.link else { return };
        match link.stage {
            Stage::Joining(expected) if expected == request => return self.join_acknowledged(group),
            Stage::Creating(expected) if expected == request => return self.open_log(),
            _ => {}
        }
        if !self.is_followed(group, log) {
            return;
        }
        if self.snapshot_appended(request) {
            return;
        }
        if self.seen_appended(request) {
            if let Some((link, last)) = self.sync.link.as_mut().zip(placed.iter().map(|placed| placed.cursor).max()) {
                link.head = link.head.max(last);
            }
            return;
        }
        let Some(link) = &mut self.sync.link else { return };
        // The outbox is emptied by what the log shows, not by this: a relay that comes back from a backup may have forgotten
        // what it acknowledged, and is found out by the place in its log.
        link.appends.remove(&request);
        self.passed_already(placed);
        let Some(link) = &mut self.sync.link else { return };
        if let Some(last) = placed.iter().map(|placed| placed.cursor).max() {
            link.head = link.head.max(last);
        }
        self.sync.last_error = None;
    }

    fn take_failed(
        &mut self,
        request: Option<RequestId>,
        code: FailureCode,
        retry: bool,
        retry_after_ms: Option<u32>,
        entry: Option<EntryId>,
    ) {
        let Some(link) = &self.sync.link else { return };
        let (stage, is_append) = (link.stage, request.is_some_and(|request| link.appends.contains_key(&request)));
        let mut failure = relay_failure(code);
        failure.retry = retry;
        let Some(request) = request else { return self.refused(failure, retry_after_ms) };
        match stage {
            Stage::Opening(expected) if expected == request && self.is_removed() => {
                self.refused(failure, retry_after_ms)
            }
            Stage::Opening(expected) if expected == request && code == FailureCode::UnknownGroup => self.create_log(),
            // The relay came back without the entry that admitted us: it is given the group's control entries again.
            Stage::Opening(expected) if expected == request && code == FailureCode::NotAMember => self.create_log(),
            Stage::Taking(expected) if expected == request => self.taking_failed(&failure),
            Stage::Recovering(expected) if expected == request => {
                self.recovering_failed(code, retry_after_ms, &failure)
            }
            Stage::Joining(expected) if expected == request => self.joining_failed(&failure),
            Stage::Asking(expected) if expected == request => self.asking_refused(code, failure, retry_after_ms),
            Stage::Proving(expected) if expected == request => self.refused(failure, retry_after_ms),
            Stage::Creating(expected) if expected == request && came_to_nothing(code) => {
                let message = "what admitted this device to the group came to nothing";
                self.refused(Failure::new(ErrorCode::GroupNotAMember, message), retry_after_ms);
            }
            Stage::Opening(expected) | Stage::Creating(expected) if expected == request => {
                self.refused(failure, retry_after_ms);
            }
            _ if is_append => self.append_failed((code, failure), retry_after_ms, entry),
            _ if self.sync.link.as_ref().is_some_and(|link| link.withdrawals.contains(&request)) => {}
            _ if self.envelope_refused(request, code, &failure) => {}
            _ if self.invite_refused(request, &failure) || self.whisper_refused(request, retry) => {}
            _ if self.seen_refused(request) => {}
            _ if self.deciding_refused(request, code, &failure) => {}
            _ if self.making_failed(request, code, &failure) || self.taking_part_failed(request, code) => {}
            // The log was forgotten meanwhile up to behind our place: opening it says what to do.
            Stage::Open if code == FailureCode::Pruned => self.open_log_after_commit(),
            _ => self.refused(failure, retry_after_ms),
        }
    }

    /// The relay ends the whole conversation: it refuses this device, or it stops.
    pub(super) fn refused(&mut self, failure: Failure, retry_after_ms: Option<u32>) {
        let stops = failure.code == ErrorCode::RelayUnreachable;
        self.lose_link(failure, if stops { DisconnectReason::Lost } else { DisconnectReason::Refused });
        if let Some(wait_ms) = retry_after_ms {
            self.wait(u64::from(wait_ms).max(self.sync.wait_ms));
        }
    }
}

/// Why something that a relay sent is not taken.
pub(super) enum Unfit {
    Entry(EntryError),
    Other(&'static str),
}

impl From<EntryError> for Unfit {
    fn from(error: EntryError) -> Self {
        Self::Entry(error)
    }
}

/// Whether a control entry was refused because others have seen to it that it does not stand.
fn came_to_nothing(code: FailureCode) -> bool {
    matches!(code, FailureCode::Superseded | FailureCode::InviteUsed | FailureCode::InviteRevoked)
}

fn unreachable(reason: &str) -> Failure {
    Failure::new(ErrorCode::RelayUnreachable, format!("the relay cannot be reached: {reason}"))
}

fn relay_failure(code: FailureCode) -> Failure {
    let mapped = match code {
        FailureCode::InviteNotFound => ErrorCode::InviteNotFound,
        FailureCode::InviteUsed => ErrorCode::InviteUsed,
        FailureCode::InviteExpired => ErrorCode::InviteExpired,
        FailureCode::TooManyAttempts => ErrorCode::InviteLockedOut,
        FailureCode::InviteRevoked => ErrorCode::InviteRevoked,
        FailureCode::NotAMember => ErrorCode::GroupNotAMember,
        FailureCode::Removed => ErrorCode::GroupRemoved,
        FailureCode::RoleForbids => ErrorCode::GroupNotAllowed,
        FailureCode::QuotaExceeded => ErrorCode::RelayQuotaExceeded,
        FailureCode::TooManyJoinRequests => ErrorCode::JoinRequestTooMany,
        FailureCode::JoinRequestNotFound => ErrorCode::JoinRequestMissing,
        FailureCode::UnsupportedVersion | FailureCode::UnsupportedEntry => ErrorCode::RelayIncompatible,
        FailureCode::Unavailable | FailureCode::ShuttingDown => ErrorCode::RelayUnreachable,
        _ => ErrorCode::RelayRefused,
    };
    Failure::new(mapped, format!("the relay answered {code}"))
}

/// Host and port of an address, as a browser's `URL.host` gives them.
fn audience(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}
