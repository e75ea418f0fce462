//! Presence: what open databases say about themselves to whoever is connected at the same time. Nothing of it is stored.
//!
//! A *handle* is one open database of a page. Each may have a state; the engine says it to the group when it changes, again from
//! time to time, and when somebody asks. Handles of this device hear of each other here, without the relay.

mod peers;

use super::input::ConnectionId;
use super::{Machine, Output, Phase};
use crate::api::{ErrorCode, Event, Failure, News, PresencePeer, Reply};
use crate::group::{MAX_HANDLE_BYTES, MAX_STATE_BYTES, Said, WhisperPlace, Word};
use crate::time::Timestamp;
use ashore_protocol::frame::{ClientFrame, RequestId};
use ashore_protocol::ids::{DeviceId, Epoch, GroupId};
use peers::{Peer, PeerName, Peers};
use std::collections::{BTreeMap, BTreeSet};

/// Handles of this device that may have a state.
const MAX_OWN: usize = 16;
/// Who has a state says it at least this often, three times as often as it expires.
const REPEAT_MS: u64 = peers::EXPIRY_MS / 3;
/// Between two whispers: about 15 a second for all handles together, half of what a relay forwards.
const PACE_MS: u64 = 66;
/// Who is asked answers within this time, not all at once.
const ANSWER_MS: u64 = 250;
/// After the relay dropped something.
const AFTER_DROP_MS: u64 = 1_000;

#[derive(Default)]
pub(super) struct Presence {
    own: BTreeMap<String, Own>,
    /// Handles that have no state any more, which is to be said.
    leaving: BTreeSet<String>,
    /// Which handles of which clients are told.
    watchers: BTreeMap<String, BTreeSet<String>>,
    peers: Peers,
    /// Where the peers are.
    group: Option<GroupId>,
    /// The connection on which we have spoken, and the number of our whispers.
    link: Option<(ConnectionId, RequestId)>,
    /// Everybody is to be asked.
    asks: bool,
    /// Not before this time.
    next_at: Timestamp,
    last_stamp: Timestamp,
    /// What clients are to be told, after the answers of this step.
    news: Vec<(String, Event)>,
}

/// The state of one handle of this device.
struct Own {
    client: String,
    state: String,
    since: Timestamp,
    /// When it is to be said.
    due: Timestamp,
}

impl Presence {
    fn is_used(&self) -> bool {
        !self.own.is_empty() || !self.watchers.is_empty()
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let next = self.next_due().map(|due| due.max(self.next_at));
        [next, self.peers.deadline()].into_iter().flatten().min()
    }

    /// When there is something to say on this connection.
    fn next_due(&self) -> Option<Timestamp> {
        self.link?;
        let at_once = (self.asks || !self.leaving.is_empty()).then_some(Timestamp::default());
        at_once.or_else(|| self.own.values().map(|own| own.due).min())
    }

    /// What is to be said now, if anything is.
    fn next_word(&mut self, now: Timestamp) -> Option<Word> {
        if self.next_at > now || self.next_due()? > now {
            return None;
        }
        if let Some(handle) = self.leaving.pop_first() {
            return Some(Word::Leave { handle });
        }
        if std::mem::take(&mut self.asks) {
            return Some(Word::Ask {});
        }
        let (handle, own) = self.own.iter_mut().min_by_key(|(_, own)| own.due)?;
        own.due = now.plus_ms(REPEAT_MS);
        Some(Word::State { handle: handle.clone(), since: own.since, state: own.state.clone() })
    }

    /// A stamp that none of ours had.
    fn stamp(&mut self, now: Timestamp) -> Timestamp {
        self.last_stamp = now.max(self.last_stamp.plus_ms(1));
        self.last_stamp
    }
}

impl Machine {
    /// Sets or clears the state of a handle.
    pub(super) fn set_presence(
        &mut self,
        client: &str,
        handle: &str,
        since: u64,
        state: Option<String>,
    ) -> Result<Reply, Failure> {
        check_handle(handle)?;
        let (now, since) = (self.now, Timestamp::from_ms(since).min(self.now));
        let Some(state) = state else {
            self.clear_presence(handle);
            return Ok(Reply::Done {});
        };
        if state.len() > MAX_STATE_BYTES {
            return Err(invalid(format!("a presence has at most {MAX_STATE_BYTES} bytes of JSON")));
        }
        if !self.presence.own.contains_key(handle) && self.presence.own.len() >= MAX_OWN {
            return Err(invalid(format!("a device has at most {MAX_OWN} handles with a presence")));
        }
        self.begin_presence();
        self.presence.leaving.remove(handle);
        let own = Own { client: client.to_owned(), state, since, due: now };
        match self.presence.own.get_mut(handle) {
            // Nothing new to say: the page asks again of each engine.
            Some(known) if (&known.state, known.since) == (&own.state, own.since) => known.client = own.client,
            _ => {
                self.presence.own.insert(handle.to_owned(), own);
                self.tell_own(handle, false);
            }
        }
        Ok(Reply::Done {})
    }

    fn clear_presence(&mut self, handle: &str) {
        if self.presence.own.contains_key(handle) {
            self.tell_own(handle, true);
            self.presence.own.remove(handle);
            self.presence.leaving.insert(handle.to_owned());
            // Nobody listens any more who could miss what is left out.
            if self.presence.leaving.len() > 4 * MAX_OWN {
                self.presence.leaving.pop_first();
            }
        }
    }

    /// From now on this handle's client is told who else is here; answers who is.
    pub(super) fn watch_presence(&mut self, client: &str, handle: &str) -> Result<Reply, Failure> {
        check_handle(handle)?;
        self.begin_presence();
        self.presence.watchers.entry(client.to_owned()).or_default().insert(handle.to_owned());
        let own = self.presence.own.keys().filter(|own| *own != handle).filter_map(|own| self.own_peer(own));
        let others = self.presence.peers.iter().map(|(name, peer)| shown(name, peer));
        Ok(Reply::Presence { peers: own.chain(others).collect() })
    }

    pub(super) fn unwatch_presence(&mut self, client: &str, handle: &str) {
        if let Some(handles) = self.presence.watchers.get_mut(client) {
            handles.remove(handle);
            if handles.is_empty() {
                self.presence.watchers.remove(client);
            }
        }
    }

    /// A client will not come back.
    pub(super) fn forget_presence(&mut self, client: &str) {
        self.presence.watchers.remove(client);
        let of_client = self.presence.own.iter().filter(|(_, own)| own.client == client);
        let handles: Vec<String> = of_client.map(|(handle, _)| handle.clone()).collect();
        for handle in handles {
            self.clear_presence(&handle);
        }
    }

    /// As long as nobody here was interested, nobody listened.
    fn begin_presence(&mut self) {
        if !self.presence.is_used() {
            self.presence.asks = true;
        }
    }

    /// Forgets who was silent for too long or belongs to another group, and says what is due.
    pub(super) fn go_on_with_presence(&mut self) {
        if !self.presence.is_used() && self.presence.leaving.is_empty() {
            self.presence.peers.take();
            return;
        }
        self.follow_group();
        let expired = self.presence.peers.expire(self.now);
        self.tell_gone(&expired);
        self.follow_link();
        while let Some(word) = self.presence.next_word(self.now) {
            self.whisper(word);
            self.presence.next_at = self.now.plus_ms(PACE_MS);
        }
        // A clock that was set back must not make the wait longer.
        let latest = self.now.plus_ms(REPEAT_MS);
        self.presence.next_at = self.presence.next_at.min(latest);
        self.presence.own.values_mut().for_each(|own| own.due = own.due.min(latest));
    }

    fn follow_group(&mut self) {
        let enabled = self.sync.settings.enabled;
        let group = self.sync.group.as_ref().filter(|_| enabled).map(|group| group.state.group);
        if self.presence.group == group {
            return;
        }
        self.presence.group = group;
        let gone = self.presence.peers.take();
        self.tell_gone(&gone);
        // Our own have another device's id now.
        let handles: Vec<String> = self.presence.own.keys().cloned().collect();
        handles.iter().for_each(|handle| self.tell_own(handle, false));
    }

    /// On a new connection everything is said again, and everybody is asked.
    fn follow_link(&mut self) {
        let known = self.presence.link.take();
        if !self.link_is_open() || !matches!(self.phase, Phase::Open) {
            return;
        }
        let Some(link) = self.sync.link.as_mut() else { return };
        if known.is_some_and(|(connection, _)| connection == link.id) {
            self.presence.link = known;
            return;
        }
        // The relay forwards nothing to who has not caught up, so there would be no answers.
        if !link.caught_up {
            return;
        }
        self.presence.link = Some((link.id, link.request()));
        self.presence.asks = true;
        self.presence.own.values_mut().for_each(|own| own.due = self.now);
    }

    /// The connection is ended on purpose: whoever leaves says so. When this engine closes, those who have a state stay: another
    /// tab's engine takes over, or they expire.
    pub(super) fn say_goodbye(&mut self) {
        let known = self.presence.link.take();
        let open = self.sync.link.as_ref().filter(|_| self.link_is_open()).map(|link| link.id);
        if open.is_none() || known.map(|(connection, _)| connection) != open {
            return;
        }
        self.presence.link = known;
        let mut handles = std::mem::take(&mut self.presence.leaving);
        if matches!(self.phase, Phase::Open) {
            handles.extend(self.presence.own.keys().cloned());
        }
        for handle in handles {
            self.whisper(Word::Leave { handle });
        }
        self.presence.link = None;
    }

    fn whisper(&mut self, word: Word) {
        let stamp = self.presence.stamp(self.now);
        let (Some(group), Some((_, request))) = (&self.sync.group, self.presence.link) else { return };
        let device = &group.secrets.device;
        let Some((epoch, key)) = group.sealing() else { return };
        let place = WhisperPlace { group: group.state.group, epoch, author: device.device_id() };
        let sealed = Said { stamp, word }.seal(key, device, &place, &mut self.rng).into();
        let frame = ClientFrame::Whisper { request, group: place.group, epoch, sealed };
        self.send_now(&frame);
    }

    /// Somebody said something. What does not open, is forged, repeated or of a stranger is passed over: only the relay or a member
    /// could have made it, and neither is to learn what became of it.
    pub(super) fn take_whisper(&mut self, group: GroupId, from: DeviceId, epoch: Epoch, sealed: &[u8]) {
        let now = self.now;
        let Some(own) = self.sync.group.as_ref().filter(|own| own.state.group == group) else { return };
        let is_other = from != own.secrets.device.device_id() && own.membership.may_read(&from);
        let peers = &self.presence.peers;
        if !self.presence.is_used() || !is_other || !self.link_is_open() || !peers.has_room_for(&from, now) {
            return;
        }
        let place = WhisperPlace { group, epoch, author: from };
        let open = |key| Said::open(key, &place, sealed, |stamp| peers.is_news(&from, stamp, now));
        let Some(said) = own.secrets.epochs.of(epoch).find_map(open) else { return };
        let name = own.name_of(&from).cloned().unwrap_or_default();
        self.presence.peers.took(from, said.stamp, now);
        match said.word {
            Word::State { handle, since, state } => {
                let (id, peer) = ((from, handle), Peer { name, state, since: since.min(now) });
                if self.presence.peers.put(id.clone(), peer.clone(), now) {
                    let peers = vec![shown(&id, &peer)];
                    self.tell_presence(None, &Event::Presence { peers, gone: vec![] });
                }
            }
            Word::Leave { handle } => {
                let id = (from, handle);
                let gone = self.presence.peers.remove(&id).map(|peer| (id, peer));
                self.tell_gone(&Vec::from_iter(gone));
            }
            Word::Ask {} => {
                let due = now.plus_ms(self.rng.below(ANSWER_MS));
                self.presence.own.values_mut().for_each(|own| own.due = own.due.min(due));
            }
        }
    }

    /// Whether this refusal is of a whisper; what was dropped is said again a little later.
    pub(super) fn whisper_refused(&mut self, request: RequestId, retry: bool) -> bool {
        let ours = self.presence.link.is_some_and(|(_, number)| number == request);
        if ours {
            self.presence.next_at = self.now.plus_ms(if retry { AFTER_DROP_MS } else { REPEAT_MS });
            self.presence.own.values_mut().for_each(|own| own.due = self.now);
        }
        ours
    }

    fn own_peer(&self, handle: &str) -> Option<PresencePeer> {
        let own = self.presence.own.get(handle)?;
        let device = self.sync.group.as_ref().map(|group| group.secrets.device.device_id().to_string());
        let name = self.sync.settings.device_name.clone();
        let (state, since) = (own.state.clone(), own.since.as_ms());
        Some(PresencePeer { device, handle: handle.to_owned(), name, state, since, me: true })
    }

    fn tell_own(&mut self, handle: &str, gone: bool) {
        let peer = Vec::from_iter(self.own_peer(handle));
        let (peers, gone) = if gone { (vec![], peer) } else { (peer, vec![]) };
        self.tell_presence(Some(handle), &Event::Presence { peers, gone });
    }

    fn tell_gone(&mut self, gone: &[(PeerName, Peer)]) {
        if !gone.is_empty() {
            let gone = gone.iter().map(|(name, peer)| shown(name, peer)).collect();
            self.tell_presence(None, &Event::Presence { peers: vec![], gone });
        }
    }

    /// Tells every client that watches, except one whose only handle this is about.
    fn tell_presence(&mut self, about: Option<&str>, event: &Event) {
        for (client, handles) in &self.presence.watchers {
            let of_others = handles.iter().any(|handle| Some(handle.as_str()) != about);
            if of_others {
                self.presence.news.push((client.clone(), event.clone()));
            }
        }
    }

    /// Tells what has gathered. Answers go first: what they say of who is here was so before.
    pub(super) fn flush_presence(&mut self) {
        for (client, event) in std::mem::take(&mut self.presence.news) {
            let news = News { answers: vec![], events: vec![event] };
            self.outputs.push_back(Output::Deliver { client: Some(client), news });
        }
    }
}

fn shown((device, handle): &PeerName, peer: &Peer) -> PresencePeer {
    PresencePeer {
        device: Some(device.to_string()),
        handle: handle.clone(),
        name: peer.name.clone(),
        state: peer.state.clone(),
        since: peer.since.as_ms(),
        me: false,
    }
}

fn check_handle(handle: &str) -> Result<(), Failure> {
    match handle.len() {
        1..=MAX_HANDLE_BYTES => Ok(()),
        _ => Err(invalid(format!("a handle's name has 1 to {MAX_HANDLE_BYTES} bytes"))),
    }
}

fn invalid(message: String) -> Failure {
    Failure::new(ErrorCode::RequestInvalid, message)
}
