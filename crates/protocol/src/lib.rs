//! What crosses the wire between Ashore devices and relays, and the rules both ends share.
//!
//! There is no cipher in this crate and in nothing it depends on: a relay built on it *cannot* read what passes
//! through it. There is no socket, no clock and no random source either: bytes, times and nonces are arguments.
//!
//! The modules stand in the order in which they build on one another; the types on the wire are written down in
//! `protocol.cddl`, and `testdata/` holds bytes of each that must decode for ever.
pub mod gather;
pub mod ids;
pub mod limits;

pub mod codec;
pub mod hash;
pub mod sign;

pub mod keys;

pub mod control;
pub mod snapshot;

pub mod header;

pub mod membership;

pub mod invite;
pub mod request;

pub mod envelope;

pub mod frame;
pub mod handshake;
pub mod peer;

pub mod mailbox;

pub use control::{Control, Role};
pub use header::{Entry, EntryDraft, EntryError, EntryKind, Header, VerifiedEntry};
pub use ids::{
    Cursor, DeviceId, EntryId, EnvelopePlace, Epoch, GroupId, InviteKey, InvitePlace, LogId, LogPrefix, PeerSession,
    SnapshotNonce, Timestamp,
};
pub use keys::{KemKey, Recipient, Rotation, Wrap};
pub use limits::Limits;
pub use membership::Membership;
pub use sign::{Signature, SigningKey};
pub use snapshot::Manifest;
