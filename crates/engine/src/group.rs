//! What a device knows of the group whose keys it shares: its secrets, what its entries carry, invitations.

mod epochs;
mod invitation;
mod mark;
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
pub use mark::{MarkSecret, Marked};
pub use payload::{
    BuriedDocument, DATA_CONTEXT, DataPayload, DocumentChange, MAX_BURIED, MAX_CHANGE_BYTES, MAX_PLAIN_ENTRY_BYTES,
    MAX_WRITERS, Marker, ProfilePayload, Writer,
};
pub use recovery::{
    MAX_LOCATOR_BYTES, RecoveryAccess, RecoveryKind, RecoveryKit, RecoveryLocator, RecoveryNote, RecoverySecret,
    StoredEnvelope, StoredEnvelopes,
};
pub use request::{AskingStand, AskingState, Introduction, NamePlace, request_words, ticket_secret};
pub use secrets::{Secrets, SecretsError};
pub use snapshot::{ID_BYTES, KnownSnapshot, PART_BYTES, SnapshotPart, SnapshotState, WriterOf};
pub use state::{Announced, GroupState, JoiningState, PutAside, RelayPlace, SyncSettings};
pub use ticket::{NoTicket, Ticket};
pub use whisper::{MAX_HANDLE_BYTES, MAX_STATE_BYTES, Said, WhisperPlace, Word};
