//! The part of receiving that needs no state: decoding a frame and checking the signatures in it, on any thread.

use crate::control::ControlError;
use crate::frame::{ClientFrame, FailureCode, Received, RequestId};
use crate::hash;
use crate::header::{EntryError, VerifiedEntry};
use crate::ids::{EntryId, GroupId};
use crate::limits::Limits;

/// A frame whose signatures are checked.
#[derive(Debug)]
pub enum Prepared {
    /// Anything but an append.
    Frame(ClientFrame),
    /// An append, each entry verified or found wanting.
    Append {
        /// Its request.
        request: RequestId,
        /// To whose log.
        group: GroupId,
        /// In the order of the frame.
        entries: Vec<PreparedEntry>,
    },
    /// A frame of a newer version, to be passed over.
    Unknown,
    /// Not a frame: the connection ends.
    Bad(FailureCode),
}

/// An entry of an append: verified, or why not. The id is there in both cases.
pub type PreparedEntry = Result<Box<VerifiedEntry>, (FailureCode, EntryId)>;

impl Prepared {
    pub(super) fn request(&self) -> Option<RequestId> {
        match self {
            Self::Append { request, .. } => Some(*request),
            Self::Frame(frame) => request_of(frame),
            Self::Unknown | Self::Bad(_) => None,
        }
    }
}

fn request_of(frame: &ClientFrame) -> Option<RequestId> {
    match frame {
        ClientFrame::Hello { .. } | ClientFrame::Ping { .. } => None,
        ClientFrame::Open { request, .. }
        | ClientFrame::Append { request, .. }
        | ClientFrame::Pull { request, .. }
        | ClientFrame::PutInvite { request, .. }
        | ClientFrame::TakeInvite { request, .. }
        | ClientFrame::RevokeInvite { request, .. }
        | ClientFrame::Whisper { request, .. }
        | ClientFrame::PutSnapshotPart { request, .. }
        | ClientFrame::GetSnapshotPart { request, .. }
        | ClientFrame::GetControls { request, .. }
        | ClientFrame::Ask { request, .. }
        | ClientFrame::ListRequests { request, .. }
        | ClientFrame::Reject { request, .. }
        | ClientFrame::Withdraw { request, .. }
        | ClientFrame::PutEnvelope { request, .. }
        | ClientFrame::AskHint { request, .. }
        | ClientFrame::OpenEnvelope { request, .. }
        | ClientFrame::DropEnvelope { request, .. }
        | ClientFrame::Close { request, .. } => Some(*request),
    }
}

/// Decodes a frame and verifies the entries in it. Stops verifying at the first that fails: the append is refused anyway.
pub fn prepare(bytes: &[u8], limits: &Limits) -> Prepared {
    if bytes.len() > limits.max_frame_bytes as usize {
        return Prepared::Bad(FailureCode::FrameTooLarge);
    }
    match ClientFrame::decode(bytes) {
        Err(_) => Prepared::Bad(FailureCode::BadFrame),
        Ok(Received::Unknown(_)) => Prepared::Unknown,
        Ok(Received::Frame(ClientFrame::Append { request, group, entries })) => {
            let too_many = entries.len() > limits.max_append_entries as usize;
            let entries = match entries.first() {
                Some(first) if too_many => vec![Err((FailureCode::TooManyEntries, hash::entry_id(first)))],
                _ => verify_all(entries.into_iter().map(|bytes| bytes.0), limits),
            };
            Prepared::Append { request, group, entries }
        }
        Ok(Received::Frame(frame)) => Prepared::Frame(frame),
    }
}

fn verify_all(entries: impl Iterator<Item = Vec<u8>>, limits: &Limits) -> Vec<PreparedEntry> {
    let mut prepared = Vec::new();
    for bytes in entries {
        let entry = verify(bytes, limits);
        let stop = entry.is_err();
        prepared.push(entry);
        if stop {
            break;
        }
    }
    prepared
}

fn verify(bytes: Vec<u8>, limits: &Limits) -> PreparedEntry {
    let id = hash::entry_id(&bytes);
    if bytes.len() > limits.max_entry_bytes as usize {
        return Err((FailureCode::EntryTooLarge, id));
    }
    let entry = crate::header::Entry::from_vec(bytes).and_then(crate::header::Entry::verify);
    entry.map(Box::new).map_err(|error| (code_of(&error), id))
}

fn code_of(error: &EntryError) -> FailureCode {
    match error {
        EntryError::UnsupportedVersion(_)
        | EntryError::UnsupportedKind(_)
        | EntryError::Control(ControlError::Unsupported(_)) => FailureCode::UnsupportedEntry,
        EntryError::TooLarge { .. } => FailureCode::EntryTooLarge,
        EntryError::Codec(_)
        | EntryError::PayloadSize { .. }
        | EntryError::Parents
        | EntryError::Kind
        | EntryError::Signature
        | EntryError::Manifest(_)
        | EntryError::Control(ControlError::Codec(_)) => FailureCode::BadEntry,
    }
}
