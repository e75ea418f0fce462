//! How large and how many: what every peer may rely on, and what a relay may set for itself.

use minicbor::{Decode, Encode};

/// The largest payload of an entry, 1 MiB.
pub const MAX_PAYLOAD_BYTES: u32 = 1 << 20;
/// The most parents an entry names.
pub const MAX_PARENTS: usize = 32;
/// The most control entries in a group.
pub const MAX_CONTROL_ENTRIES: usize = 8_192;
/// Room for the largest header: 32 parents of 34 bytes and the rest.
pub const MAX_HEADER_BYTES: u32 = 2 << 10;
/// The largest encoded entry: payload, header, signature and their CBOR heads.
pub const MAX_ENTRY_BYTES: u32 = MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES + 128;
/// The largest sealed whisper, 2 KiB.
pub const MAX_WHISPER_BYTES: usize = 2 << 10;
/// The most devices that one invitation is for.
pub const MAX_INVITE_USES: u32 = 100;
/// The largest sealed envelope of a recovery, 4 KiB.
pub const MAX_ENVELOPE_BYTES: usize = 4 << 10;
/// The most envelopes of one group.
pub const MAX_GROUP_ENVELOPES: usize = 8;
/// The largest frame: the largest entry with room to spare for what stands around it.
pub const MAX_FRAME_BYTES: u32 = MAX_ENTRY_BYTES + (16 << 10);

/// What a relay allows. It tells its devices in the challenge that opens a connection.
///
/// A default relay's limits are [`Limits::default`]; the smallest that make sense are checked by [`Limits::check`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Limits {
    /// Largest frame in either direction, in bytes.
    #[n(0)]
    pub max_frame_bytes: u32,
    /// Largest encoded entry, in bytes. The largest entry always fits a frame and a page.
    #[n(1)]
    pub max_entry_bytes: u32,
    /// Most entries in one append.
    #[n(2)]
    pub max_append_entries: u32,
    /// Most entries in one page or live frame.
    #[n(3)]
    pub max_page_entries: u32,
    /// Most bytes of entries in one page or live frame, unless a single entry is larger.
    #[n(4)]
    pub max_page_bytes: u32,
    /// Groups that one connection may have open at a time.
    #[n(5)]
    pub max_open_groups: u32,
    /// Bytes of entries that one group may keep.
    #[n(6)]
    pub max_group_bytes: u64,
    /// Largest sealed invitation, in bytes.
    #[n(7)]
    pub max_invite_bytes: u32,
    /// Invitations of one group that wait to be taken.
    #[n(8)]
    pub max_group_invites: u32,
    /// How far ahead an invitation may expire, in milliseconds.
    #[n(9)]
    pub max_invite_ms: u64,
    /// How long a used or expired invitation is remembered after its expiry, in milliseconds.
    #[n(10)]
    pub invite_grace_ms: u64,
    /// Invitations that were not there, after which a connection is closed.
    #[n(11)]
    pub max_invite_misses: u32,
    /// Bytes that may wait to be sent to one connection before it is told that it lags.
    #[n(12)]
    pub max_pending_bytes: u32,
    /// How often the relay asks whether a silent connection still lives, in milliseconds; a device may expect it.
    #[n(13)]
    pub heartbeat_ms: u32,
    /// Bytes that the parts of one snapshot may have. `None`: the relay keeps no snapshots.
    #[n(14)]
    pub max_snapshot_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame_bytes: MAX_FRAME_BYTES,
            max_entry_bytes: MAX_ENTRY_BYTES,
            max_append_entries: 1_000,
            max_page_entries: 1_000,
            max_page_bytes: 512 << 10,
            max_open_groups: 64,
            max_group_bytes: 1 << 30,
            max_invite_bytes: 16 << 10,
            max_group_invites: 100,
            max_invite_ms: 31 * 24 * 3_600_000,
            invite_grace_ms: 24 * 3_600_000,
            max_invite_misses: 5,
            max_pending_bytes: 8 << 20,
            heartbeat_ms: 30_000,
            max_snapshot_bytes: Some(512 << 20),
        }
    }
}

/// These limits contradict one another or the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLimits {
    /// The largest entry and the largest page must fit a frame.
    #[error("max_frame_bytes must exceed max_entry_bytes and max_page_bytes by at least 16 KiB")]
    FrameTooSmall,
    /// More than the protocol allows.
    #[error("max_entry_bytes is over the protocol's {MAX_ENTRY_BYTES}, or max_frame_bytes over 64 MiB")]
    TooLarge,
    /// Nothing could pass.
    #[error("a limit is zero")]
    Zero,
}

impl Limits {
    /// Refuses limits under which the largest allowed entry would not fit a frame, or nothing could pass.
    pub fn check(&self) -> Result<(), BadLimits> {
        if self.max_entry_bytes > MAX_ENTRY_BYTES || self.max_frame_bytes > 64 << 20 {
            return Err(BadLimits::TooLarge);
        }
        let largest = self.max_entry_bytes.max(self.max_page_bytes);
        if self.max_frame_bytes < largest.saturating_add(16 << 10) {
            return Err(BadLimits::FrameTooSmall);
        }
        let counts = [self.max_append_entries, self.max_page_entries, self.max_page_bytes, self.max_open_groups];
        let sizes = [self.max_entry_bytes, self.max_pending_bytes, self.max_invite_bytes];
        if counts.contains(&0) || sizes.contains(&0) { Err(BadLimits::Zero) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn limits_under_which_an_entry_would_not_fit_are_refused() {
        assert_eq!(Limits::default().check(), Ok(()));
        let default = Limits::default;
        assert_eq!(Limits { max_frame_bytes: MAX_ENTRY_BYTES, ..default() }.check(), Err(BadLimits::FrameTooSmall));
        assert_eq!(Limits { max_page_bytes: MAX_FRAME_BYTES, ..default() }.check(), Err(BadLimits::FrameTooSmall));
        assert_eq!(Limits { max_entry_bytes: MAX_ENTRY_BYTES + 1, ..default() }.check(), Err(BadLimits::TooLarge));
        assert_eq!(Limits { max_page_entries: 0, ..default() }.check(), Err(BadLimits::Zero));
    }
}
