//! A session of another device on a channel: who it is, what it has said, and until when it is believed to be there.

use super::{MAX_SESSIONS, Peer, State};
use crate::machine::Machine;
use crate::machine::input::ConnectionId;
use crate::machine::output::Output;
use crate::machine::task::Task;
use crate::time::Timestamp;
use ashore_protocol::frame::Received;
use ashore_protocol::ids::{DeviceId, EntryId, PeerSession};
use ashore_protocol::limits::MAX_FRAME_BYTES;
use ashore_protocol::peer::{self, MAX_PEER_IDS, PeerFrame, PeerProof};
use ashore_protocol::sign::Signature;
use std::collections::VecDeque;

/// Tips are said again so often, which also says that this device is still there.
const REPEAT_MS: u64 = 20_000;
/// Who has said nothing for this long is gone.
const SILENCE_MS: u64 = 3 * REPEAT_MS;
/// What was asked for and has not come within this time is not waited for any more.
const ANSWER_MS: u64 = 15_000;
/// Answers in a row that brought nothing, after which a peer is not asked until it says something new.
const MAX_VAIN: u32 = 3;

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    /// What our proof for it is made of.
    nonce: [u8; 32],
    /// Whose it is; it has proved that.
    pub(super) device: Option<DeviceId>,
    heard_at: Timestamp,
    /// The tips that it was told last, and when.
    told: Vec<EntryId>,
    told_at: Option<Timestamp>,
    /// What it said last.
    pub(super) tips: Vec<EntryId>,
    /// Since when an answer is awaited.
    pub(super) asked_at: Option<Timestamp>,
    pub(super) vain: u32,
    /// What it asked for and has not got, by sequence number, the last first.
    pub(super) serving: VecDeque<u64>,
    /// It said what no device of the group says: nothing is taken from it any more, and nothing given.
    pub(super) is_blocked: bool,
}

impl Session {
    fn new(nonce: [u8; 32], now: Timestamp) -> Self {
        Self {
            nonce,
            device: None,
            heard_at: now,
            told: Vec::new(),
            told_at: None,
            tips: Vec::new(),
            asked_at: None,
            vain: 0,
            serving: VecDeque::new(),
            is_blocked: false,
        }
    }

    pub(super) fn deadline(&self) -> Timestamp {
        let told = self.told_at.map(|at| at.plus_ms(REPEAT_MS));
        let answer = self.asked_at.map(|at| at.plus_ms(ANSWER_MS));
        [told, answer].into_iter().flatten().fold(self.heard_at.plus_ms(SILENCE_MS), Timestamp::min)
    }

    pub(super) fn may_be_asked(&self) -> bool {
        self.asked_at.is_none() && self.vain < MAX_VAIN
    }
}

impl Machine {
    /// The member whose session this is, as far as it has proved that and is one.
    pub(super) fn member_of(&self, session: &Session) -> Option<DeviceId> {
        let group = self.sync.group.as_ref()?;
        session.device.filter(|device| !session.is_blocked && group.membership.may_read(device))
    }

    pub(super) fn is_member(&self, peer: Peer) -> bool {
        self.channels.session(peer).is_some_and(|session| self.member_of(session).is_some())
    }

    /// Whether this connection is a channel; what came on it is taken note of. Anybody may say anything there: what means nothing is passed over.
    pub(in crate::machine) fn channel_received(&mut self, connection: ConnectionId, bytes: &[u8]) -> bool {
        let now = self.now;
        let Some(channel) = self.channels.channel_mut(connection) else { return false };
        if bytes.len() > MAX_FRAME_BYTES as usize {
            return true;
        }
        let Ok(Received::Frame(frame)) = PeerFrame::decode(bytes) else { return true };
        let (session, to) = (frame.from(), frame.to());
        if session == channel.me || to.is_some_and(|to| to != channel.me) {
            return true;
        }
        if let Some(known) = channel.sessions.get_mut(&session) {
            known.heard_at = now;
        }
        let peer = Peer { connection, session };
        match frame {
            PeerFrame::Hello { to, nonce, tag, .. } => self.take_hello(peer, to.is_none(), nonce, tag),
            PeerFrame::Proof { device, signature, .. } => self.take_proof(peer, device, &signature),
            PeerFrame::Bye { .. } => drop(channel.sessions.remove(&session)),
            _ if !self.is_member(peer) => {}
            PeerFrame::Tips { tips, .. } => self.take_tips(peer, tips),
            PeerFrame::Want { ids, have, .. } => self.begin_to_serve(peer, ids, have),
            PeerFrame::Next { .. } => self.tasks.push_back(Task::PeerPage(peer)),
            PeerFrame::Entries { entries, more, .. } => self.entries_came(peer, entries, more),
        }
        true
    }

    fn take_hello(&mut self, peer: Peer, to_all: bool, nonce: [u8; 32], tag: [u8; 32]) {
        let now = self.now;
        let Some(channel) = self.channels.channel_mut(peer.connection) else { return };
        let is_known = channel.sessions.get(&peer.session).is_some_and(|known| known.nonce == nonce);
        let has_room = is_known || channel.sessions.len() < MAX_SESSIONS;
        if tag != peer::tag(channel.group, &nonce) || !has_room {
            return;
        }
        if !is_known {
            channel.sessions.insert(peer.session, Session::new(nonce, now));
        }
        if to_all {
            self.say_hello(peer.connection, Some(peer.session));
        }
        self.prove_to(peer);
    }

    fn prove_to(&mut self, Peer { connection, session }: Peer) {
        let Some(group) = &self.sync.group else { return };
        let Some((channel, other)) = self.channels.channel(connection).and_then(|channel| {
            let other = channel.sessions.get(&session)?;
            Some((channel, other))
        }) else {
            return;
        };
        let (from, to, device) = (channel.me, session, group.me());
        let proof = PeerProof { group: group.state.group, from, to, nonce: other.nonce };
        let signature = proof.sign(&group.secrets.device);
        let frame = PeerFrame::Proof { from, to, device, signature }.encode();
        self.outputs.push_back(Output::Send { connection, frame });
    }

    fn take_proof(&mut self, peer: Peer, device: DeviceId, signature: &Signature) {
        let Some(me) = self.sync.group.as_ref().map(super::super::sync::Group::me) else { return };
        let Some(channel) = self.channels.channel_mut(peer.connection) else { return };
        let proof = PeerProof { group: channel.group, from: peer.session, to: channel.me, nonce: channel.nonce };
        let Some(session) = channel.sessions.get_mut(&peer.session) else { return };
        // A copy of this device's own storage has its key too, and nothing that this device may take for another's.
        if device != me && proof.verify(device, signature).is_ok() {
            session.device = Some(device);
            session.told_at = None;
        }
    }

    fn take_tips(&mut self, peer: Peer, tips: Vec<EntryId>) {
        let Some(session) = self.channels.session_mut(peer) else { return };
        if tips.len() > MAX_PEER_IDS {
            session.is_blocked = true;
            return;
        }
        if session.tips != tips {
            session.tips = tips;
            session.vain = 0;
        }
        // What did not come the last time may come now: once for each time that it is said.
        session.vain = session.vain.min(MAX_VAIN - 1);
        self.tasks.push_back(Task::PeerLook(peer));
    }

    /// Says to members what the newest entries here are, when they are others than they were told, and once in a while.
    pub(super) fn tell_tips(&mut self) {
        let now = self.now;
        let Some(group) = &self.sync.group else { return };
        let tips: Vec<EntryId> = group.state.tips.iter().take(MAX_PEER_IDS).copied().collect();
        for peer in self.channels.peers() {
            let is_due = |session: &Session| {
                session.told != tips || session.told_at.is_none_or(|at| now.ms_since(at.min(now)) >= REPEAT_MS)
            };
            if !self.is_member(peer) {
                if let Some(session) = self.channels.session_mut(peer) {
                    session.told_at = None;
                }
                continue;
            }
            if !self.channels.session(peer).is_some_and(is_due) {
                continue;
            }
            let Some(from) = self.channels.channel(peer.connection).map(|channel| channel.me) else { continue };
            if let Some(session) = self.channels.session_mut(peer) {
                session.told.clone_from(&tips);
                session.told_at = Some(now);
            }
            let frame = PeerFrame::Tips { from, to: peer.session, tips: tips.clone() };
            // What is said to be here is stored first.
            self.batch.frames.push((peer.connection, frame.encode()));
        }
    }

    /// Forgets who has been silent, and does not wait any more for answers that did not come.
    pub(super) fn let_go_of_the_silent(&mut self) {
        let now = self.now;
        let is_there = |session: &Session| now.ms_since(session.heard_at) < SILENCE_MS;
        let open = self.channels.open.values_mut().filter(|channel| channel.state == State::Open);
        for channel in open {
            // A clock that was set back must not make the wait longer.
            channel.sessions.values_mut().for_each(|session| session.heard_at = session.heard_at.min(now));
            channel.sessions.retain(|_, session| is_there(session));
            let waits = channel.sessions.values_mut();
            let waits =
                waits.filter(|session| session.asked_at.is_some_and(|at| now.ms_since(at.min(now)) >= ANSWER_MS));
            for session in waits {
                session.asked_at = None;
                session.vain += 1;
            }
        }
    }

    /// It said what no honest device says. The relay has nothing to do with it.
    pub(in crate::machine) fn hear_no_more_of(&mut self, peer: Peer) {
        if let Some(session) = self.channels.session_mut(peer) {
            session.is_blocked = true;
        }
    }

    /// The name of this device's own session beside a peer's.
    pub(super) fn own_session(&self, peer: Peer) -> Option<PeerSession> {
        self.channels.channel(peer.connection).map(|channel| channel.me)
    }
}
