//! The entry: a signed plaintext header and a payload. What travels between devices, and the only thing that does.
//!
//! Encoded it is the CBOR array `[header: bytes, payload: bytes, signature: bytes]`; its id is the BLAKE3 hash of that.
//! The header is a byte string of its own so that it can be the associated data under which the payload is sealed.

use crate::codec::{self, Bytes, CodecError};
use crate::control::{Control, ControlError};
use crate::hash;
use crate::ids::{DeviceId, EntryId, Epoch, GroupId};
use crate::limits::{MAX_ENTRY_BYTES, MAX_HEADER_BYTES, MAX_PARENTS, MAX_PAYLOAD_BYTES};
use crate::sign::{Domain, Signature, SigningKey};
use crate::snapshot::{Manifest, ManifestError};
use minicbor::{Decode, Decoder, Encode};
use std::ops::Range;

/// The version of the header's format that this crate writes and reads.
pub const ENTRY_VERSION: u8 = 1;

/// What an entry's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum EntryKind {
    /// The first entry of a group: a [`Control::Genesis`] in the clear.
    #[n(0)]
    Genesis,
    /// Any other [`Control`], in the clear: the relay checks it too.
    #[n(1)]
    Control,
    /// Changes of documents, sealed by the engine.
    #[n(2)]
    Data,
    /// Nothing: its parents say what its author has seen. Any member may write one, readers too; nothing builds on it.
    #[n(3)]
    Seen,
    /// A [`Manifest`] in the clear: names the sealed parts of a snapshot, which a relay keeps beside the log.
    #[n(4)]
    Snapshot,
}

/// Kinds from this number on are those of newer versions.
const KNOWN_KINDS: u32 = 5;

impl EntryKind {
    /// Whether it says who belongs to the group: those are kept for ever and read back to know the members.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Genesis | Self::Control)
    }
}

/// The signed plaintext in front of a payload: all that a relay learns of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Header {
    /// Always [`ENTRY_VERSION`].
    #[n(0)]
    pub version: u8,
    /// `None` in a genesis, whose id becomes the group's, and only there.
    #[n(1)]
    pub group: Option<GroupId>,
    /// The device that wrote and signed it.
    #[n(2)]
    pub author: DeviceId,
    /// What the author had seen last: in ascending order, without repeats, 1 to [`MAX_PARENTS`]; none in a genesis.
    #[n(3)]
    pub parents: Vec<EntryId>,
    /// Under which of the group's keys the payload is sealed.
    #[n(4)]
    pub epoch: Epoch,
    /// What the payload is.
    #[n(5)]
    pub kind: EntryKind,
    /// Exact size of the payload as it travels.
    #[n(6)]
    pub payload_size: u32,
}

/// Why bytes are not an entry that may be stored, or why one cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not the canonical encoding of an entry.
    #[error("the entry does not decode: {0}")]
    Codec(#[from] CodecError),
    /// Written by a newer version of the protocol.
    #[error("version {0} of the entry format is not supported")]
    UnsupportedVersion(u8),
    /// Of a kind that only newer versions know.
    #[error("entry kind {0} is not supported by this version")]
    UnsupportedKind(u32),
    /// Larger than the protocol allows.
    #[error("{bytes} bytes are more than the {max} allowed")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        max: u32,
    },
    /// The payload is not as long as the header says.
    #[error("the payload has {actual} bytes, the header says {stated}")]
    PayloadSize {
        /// What the header says.
        stated: u32,
        /// What is there.
        actual: usize,
    },
    /// Parents are out of order, repeated, too many, or missing.
    #[error("the parents are out of order, repeated, too many or missing")]
    Parents,
    /// A genesis names a group, parents or an epoch, or something else names no group.
    #[error("the header does not fit its kind")]
    Kind,
    /// Whoever signs is not the author, or the signature is forged.
    #[error("the signature is not the author's")]
    Signature,
    /// The payload of a control entry is not a control, or one of a newer version.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The payload of a snapshot entry is not a manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl EntryError {
    /// Whether a newer version most likely wrote it, and may read it: nothing is wrong with the entry, and an update helps.
    pub fn is_of_newer_version(&self) -> bool {
        match self {
            Self::UnsupportedVersion(_) | Self::UnsupportedKind(_) | Self::Control(ControlError::Unsupported(_)) => {
                true
            }
            Self::Codec(_)
            | Self::TooLarge { .. }
            | Self::PayloadSize { .. }
            | Self::Parents
            | Self::Kind
            | Self::Signature
            | Self::Control(ControlError::Codec(_))
            | Self::Manifest(_) => false,
        }
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Envelope {
    #[n(0)]
    header: Bytes,
    #[n(1)]
    payload: Bytes,
    #[n(2)]
    signature: Signature,
}

/// An entry that decoded: its form and sizes are right. Its signature is not checked yet: see [`Entry::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    id: EntryId,
    header: Header,
    encoded: Bytes,
    header_range: Range<usize>,
    payload_range: Range<usize>,
    signature: Signature,
}

impl Entry {
    /// Parses an entry that arrived. Whatever the bytes are, the answer is an entry or a typed error.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        Self::from_vec(bytes.to_vec())
    }

    /// Like [`Entry::decode`], keeping the bytes instead of copying them.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY_BYTES as usize {
            return Err(EntryError::TooLarge { bytes: bytes.len(), max: MAX_ENTRY_BYTES });
        }
        let (header_range, payload_range, signature) = split(&bytes)?;
        let header = Header::parse(bytes.get(header_range.clone()).unwrap_or_default())?;
        check_size(header.payload_size, payload_range.len())?;
        let id = hash::entry_id(&bytes);
        Ok(Self { id, header, encoded: Bytes(bytes), header_range, payload_range, signature })
    }

    /// Checks that the author signed exactly these bytes.
    pub fn verify(self) -> Result<VerifiedEntry, EntryError> {
        let digest = hash::entry_digest(self.header_bytes(), self.payload());
        self.header.author.verify(Domain::Entry, &digest, &self.signature).map_err(|_| EntryError::Signature)?;
        VerifiedEntry::new(self)
    }

    /// The entry as verified, without checking its signature again. Only for bytes that this very device or relay has
    /// verified, stored and read back from a store that nobody else writes; never for bytes from a connection.
    pub fn verified_before(self) -> Result<VerifiedEntry, EntryError> {
        VerifiedEntry::new(self)
    }

    /// Hash of the encoded bytes.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The plaintext header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header's bytes: the associated data of the sealed payload.
    pub fn header_bytes(&self) -> &[u8] {
        self.encoded.get(self.header_range.clone()).unwrap_or_default()
    }

    /// The payload: sealed in a data entry, CBOR of a [`Control`] or [`Manifest`] otherwise.
    pub fn payload(&self) -> &[u8] {
        self.encoded.get(self.payload_range.clone()).unwrap_or_default()
    }

    /// The bytes that travel.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The bytes that travel, without a copy.
    pub fn into_encoded(self) -> Vec<u8> {
        self.encoded.0
    }

    /// The group it belongs to; for a genesis the one it founds.
    pub fn group(&self) -> GroupId {
        self.header.group.unwrap_or_else(|| GroupId::from(self.id))
    }
}

/// Where header and payload lie in the bytes. Refuses anything but the canonical encoding.
fn split(bytes: &[u8]) -> Result<(Range<usize>, Range<usize>, Signature), EntryError> {
    let mut decoder = Decoder::new(bytes);
    let mut read = || -> Result<_, minicbor::decode::Error> {
        if decoder.array()? != Some(3) {
            return Err(minicbor::decode::Error::message("an entry is an array of three"));
        }
        let header_size = decoder.bytes()?.len();
        let header_end = decoder.position();
        let payload_size = decoder.bytes()?.len();
        let payload_end = decoder.position();
        let signature: Signature = decoder.decode()?;
        Ok((
            header_end - header_size..header_end,
            payload_end - payload_size..payload_end,
            signature,
            decoder.position(),
        ))
    };
    let (header, payload, signature, end) = read().map_err(|error| CodecError::Malformed(error.to_string()))?;
    if end != bytes.len() {
        return Err(CodecError::Trailing(bytes.len() - end).into());
    }
    // The only freedom that is left is the size of the CBOR heads, so the canonical encoding is the shortest.
    let canonical = 1 + head_size(header.len()) + header.len() + head_size(payload.len()) + payload.len() + 2 + 64;
    if end == canonical { Ok((header, payload, signature)) } else { Err(CodecError::NotCanonical.into()) }
}

/// Bytes of the shortest CBOR head of a byte string of this size.
fn head_size(size: usize) -> usize {
    match size {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    }
}

fn check_size(stated: u32, actual: usize) -> Result<(), EntryError> {
    match stated as usize == actual {
        true => Ok(()),
        false => Err(EntryError::PayloadSize { stated, actual }),
    }
}

impl Header {
    /// Parses a header and checks everything that can be said of it without the rest.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_HEADER_BYTES as usize {
            return Err(EntryError::TooLarge { bytes: bytes.len(), max: MAX_HEADER_BYTES });
        }
        let version = peek_version(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
        if version != ENTRY_VERSION {
            return Err(EntryError::UnsupportedVersion(version));
        }
        match peek_kind(bytes) {
            Ok(kind) if kind >= KNOWN_KINDS => return Err(EntryError::UnsupportedKind(kind)),
            Ok(_) | Err(_) => {}
        }
        let header: Self = codec::decode_canonical(bytes)?;
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), EntryError> {
        if self.payload_size > MAX_PAYLOAD_BYTES {
            return Err(EntryError::TooLarge { bytes: self.payload_size as usize, max: MAX_PAYLOAD_BYTES });
        }
        let genesis = self.kind == EntryKind::Genesis;
        if genesis != self.group.is_none() || (genesis && self.epoch != Epoch(0)) {
            return Err(EntryError::Kind);
        }
        if self.kind == EntryKind::Seen && self.payload_size != 0 {
            return Err(EntryError::Kind);
        }
        let ascending = self.parents.is_sorted_by(|a, b| a < b);
        if !ascending || self.parents.len() > MAX_PARENTS || genesis != self.parents.is_empty() {
            return Err(EntryError::Parents);
        }
        Ok(())
    }
}

fn peek_version(bytes: &[u8]) -> Result<u8, minicbor::decode::Error> {
    let mut decoder = Decoder::new(bytes);
    decoder.array()?;
    decoder.u8()
}

/// What stands where the kind does; whether the rest is a header is not said.
fn peek_kind(bytes: &[u8]) -> Result<u32, minicbor::decode::Error> {
    let mut decoder = Decoder::new(bytes);
    decoder.array()?;
    for _ in 0..5 {
        decoder.skip()?;
    }
    decoder.u32()
}

/// An entry whose form, sizes and signature are right and whose control, if it carries one, is known.
///
/// What it does not say: that its author was allowed to write it (see [`crate::membership`]) or that it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    entry: Entry,
    control: Option<Control>,
    manifest: Option<Box<Manifest>>,
}

impl VerifiedEntry {
    fn new(entry: Entry) -> Result<Self, EntryError> {
        let control = match entry.header.kind {
            EntryKind::Data | EntryKind::Seen | EntryKind::Snapshot => None,
            EntryKind::Genesis | EntryKind::Control => Some(Control::parse(entry.payload())?),
        };
        let manifest = match entry.header.kind {
            EntryKind::Snapshot => Some(Box::new(Manifest::parse(entry.payload())?)),
            EntryKind::Genesis | EntryKind::Control | EntryKind::Data | EntryKind::Seen => None,
        };
        let founds = matches!(control, Some(Control::Genesis { .. }));
        if founds != (entry.header.kind == EntryKind::Genesis) {
            return Err(EntryError::Kind);
        }
        Ok(Self { entry, control, manifest })
    }

    /// Parses and verifies bytes that arrived.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        Entry::decode(bytes)?.verify()
    }

    /// Hash of the encoded bytes.
    pub fn id(&self) -> EntryId {
        self.entry.id
    }

    /// The group it belongs to; for a genesis the one it founds.
    pub fn group(&self) -> GroupId {
        self.entry.group()
    }

    /// The device that signed it.
    pub fn author(&self) -> DeviceId {
        self.entry.header.author
    }

    /// What the payload is.
    pub fn kind(&self) -> EntryKind {
        self.entry.header.kind
    }

    /// The entries that the author had seen last.
    pub fn parents(&self) -> &[EntryId] {
        &self.entry.header.parents
    }

    /// Under which of the group's keys the payload is sealed.
    pub fn epoch(&self) -> Epoch {
        self.entry.header.epoch
    }

    /// The plaintext header.
    pub fn header(&self) -> &Header {
        &self.entry.header
    }

    /// The header's bytes: the associated data of the sealed payload.
    pub fn header_bytes(&self) -> &[u8] {
        self.entry.header_bytes()
    }

    /// The payload as it travels.
    pub fn payload(&self) -> &[u8] {
        self.entry.payload()
    }

    /// The control in it; `None` for data.
    pub fn control(&self) -> Option<&Control> {
        self.control.as_ref()
    }

    /// The manifest in it; `None` for anything but a snapshot.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_deref()
    }

    /// The bytes that travel.
    pub fn encoded(&self) -> &[u8] {
        self.entry.encoded()
    }

    /// The bytes that travel, without a copy.
    pub fn into_encoded(self) -> Vec<u8> {
        self.entry.into_encoded()
    }
}

/// An entry being written: its header is fixed, so that the payload can be sealed under it; then it is signed.
///
/// ```
/// use ashore_protocol::{DeviceId, EntryDraft, EntryId, EntryKind, Epoch, GroupId, SigningKey};
/// let key = SigningKey::from_seed(&[1; 32]);
/// let (group, parent) = (GroupId([2; 32]), EntryId([2; 32]));
/// let sealed = b"sealed under the header's bytes".to_vec();
/// let draft = EntryDraft::new(Some(group), key.device_id(), [parent], Epoch(0), EntryKind::Data, sealed.len())?;
/// let _associated_data = draft.header_bytes();
/// let entry = draft.sign(&key, sealed)?;
/// assert_eq!(entry.group(), group);
/// # Ok::<(), ashore_protocol::EntryError>(())
/// ```
#[derive(Debug, Clone)]
pub struct EntryDraft {
    header: Header,
    header_bytes: Vec<u8>,
}

impl EntryDraft {
    /// Fixes the header. Parents may come in any order; more than [`MAX_PARENTS`] are refused.
    pub fn new(
        group: Option<GroupId>,
        author: DeviceId,
        parents: impl IntoIterator<Item = EntryId>,
        epoch: Epoch,
        kind: EntryKind,
        payload_size: usize,
    ) -> Result<Self, EntryError> {
        let mut parents: Vec<EntryId> = parents.into_iter().collect();
        parents.sort_unstable();
        parents.dedup();
        let payload_size = u32::try_from(payload_size)
            .map_err(|_| EntryError::TooLarge { bytes: payload_size, max: MAX_PAYLOAD_BYTES })?;
        let header = Header { version: ENTRY_VERSION, group, author, parents, epoch, kind, payload_size };
        header.check()?;
        let header_bytes = codec::encode(&header);
        Ok(Self { header, header_bytes })
    }

    /// The bytes under which the payload is to be sealed.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Signs header and payload. The key must be the author's and the payload as long as was said.
    pub fn sign(self, key: &SigningKey, payload: Vec<u8>) -> Result<VerifiedEntry, EntryError> {
        if key.device_id() != self.header.author {
            return Err(EntryError::Signature);
        }
        check_size(self.header.payload_size, payload.len())?;
        let signature = key.sign(Domain::Entry, &hash::entry_digest(&self.header_bytes, &payload));
        let envelope = Envelope { header: Bytes(self.header_bytes), payload: Bytes(payload), signature };
        Entry::from_vec(codec::encode(&envelope))?.verified_before()
    }
}

impl Manifest {
    /// Writes and signs the entry that carries this manifest; its parents are the tips of what the snapshot covers.
    pub fn sign(
        &self,
        key: &SigningKey,
        group: GroupId,
        parents: impl IntoIterator<Item = EntryId>,
        epoch: Epoch,
    ) -> Result<VerifiedEntry, EntryError> {
        let payload = codec::encode(self);
        EntryDraft::new(Some(group), key.device_id(), parents, epoch, EntryKind::Snapshot, payload.len())?
            .sign(key, payload)
    }
}

impl Control {
    /// Writes and signs the entry that carries this control. A genesis has neither group nor parents.
    pub fn sign(
        &self,
        key: &SigningKey,
        group: Option<GroupId>,
        parents: impl IntoIterator<Item = EntryId>,
        epoch: Epoch,
    ) -> Result<VerifiedEntry, EntryError> {
        let kind = match self {
            Self::Genesis { .. } => EntryKind::Genesis,
            _ => EntryKind::Control,
        };
        let payload = codec::encode(self);
        EntryDraft::new(group, key.device_id(), parents, epoch, kind, payload.len())?.sign(key, payload)
    }
}
