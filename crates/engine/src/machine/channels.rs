//! Channels: meeting other devices of the group without a relay, where the host has a way that reaches them.
//!
//! What peers say is in [`ashore_protocol::peer`]. Only data travels so, and only a device that may write takes it: what it has taken it also gives to the relay, and
//! vouches for when its author may not write any more, so that all end with the same documents. Who is in the group is heard from the relay alone.

mod serve;
mod session;
mod take;
mod vouch;

pub(super) use serve::Serving;
pub(super) use take::TakeEntries;

use super::input::ConnectionId;
use super::output::Output;
use super::{Machine, Phase};
use crate::api::{AddressInfo, AddressKind, AddressState, ErrorCode, Failure};
use crate::time::Timestamp;
use ashore_protocol::ids::{GroupId, PeerSession};
use ashore_protocol::peer::{self, PeerFrame};
use session::Session;
use std::collections::BTreeMap;

/// What the address of a channel begins with; its name follows.
const SCHEME: &str = "channel:";
/// Most bytes of a channel's name.
const MAX_NAME_BYTES: usize = 64;
/// Most channels of one database.
const MAX_CHANNELS: usize = 4;
/// Sessions of others on one channel that are known at a time.
const MAX_SESSIONS: usize = 32;
/// Who meets nobody says again that it is there.
const HELLO_MS: u64 = 30_000;
/// A channel that could not be opened is tried again.
const RETRY_MS: u64 = 30_000;

/// Every channel that is open or opening, by its address.
#[derive(Default)]
pub(super) struct Channels {
    open: BTreeMap<String, Channel>,
    /// Whom this device takes entries from at this moment: what they must not say is held against them, not against the relay.
    pub(super) hears: Option<Peer>,
}

struct Channel {
    connection: ConnectionId,
    state: State,
    group: GroupId,
    /// This opening's name and nonce.
    me: PeerSession,
    nonce: [u8; 32],
    hello_at: Timestamp,
    sessions: BTreeMap<PeerSession, Session>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    /// It could not be opened, or ended: tried again at this time.
    Failed(Timestamp),
}

/// Another device's session on one of the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    connection: ConnectionId,
    session: PeerSession,
}

impl Channels {
    fn channel(&self, connection: ConnectionId) -> Option<&Channel> {
        self.open.values().find(|channel| channel.connection == connection)
    }

    fn channel_mut(&mut self, connection: ConnectionId) -> Option<&mut Channel> {
        self.open.values_mut().find(|channel| channel.connection == connection)
    }

    fn session(&self, peer: Peer) -> Option<&Session> {
        self.channel(peer.connection)?.sessions.get(&peer.session)
    }

    fn session_mut(&mut self, peer: Peer) -> Option<&mut Session> {
        self.channel_mut(peer.connection)?.sessions.get_mut(&peer.session)
    }

    fn peers(&self) -> Vec<Peer> {
        let of_channel = |channel: &Channel| {
            let connection = channel.connection;
            channel.sessions.keys().map(move |session| Peer { connection, session: *session }).collect::<Vec<_>>()
        };
        self.open.values().flat_map(of_channel).collect()
    }

    /// Whether frames may be sent on this connection.
    pub(super) fn is_open(&self, connection: ConnectionId) -> bool {
        self.channel(connection).is_some_and(|channel| channel.state == State::Open)
    }

    fn deadline(&self) -> Option<Timestamp> {
        let of_channel = |channel: &Channel| match channel.state {
            State::Opening => None,
            State::Failed(retry_at) => Some(retry_at),
            State::Open => {
                let sessions = channel.sessions.values().map(Session::deadline).min();
                let lonely = channel.sessions.is_empty().then(|| channel.hello_at.plus_ms(HELLO_MS));
                [sessions, lonely].into_iter().flatten().min()
            }
        };
        self.open.values().filter_map(of_channel).min()
    }
}

impl Machine {
    /// When something is due on a channel, or for what came from one.
    pub(super) fn channels_deadline(&self) -> Option<Timestamp> {
        let carried = self.sync.group.as_ref().and_then(|group| group.carried.values().min().copied());
        [self.channels.deadline(), carried].into_iter().flatten().min()
    }

    /// Takes over which channels there are.
    pub(super) fn set_channels(&mut self, channels: Vec<String>) -> Result<(), Failure> {
        let is_name = |name: &str| (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.contains(char::is_whitespace);
        let good = |address: &String| address.strip_prefix(SCHEME).is_some_and(is_name);
        let twice = channels.iter().enumerate().any(|(at, address)| channels.iter().take(at).any(|one| one == address));
        if channels.len() > MAX_CHANNELS || twice || !channels.iter().all(good) {
            let message = "there are at most four channels; an address is channel: and a name of 1 to 64 bytes";
            return Err(Failure::new(ErrorCode::RequestInvalid, message));
        }
        self.sync.settings.channels = Some(channels).filter(|channels| !channels.is_empty());
        self.write_settings();
        Ok(())
    }

    /// Every address by which others are reached, and how each stands.
    pub(super) fn addresses(&self) -> Vec<AddressInfo> {
        let followed = self.sync.settings.relay.as_ref();
        let relays = self.sync.settings.relays().into_iter().map(|address| {
            let link = self.sync.link.as_ref().filter(|_| Some(&address) == followed);
            let state = match link {
                Some(_) if self.link_is_open() => AddressState::Open,
                Some(_) => AddressState::Opening,
                None => AddressState::Closed,
            };
            AddressInfo { address, kind: AddressKind::Relay, state, peers: vec![] }
        });
        let channels = self.sync.settings.channels.iter().flatten().map(|address| {
            let channel = self.channels.open.get(address);
            let state = match channel.map(|channel| channel.state) {
                Some(State::Open) => AddressState::Open,
                Some(State::Opening) => AddressState::Opening,
                Some(State::Failed(_)) | None => AddressState::Closed,
            };
            let devices = channel.into_iter().flat_map(|channel| channel.sessions.values());
            let peers = devices.filter_map(|session| self.member_of(session)).map(|device| device.to_string());
            AddressInfo { address: address.clone(), kind: AddressKind::Channel, state, peers: peers.collect() }
        });
        relays.chain(channels).collect()
    }

    /// Opens and closes channels as they are wanted, and says on them what is due.
    pub(super) fn go_on_with_channels(&mut self) {
        if self.channels.open.is_empty() && self.sync.settings.channels.is_none() {
            return;
        }
        let wanted = self.wanted_channels();
        let group = self.sync.group.as_ref().map(|group| group.state.group);
        let unwanted = self.channels.open.iter();
        let unwanted = unwanted.filter(|(address, channel)| !wanted.contains(address) || Some(channel.group) != group);
        let unwanted: Vec<String> = unwanted.map(|(address, _)| address.clone()).collect();
        for address in unwanted {
            self.close_channel(&address);
        }
        for address in wanted {
            let due = match self.channels.open.get(&address).map(|channel| channel.state) {
                None => true,
                Some(State::Failed(retry_at)) => retry_at <= self.now,
                Some(_) => false,
            };
            if due && let Some(group) = group {
                self.open_channel(address, group);
            }
        }
        self.let_go_of_the_silent();
        self.say_hello_again();
        self.tell_tips();
        self.send_what_was_held();
        self.vouch_for_carried();
    }

    fn wanted_channels(&self) -> Vec<String> {
        let settings = &self.sync.settings;
        let open = self.opened && matches!(self.phase, Phase::Open) && settings.enabled && settings.is_auto();
        let is_member = |group: &super::sync::Group| group.membership.member(&group.me()).is_some();
        if open && self.sync.group.as_ref().is_some_and(is_member) {
            settings.channels.clone().unwrap_or_default()
        } else {
            vec![]
        }
    }

    fn open_channel(&mut self, address: String, group: GroupId) {
        self.sync.next_connection += 1;
        let connection = self.sync.next_connection;
        let (me, nonce) = (PeerSession(self.rng.bytes()), self.rng.bytes());
        let (state, hello_at, sessions) = (State::Opening, self.now, BTreeMap::new());
        let channel = Channel { connection, state, group, me, nonce, hello_at, sessions };
        self.channels.open.insert(address.clone(), channel);
        self.outputs.push_back(Output::Connect { connection, address });
    }

    fn close_channel(&mut self, address: &str) {
        let Some(channel) = self.channels.open.remove(address) else { return };
        let connection = channel.connection;
        if channel.state == State::Open {
            let frame = PeerFrame::Bye { from: channel.me }.encode();
            self.outputs.push_back(Output::Send { connection, frame });
        }
        if !matches!(channel.state, State::Failed(_)) {
            self.outputs.push_back(Output::Disconnect { connection });
        }
    }

    /// Whether this connection is a channel, which is open now.
    pub(super) fn channel_opened(&mut self, connection: ConnectionId) -> bool {
        let now = self.now;
        let Some(channel) = self.channels.channel_mut(connection) else { return false };
        channel.state = State::Open;
        channel.hello_at = now;
        self.say_hello(connection, None);
        true
    }

    /// Whether this connection was a channel.
    pub(super) fn channel_closed(&mut self, connection: ConnectionId) -> bool {
        let retry_at = self.now.plus_ms(RETRY_MS);
        let Some(channel) = self.channels.channel_mut(connection) else { return false };
        channel.state = State::Failed(retry_at);
        channel.sessions.clear();
        true
    }

    /// Ends every channel without a word: the machine stops.
    pub(super) fn drop_channels(&mut self) {
        for channel in std::mem::take(&mut self.channels.open).into_values() {
            self.outputs.push_back(Output::Disconnect { connection: channel.connection });
        }
    }

    fn say_hello(&mut self, connection: ConnectionId, to: Option<PeerSession>) {
        let Some(channel) = self.channels.channel(connection) else { return };
        let (from, nonce) = (channel.me, channel.nonce);
        let tag = peer::tag(channel.group, &nonce);
        let frame = PeerFrame::Hello { from, to, nonce, tag }.encode();
        self.outputs.push_back(Output::Send { connection, frame });
    }

    /// The hello of another, or its answer, may have been lost.
    fn say_hello_again(&mut self) {
        let now = self.now;
        let lonely = |channel: &Channel| channel.state == State::Open && channel.sessions.is_empty();
        let due = |channel: &&mut Channel| lonely(channel) && now.ms_since(channel.hello_at.min(now)) >= HELLO_MS;
        let mut connections = Vec::new();
        for channel in self.channels.open.values_mut().filter(due) {
            channel.hello_at = now;
            connections.push(channel.connection);
        }
        for connection in connections {
            self.say_hello(connection, None);
        }
    }
}
