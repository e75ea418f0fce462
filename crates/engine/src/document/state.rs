//! What the store keeps of one document: a row to read and to edit from, and Automerge chunks in rows of their own.
//!
//! The row is a CBOR array `[1, heads, deleted, sent_with, [first, last, base_bytes, appended_bytes], value]`; the chunks from
//! `first` to `last`, one after another, are what Automerge loads. A document of a collection of which not everything travels
//! has a row `[2, heads, gone, sent_with, [...], value, [number, deleted, tainted, rebuilt, local, seen]]`; see [`Parts`]. Its
//! heads may be empty: then it has no chunks. Either may have `received_with` behind all that.

use std::ops::RangeInclusive;

use automerge::ChangeHash;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::version::{MAX_SEEN, SEEN_BYTES, Seen, Version};

/// The row's format.
const FORMAT: u8 = 1;
/// The format of a row with [`Parts`].
const PARTS_FORMAT: u8 = 2;
/// Appended chunks are not rewritten before they are this large together, or this many.
const MIN_REWRITE_BYTES: u32 = 4_096;
const MIN_REWRITE_CHUNKS: u32 = 32;
/// So many chunks are rewritten whatever their size: each costs a row to load.
const MAX_CHUNKS: u32 = 1_024;

/// [`DocumentRow::sent_with`] of a document that waits to be put into an entry whole, because the outbox was full.
pub const BEHIND: u64 = u64::MAX;

/// One document as the store keeps it, without its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// The hashes of the changes that nobody depends on yet, sorted.
    pub heads: Vec<ChangeHash>,
    /// Readers find no document: all heads are deletes, or what its [`Parts`] say.
    pub deleted: bool,
    /// The local sequence number of this device's newest entry that carries this document; 0 when none does, [`BEHIND`] when
    /// the next one carries it whole.
    pub sent_with: u64,
    /// The local sequence number of the newest entry of another device that changed it here; 0 when none did.
    pub received_with: u64,
    /// Which chunks belong to it.
    pub chunks: ChunkSpan,
    /// The document's value, encoded (see [`super::value`]); an empty map when it is deleted.
    pub value: Vec<u8>,
    /// Not everything of it travels: then the value is what travels and what stays here, one over the other.
    pub parts: Option<Parts>,
}

/// What a row says about a document that has a part that travels, the Automerge document, and one that stays here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Which of its collection's declarations tells the parts apart.
    pub number: u32,
    /// Whether all heads are deletes.
    pub deleted: bool,
    /// The Automerge document holds or may have held something that does not travel by the declaration.
    pub tainted: bool,
    /// The Automerge document was made anew: earlier versions are not known any more.
    pub rebuilt: bool,
    /// The part that stays here.
    pub local: Local,
    /// The digests of that part's fields, which the version names.
    pub seen: Seen,
}

/// Where the part of a document that stays here is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// There is none: nothing of this document was put here, or it was deleted here.
    Absent,
    /// It is what the row's value has of it.
    InValue,
    /// These bytes, an encoded value.
    Kept(Vec<u8>),
}

/// The numbers of a document's chunks and their sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSpan {
    /// The first chunk's number.
    pub first: u32,
    /// The last chunk's number.
    pub last: u32,
    /// The size of the first chunk.
    pub base_bytes: u32,
    /// The size of all others together.
    pub appended_bytes: u32,
}

/// What the store writes beside the row: one chunk, and which older ones it makes needless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkWrite {
    /// The number of the new chunk.
    pub number: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The chunks to delete in the same batch.
    pub replaces: Option<RangeInclusive<u32>>,
}

/// A row whose value is still where the store put it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentRowRef<'a> {
    /// The heads, 32 bytes each, sorted.
    pub heads: &'a [u8],
    /// See [`DocumentRow::deleted`].
    pub deleted: bool,
    /// See [`DocumentRow::sent_with`].
    pub sent_with: u64,
    /// See [`DocumentRow::received_with`].
    pub received_with: u64,
    /// See [`DocumentRow::chunks`].
    pub chunks: ChunkSpan,
    /// The encoded value.
    pub value: &'a [u8],
    /// See [`DocumentRow::parts`].
    pub parts: Option<PartsRef<'a>>,
}

/// [`Parts`] whose bytes are still where the store put them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartsRef<'a> {
    /// See [`Parts::number`].
    pub number: u32,
    /// See [`Parts::deleted`].
    pub deleted: bool,
    tainted: bool,
    rebuilt: bool,
    local: LocalRef<'a>,
    /// [`SEEN_BYTES`] for each field.
    seen: Option<&'a [u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LocalRef<'a> {
    Absent,
    InValue,
    Kept(&'a [u8]),
}

/// Why bytes are no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeRowError {
    /// Not what [`DocumentRow::encode`] writes.
    #[error("not a stored document row")]
    Malformed,
    /// Written by a later Ashore.
    #[error("a document row of format {0}, which this version does not know")]
    UnknownFormat(u8),
}

impl From<minicbor::decode::Error> for DecodeRowError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

impl DocumentRow {
    /// The version that pages hold of this document.
    pub fn version(&self) -> Version {
        let version = Version::of(&self.heads);
        match &self.parts {
            Some(parts) => version.with_seen(parts.seen.clone()),
            None => version,
        }
    }

    /// The row's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new(Vec::with_capacity(64 + self.heads.len() * 32 + self.value.len()));
        self.write(&mut out).expect("a Vec takes every byte");
        out.into_writer()
    }

    /// The row that `bytes` are.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeRowError> {
        DocumentRowRef::decode(bytes).map(|row| row.to_owned())
    }

    fn write(&self, out: &mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        let heads: Vec<u8> = self.heads.iter().flat_map(|head| head.0).collect();
        let ChunkSpan { first, last, base_bytes, appended_bytes } = self.chunks;
        let format = if self.parts.is_some() { PARTS_FORMAT } else { FORMAT };
        let fields = if self.parts.is_some() { 7 } else { 6 };
        out.array(fields + u64::from(self.received_with > 0))?
            .u8(format)?
            .bytes(&heads)?
            .bool(self.deleted)?
            .u64(self.sent_with)?;
        out.array(4)?.u32(first)?.u32(last)?.u32(base_bytes)?.u32(appended_bytes)?;
        out.bytes(&self.value)?;
        if let Some(parts) = &self.parts {
            parts.write(out)?;
        }
        if self.received_with > 0 {
            out.u64(self.received_with)?;
        }
        Ok(())
    }
}

impl Parts {
    fn write(&self, out: &mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        out.array(6)?.u32(self.number)?.bool(self.deleted)?.bool(self.tainted)?.bool(self.rebuilt)?;
        match &self.local {
            Local::Absent => out.null()?,
            Local::InValue => out.bool(true)?,
            Local::Kept(bytes) => out.bytes(bytes)?,
        };
        match self.seen.to_bytes() {
            Some(bytes) => out.bytes(&bytes)?,
            None => out.null()?,
        };
        Ok(())
    }
}

impl<'a> PartsRef<'a> {
    fn decode(decoder: &mut Decoder<'a>) -> Result<Self, DecodeRowError> {
        if decoder.array()? != Some(6) {
            return Err(DecodeRowError::Malformed);
        }
        let (number, deleted) = (decoder.u32()?, decoder.bool()?);
        let (tainted, rebuilt) = (decoder.bool()?, decoder.bool()?);
        let local = match decoder.datatype()? {
            Type::Null => decoder.null().map(|()| LocalRef::Absent)?,
            Type::Bool => match decoder.bool()? {
                true => LocalRef::InValue,
                false => return Err(DecodeRowError::Malformed),
            },
            _ => LocalRef::Kept(decoder.bytes()?),
        };
        let seen = match decoder.datatype()? {
            Type::Null => decoder.null().map(|()| None)?,
            _ => Some(decoder.bytes()?),
        };
        let whole =
            seen.is_none_or(|seen| seen.len().is_multiple_of(SEEN_BYTES) && seen.len() <= MAX_SEEN * SEEN_BYTES);
        let parts = Self { number, deleted, tainted, rebuilt, local, seen };
        if whole { Ok(parts) } else { Err(DecodeRowError::Malformed) }
    }

    fn to_owned(self) -> Parts {
        let Self { number, deleted, tainted, rebuilt, .. } = self;
        let local = match self.local {
            LocalRef::Absent => Local::Absent,
            LocalRef::InValue => Local::InValue,
            LocalRef::Kept(bytes) => Local::Kept(bytes.to_vec()),
        };
        let seen = self.seen.map_or(Seen::Many, |bytes| Seen::Fields(bytes.as_chunks().0.to_vec()));
        Parts { number, deleted, tainted, rebuilt, local, seen }
    }

    /// Whether nothing of the document stays here.
    pub fn is_absent(&self) -> bool {
        self.local == LocalRef::Absent
    }
}

impl<'a> DocumentRowRef<'a> {
    /// The row that `bytes` are, without copying its value.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeRowError> {
        let mut decoder = Decoder::new(bytes);
        let length = decoder.array()?;
        let format = decoder.u8()?;
        if format != FORMAT && format != PARTS_FORMAT {
            return Err(DecodeRowError::UnknownFormat(format));
        }
        let fields = if format == PARTS_FORMAT { 7 } else { 6 };
        let mut row = Self {
            heads: decoder.bytes()?,
            deleted: decoder.bool()?,
            sent_with: decoder.u64()?,
            received_with: 0,
            chunks: ChunkSpan::decode(&mut decoder)?,
            value: decoder.bytes()?,
            parts: if format == PARTS_FORMAT { Some(PartsRef::decode(&mut decoder)?) } else { None },
        };
        if length == Some(fields + 1) {
            row.received_with = decoder.u64()?;
        }
        let whole = matches!(length, Some(length) if length == fields || length == fields + 1)
            && decoder.position() == bytes.len();
        if whole && row.heads.len().is_multiple_of(32) { Ok(row) } else { Err(DecodeRowError::Malformed) }
    }

    /// The row with its own bytes.
    pub fn to_owned(&self) -> DocumentRow {
        let heads = self.heads.as_chunks::<32>().0.iter().map(|hash| ChangeHash(*hash)).collect();
        let Self { deleted, sent_with, received_with, chunks, value, parts, .. } = *self;
        DocumentRow {
            heads,
            deleted,
            sent_with,
            received_with,
            chunks,
            value: value.to_vec(),
            parts: parts.map(PartsRef::to_owned),
        }
    }
}

impl ChunkSpan {
    /// A document's first chunk.
    pub(super) fn first(bytes: Vec<u8>) -> (Self, ChunkWrite) {
        let span = Self { first: 0, last: 0, base_bytes: size(&bytes), appended_bytes: 0 };
        (span, ChunkWrite { number: 0, bytes, replaces: None })
    }

    /// Chunks as they were found, by number and size in bytes, in the order of the numbers.
    pub fn found(sizes: &[(u32, usize)]) -> Self {
        let number = |at: Option<&(u32, usize)>| at.map_or(0, |(number, _)| *number);
        let bytes = |sizes: &[(u32, usize)]| {
            sizes.iter().fold(0, |sum: u32, (_, size)| sum.saturating_add(u32::try_from(*size).unwrap_or(u32::MAX)))
        };
        let (base, appended) = sizes.split_at(sizes.len().min(1));
        Self {
            first: number(sizes.first()),
            last: number(sizes.last()),
            base_bytes: bytes(base),
            appended_bytes: bytes(appended),
        }
    }

    /// No chunks: nothing of the document travels.
    pub const NONE: Self = Self { first: 0, last: 0, base_bytes: 0, appended_bytes: 0 };

    /// `bytes` in the place of all these chunks.
    pub(super) fn replaced(self, bytes: Vec<u8>) -> (Self, ChunkWrite) {
        let number = self.last.saturating_add(1);
        let span = Self { first: number, last: number, base_bytes: size(&bytes), appended_bytes: 0 };
        (span, ChunkWrite { number, bytes, replaces: Some(self.first..=self.last) })
    }

    /// How many bytes they have.
    pub fn byte_len(self) -> usize {
        self.base_bytes as usize + self.appended_bytes as usize
    }

    /// These chunks with `bytes` as one more; none when they have grown too many.
    pub(super) fn extended(self, bytes: Vec<u8>) -> Option<(Self, ChunkWrite)> {
        let number = self.last.saturating_add(1);
        let appended_bytes = self.appended_bytes.saturating_add(size(&bytes));
        let appended = Self { last: number, appended_bytes, ..self };
        (!appended.wants_rewriting()).then_some((appended, ChunkWrite { number, bytes, replaces: None }))
    }

    /// These chunks with `bytes` as one more; or, when they have grown too many, one chunk with all, made by `whole`.
    pub(super) fn append(self, bytes: Vec<u8>, whole: impl FnOnce() -> Vec<u8>) -> (Self, ChunkWrite) {
        self.extended(bytes).unwrap_or_else(|| self.replaced(whole()))
    }

    /// Rewriting costs the base again, so it waits until as much was appended as the base has: each byte is written twice at
    /// most on average, and loading never reads more than twice the base. Many small chunks are joined a little earlier.
    fn wants_rewriting(self) -> bool {
        let count = self.last.saturating_sub(self.first);
        let doubled = self.appended_bytes > self.base_bytes.max(MIN_REWRITE_BYTES);
        let many = count >= MIN_REWRITE_CHUNKS && self.appended_bytes >= self.base_bytes / 8;
        doubled || many || count >= MAX_CHUNKS
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeRowError> {
        if decoder.array()? != Some(4) {
            return Err(DecodeRowError::Malformed);
        }
        let (first, last) = (decoder.u32()?, decoder.u32()?);
        Ok(Self { first, last, base_bytes: decoder.u32()?, appended_bytes: decoder.u32()? })
    }
}

fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
