//! The others who are here: how many are remembered, for how long, and what of theirs was heard already.

use crate::time::Timestamp;
use ashore_protocol::ids::DeviceId;
use std::collections::BTreeMap;

/// Handles that are remembered, all together and of one device.
pub(super) const MAX_PEERS: usize = 200;
const MAX_HANDLES: usize = 16;
/// Of so many devices it is remembered how far they were heard.
const MAX_HEARD: usize = 1_000;
/// Who says nothing for this long is gone.
pub(super) const EXPIRY_MS: u64 = 30_000;
/// A whisper's stamp is at most this far from our clock.
const WINDOW_MS: u64 = 10 * 60_000;

/// A handle on another device.
pub(super) type PeerName = (DeviceId, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) since: Timestamp,
}

#[derive(Default)]
pub(super) struct Peers {
    here: BTreeMap<PeerName, (Peer, Timestamp)>,
    /// The highest stamp of each device.
    heard: BTreeMap<DeviceId, Timestamp>,
}

impl Peers {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerName, &Peer)> {
        self.here.iter().map(|(name, (peer, _))| (name, peer))
    }

    /// Whether a whisper of this device with this stamp may be taken: it is no repetition, and neither old nor from a time to come.
    pub(super) fn is_news(&self, device: &DeviceId, stamp: Timestamp, now: Timestamp) -> bool {
        let apart_ms = now.ms_since(stamp).max(stamp.ms_since(now));
        apart_ms <= WINDOW_MS && self.heard.get(device).is_none_or(|heard| *heard < stamp)
    }

    /// A whisper with this stamp was taken.
    pub(super) fn took(&mut self, device: DeviceId, stamp: Timestamp, now: Timestamp) {
        if self.heard.len() >= MAX_HEARD && !self.heard.contains_key(&device) {
            // What is out of the window anyway need not be remembered.
            self.heard.retain(|_, heard| now.ms_since(*heard) <= WINDOW_MS);
            if self.heard.len() >= MAX_HEARD {
                return;
            }
        }
        self.heard.insert(device, stamp);
    }

    /// Of more devices than that no whispers are taken, because they could be repeated.
    pub(super) fn has_room_for(&self, device: &DeviceId, now: Timestamp) -> bool {
        self.heard.contains_key(device)
            || self.heard.len() < MAX_HEARD
            || self.heard.values().any(|heard| now.ms_since(*heard) > WINDOW_MS)
    }

    /// Takes in a handle's state; whether that is anything new. Of too many nothing is remembered.
    pub(super) fn put(&mut self, name: PeerName, peer: Peer, now: Timestamp) -> bool {
        if let Some((known, heard_at)) = self.here.get_mut(&name) {
            *heard_at = now;
            let differs = *known != peer;
            *known = peer;
            return differs;
        }
        let of_device = self.here.range((name.0, String::new())..).take_while(|((device, _), _)| *device == name.0);
        if self.here.len() >= MAX_PEERS || of_device.count() >= MAX_HANDLES {
            return false;
        }
        self.here.insert(name, (peer, now));
        true
    }

    pub(super) fn remove(&mut self, name: &PeerName) -> Option<Peer> {
        self.here.remove(name).map(|(peer, _)| peer)
    }

    /// Takes out who said nothing for too long.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<(PeerName, Peer)> {
        for (_, heard_at) in self.here.values_mut() {
            // A clock that was set back must not keep anybody.
            *heard_at = (*heard_at).min(now);
        }
        let expired = |(_, heard_at): &(Peer, Timestamp)| now.ms_since(*heard_at) >= EXPIRY_MS;
        let gone: Vec<PeerName> =
            self.here.iter().filter(|(_, peer)| expired(peer)).map(|(name, _)| name.clone()).collect();
        gone.into_iter().filter_map(|name| self.remove(&name).map(|peer| (name, peer))).collect()
    }

    /// When the next of them is gone.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.here.values().map(|(_, heard_at)| heard_at.plus_ms(EXPIRY_MS)).min()
    }

    /// Forgets all of them; answers who was here.
    pub(super) fn take(&mut self) -> Vec<(PeerName, Peer)> {
        self.heard.clear();
        std::mem::take(&mut self.here).into_iter().map(|(name, (peer, _))| (name, peer)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn device(number: u32) -> DeviceId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        DeviceId(id)
    }

    fn peer(state: &str) -> Peer {
        Peer { name: String::new(), state: state.to_owned(), since: Timestamp::from_ms(0) }
    }

    const NOW: Timestamp = Timestamp::from_ms(1_000_000_000);

    #[test]
    fn what_is_remembered_is_bounded_in_all_and_for_each_device() {
        let mut peers = Peers::default();
        for handle in 0..100 {
            peers.put((device(1), handle.to_string()), peer("{}"), NOW);
        }
        assert_eq!(peers.iter().count(), MAX_HANDLES, "one device takes no more than its share");
        for number in 2..1_000 {
            peers.put((device(number), "h".into()), peer("{}"), NOW);
        }
        assert_eq!(peers.iter().count(), MAX_PEERS);
        assert!(peers.put((device(1), "0".into()), peer("[]"), NOW), "who is here is still heard");
    }

    #[test]
    fn a_stamp_is_taken_once_in_rising_order_and_near_our_clock() {
        let mut peers = Peers::default();
        let (alice, bob) = (device(1), device(2));
        assert!(peers.is_news(&alice, NOW, NOW));
        peers.took(alice, NOW, NOW);
        assert!(!peers.is_news(&alice, NOW, NOW));
        assert!(!peers.is_news(&alice, Timestamp::from_ms(NOW.as_ms() - 1), NOW));
        assert!(peers.is_news(&alice, NOW.plus_ms(1), NOW));
        assert!(peers.is_news(&bob, NOW, NOW), "each device has its own");
        for (stamp, news) in [(NOW.plus_ms(WINDOW_MS), true), (NOW.plus_ms(WINDOW_MS + 1), false)] {
            assert_eq!(peers.is_news(&bob, stamp, NOW), news);
            assert_eq!(peers.is_news(&bob, NOW, stamp), news);
        }
    }

    #[test]
    fn the_memory_of_stamps_is_bounded_without_forgetting_one_that_still_counts() {
        let mut peers = Peers::default();
        for number in 0..MAX_HEARD as u32 {
            peers.took(device(number), NOW, NOW);
        }
        let late = device(5_000);
        assert!(!peers.has_room_for(&late, NOW));
        peers.took(late, NOW, NOW);
        assert!(!peers.is_news(&device(0), NOW, NOW));
        let later = NOW.plus_ms(WINDOW_MS + 1);
        assert!(peers.has_room_for(&late, later));
        peers.took(late, later, later);
        assert!(!peers.is_news(&late, later, later));
        assert!(!peers.is_news(&device(0), NOW, later));
    }

    #[test]
    fn who_says_nothing_is_gone_after_half_a_minute_also_when_the_clock_is_set_back() {
        let mut peers = Peers::default();
        peers.put((device(1), "h".into()), peer("{}"), NOW);
        assert_eq!(peers.deadline(), Some(NOW.plus_ms(EXPIRY_MS)));
        assert!(peers.expire(NOW.plus_ms(EXPIRY_MS - 1)).is_empty());
        let back = Timestamp::from_ms(5_000);
        assert!(peers.expire(back).is_empty());
        assert_eq!(peers.expire(back.plus_ms(EXPIRY_MS)).len(), 1);
        assert_eq!(peers.deadline(), None);
    }
}
