//! What a relay knows of one open connection.

use super::admission::Peer;
use super::whisper::Bucket;
use crate::ids::{Cursor, DeviceId, GroupId};
use std::collections::BTreeMap;

/// A connection, numbered by the caller; a number is not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Option<Peer>,
    pub(super) nonce: [u8; 32],
    /// Set by the handshake.
    pub(super) device: Option<DeviceId>,
    pub(super) following: BTreeMap<GroupId, Following>,
    /// Invitations asked for that were not there.
    pub(super) misses: u32,
    /// Polled and not yet reported as flushed.
    pub(super) pending_bytes: usize,
    pub(super) whispers: Bucket,
}

/// How far one connection follows one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Following {
    /// The last cursor that was sent.
    pub(super) sent: Cursor,
    /// Whether new entries are pushed; otherwise the device pulls.
    pub(super) live: bool,
    /// Whether its own entries come in full.
    pub(super) own_in_full: bool,
}

impl Connection {
    pub(super) fn new(peer: Option<Peer>, nonce: [u8; 32]) -> Self {
        let (following, whispers) = (BTreeMap::new(), Bucket::default());
        Self { peer, nonce, device: None, following, misses: 0, pending_bytes: 0, whispers }
    }
}
