//! What a device knows of the group whose keys it shares: its secrets, what its entries carry, invitations.

mod epochs;
mod invitation;
mod payload;
mod recovery;
mod request;
mod secrets;
mod snapshot;
mod state;
mod ticket;
mod whisper;

pub use epochs::{EpochKeys, MAX_EARLIER, Wrapping};
pub use invitation::{Invitation, InviteNote, opening_key};
pub use payload::{
    DATA_CONTEXT, DataPayload, DocumentChange, MAX_CHANGE_BYTES, MAX_PLAIN_ENTRY_BYTES, MAX_WRITERS, ProfilePayload,
    Writer,
};
pub use recovery::{
    MAX_LOCATOR_BYTES, RecoveryAccess, RecoveryKind, RecoveryKit, RecoveryLocator, RecoveryNote, RecoverySecret,
    StoredEnvelope, StoredEnvelopes,
};
pub use request::{AskingStand, AskingState, NamePlace, request_words, ticket_secret};
pub use secrets::{Secrets, SecretsError};
pub use snapshot::{ID_BYTES, KnownSnapshot, PART_BYTES, SnapshotPart, SnapshotState, WriterOf};
pub use state::{Announced, GroupState, JoiningState, RelayPlace, SyncSettings};
pub use ticket::{NoTicket, Ticket};
pub use whisper::{MAX_HANDLE_BYTES, MAX_STATE_BYTES, Said, WhisperPlace, Word};
