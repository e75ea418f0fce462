//! How much one network address may try in a while: wrong invite places, new groups, and requests to join.

use crate::ids::Timestamp;
use std::collections::BTreeMap;

/// Where a connection comes from, as 16 bytes: an IPv6 network (/64) or an IPv4 address. Many devices may share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub [u8; 16]);

/// What one [`Peer`] may do within [`AdmissionLimits::window_ms`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// How long attempts are counted together, in milliseconds.
    pub window_ms: u64,
    /// Invitations asked for that were not there.
    pub max_invite_misses: u32,
    /// Groups begun.
    pub max_new_groups: u32,
    /// Requests to join that were made or changed.
    pub max_join_requests: u32,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self { window_ms: 600_000, max_invite_misses: 20, max_new_groups: 60, max_join_requests: 30 }
    }
}

/// How many addresses are remembered; beyond that the ones whose window began first are forgotten.
const MAX_PEERS: usize = 10_000;

#[derive(Debug)]
pub(super) struct Admission {
    limits: AdmissionLimits,
    windows: BTreeMap<Peer, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    misses: u32,
    groups: u32,
    requests: u32,
}

/// Wait so many milliseconds.
pub(super) struct Wait(pub(super) u32);

impl Admission {
    pub(super) fn new(limits: AdmissionLimits) -> Self {
        Self { limits, windows: BTreeMap::new() }
    }

    /// Whether the address may ask for an invitation.
    pub(super) fn may_take(&mut self, peer: Option<Peer>, now: Timestamp) -> Result<(), Wait> {
        let max = self.limits.max_invite_misses;
        self.check(peer, now, |window| window.misses < max)
    }

    pub(super) fn missed(&mut self, peer: Option<Peer>, now: Timestamp) {
        self.count(peer, now, |window| window.misses += 1);
    }

    /// Whether the address may begin a group.
    pub(super) fn may_begin_group(&mut self, peer: Option<Peer>, now: Timestamp) -> Result<(), Wait> {
        let max = self.limits.max_new_groups;
        self.check(peer, now, |window| window.groups < max)
    }

    pub(super) fn began_group(&mut self, peer: Option<Peer>, now: Timestamp) {
        self.count(peer, now, |window| window.groups += 1);
    }

    /// Whether the address may ask to join a group.
    pub(super) fn may_ask(&mut self, peer: Option<Peer>, now: Timestamp) -> Result<(), Wait> {
        let max = self.limits.max_join_requests;
        self.check(peer, now, |window| window.requests < max)
    }

    pub(super) fn asked(&mut self, peer: Option<Peer>, now: Timestamp) {
        self.count(peer, now, |window| window.requests += 1);
    }

    fn check(&self, peer: Option<Peer>, now: Timestamp, fine: impl Fn(&Window) -> bool) -> Result<(), Wait> {
        let Some(window) = peer.and_then(|peer| self.windows.get(&peer)) else { return Ok(()) };
        let passed = now.ms_since(window.began);
        if fine(window) || passed >= self.limits.window_ms {
            return Ok(());
        }
        Err(Wait(u32::try_from(self.limits.window_ms - passed).unwrap_or(u32::MAX)))
    }

    fn count(&mut self, peer: Option<Peer>, now: Timestamp, add: impl Fn(&mut Window)) {
        let Some(peer) = peer else { return };
        self.make_room(now);
        let fresh = Window { began: now, misses: 0, groups: 0, requests: 0 };
        let window = self.windows.entry(peer).or_insert(fresh);
        if now.ms_since(window.began) >= self.limits.window_ms {
            *window = fresh;
        }
        add(window);
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.windows.len() < MAX_PEERS {
            return;
        }
        let window_ms = self.limits.window_ms;
        self.windows.retain(|_, window| now.ms_since(window.began) < window_ms);
        if self.windows.len() >= MAX_PEERS {
            let oldest = self.windows.iter().min_by_key(|(_, window)| window.began).map(|(peer, _)| *peer);
            oldest.map(|peer| self.windows.remove(&peer));
        }
    }
}
