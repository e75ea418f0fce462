//! The bytes of segments, blocks and manifests, and how they are checked.
//!
//! Integers are little-endian; `varint` is LEB128 of an unsigned 64-bit integer; `crc` is CRC-32 (IEEE).
//!
//! ```text
//! envelope  = "ashr" version:u8 kind:u8 compression:u8 reserved:u8(0)           ; kind 1 segment, 2 block, 3 manifest
//!             ; version 1 of segments, 3 of blocks and manifests
//!             ; compression 0: none; 2: the pages of the block are packed
//! segment   = envelope number:u64 part:u32 parts:u32 purpose:u8 crc:u32 body    ; crc over everything before it
//!             ; purpose 0: rows; the bodies of all parts of one commit, in order, are one sheet
//!             ; purpose 1: a handle took over; purpose 2: the manifest changed; body empty, part 0, parts 1
//! block     = envelope handle:u64 number:u32 crc:u32 sheet
//! manifest  = envelope blake3:32 body                                           ; CBOR, see `manifest`; hash of the body
//!
//! sheet     = index_bytes:u32 crc:u32 index page*                               ; crc over the index
//! index     = pages:varint (page_bytes:varint rows:varint first_key last_key)*  ; pages follow in this order, no gap
//! key       = bytes:varint the bytes
//! packed    = page_bytes:varint crc:u32 lz4                                     ; an LZ4 block and its crc; in the place of its page
//!           / 0:varint page                                                     ; where LZ4 would not save a sixteenth
//! page      = directory_bytes:u32 crc:u32 directory values                      ; crc over the directory
//! directory = (shared:varint rest_bytes:varint rest meta:varint [crc:u32])*     ; key = first `shared` bytes of the key before + rest
//!             ; meta 0: the row is deleted; meta n: a value of n-1 bytes, whose crc follows; values stand in row order
//! ```
//!
//! A part of a commit has at most 60,000 bytes, or, where the sheet has 512 KiB or more, 1,000,000. A page has at most 16 KiB, one that is packed 8 KiB
//! before that, or one row. Rows are in ascending key order without doubles, over the whole sheet. A flipped byte in a value costs that row, in a directory
//! that page, in an index that sheet. In what LZ4 made of a page one byte is put right by the checksum; more of them cost the page, or the rows whose values
//! they are in or that repeat them.
//! The version of the manifests is that of the store: whoever writes a newer segment has written newer manifests before, and newer blocks count by newer
//! manifests alone. Version 1 has no packed pages; 2 is how sealed blobs begin (see `sealed`). Compression 1 is reserved for DEFLATE.

use thiserror::Error;

use super::blobs::BlockId;
use super::crc;
use crate::store::MAX_KEY_BYTES;

/// The newest format version this code reads, and the one it writes.
pub const FORMAT_VERSION: u8 = 3;

/// Most bytes in one segment: over 64 KiB Chromium moves a value into a file of its own, which costs more than its bytes.
pub(super) const SEGMENT_BYTES: usize = 60_000;
/// A commit with a sheet of so many bytes is cut into such files instead. They are written faster then, and gone from the disk as soon as they are deleted:
/// what lies in Chromium's database takes its room until that is compacted.
const LARGE_COMMIT_BYTES: usize = 512 << 10;
const LARGE_SEGMENT_BYTES: usize = 1_000_000;

/// Segments are as they always were: to pack what is soon written again as a block would take longer than to write it.
const SEGMENT_VERSION: u8 = 1;

const MAGIC: &[u8; 4] = b"ashr";
const ENVELOPE_BYTES: usize = 8;
const SEGMENT_HEADER_BYTES: usize = ENVELOPE_BYTES + 8 + 4 + 4 + 1 + 4;

/// What is wrong with bytes from the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Damage {
    /// The bytes end too early.
    #[error("cut off")]
    Truncated,
    /// They are not what their name says.
    #[error("something else")]
    Foreign,
    /// A newer version wrote them.
    #[error("format version {0}")]
    NewerFormat(u8),
    /// A checksum does not match.
    #[error("a checksum does not match")]
    Checksum,
    /// Checksums match, but the content contradicts itself.
    #[error("not well formed: {0}")]
    Malformed(&'static str),
    /// There are no bytes.
    #[error("missing")]
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Segment = 1,
    Block = 2,
    Manifest = 3,
}

/// How the pages of a sheet are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Compression {
    #[default]
    None = 0,
    Lz4 = 2,
}

/// Begins a blob.
pub(super) fn envelope(kind: Kind) -> Vec<u8> {
    compressed_envelope(kind, Compression::None)
}

fn compressed_envelope(kind: Kind, compression: Compression) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let version = if kind == Kind::Segment { SEGMENT_VERSION } else { FORMAT_VERSION };
    bytes.extend_from_slice(&[version, kind as u8, compression as u8, 0]);
    bytes
}

/// Checks the beginning of a blob that is not compressed and returns what follows.
pub(super) fn open_envelope(bytes: &[u8], kind: Kind) -> Result<Reader<'_>, Damage> {
    match open_compressed_envelope(bytes, kind)? {
        (reader, Compression::None) => Ok(reader),
        (_, Compression::Lz4) => Err(Damage::Malformed("unknown compression")),
    }
}

fn open_compressed_envelope(bytes: &[u8], kind: Kind) -> Result<(Reader<'_>, Compression), Damage> {
    let mut reader = Reader(bytes);
    if reader.take(4)? != MAGIC {
        return Err(Damage::Foreign);
    }
    let version = reader.u8()?;
    if version > FORMAT_VERSION {
        return Err(Damage::NewerFormat(version));
    }
    let found = (reader.u8()?, reader.u8()?, reader.u8()?);
    if version == 0 || found.0 != kind as u8 {
        return Err(Damage::Foreign);
    }
    match (found.1, found.2) {
        (0, 0) => Ok((reader, Compression::None)),
        (2, 0) => Ok((reader, Compression::Lz4)),
        _ => Err(Damage::Malformed("unknown compression")),
    }
}

/// Why a segment was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Rows = 0,
    Takeover = 1,
    Switch = 2,
}

/// One part of a commit, or a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) number: u64,
    pub(super) part: u32,
    pub(super) parts: u32,
    pub(super) purpose: Purpose,
    pub(super) body: &'a [u8],
}

impl<'a> Segment<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Damage> {
        let mut reader = open_envelope(bytes, Kind::Segment)?;
        let (number, part, parts) = (reader.u64()?, reader.u32()?, reader.u32()?);
        let purpose = reader.u8()?;
        check_crc(bytes, SEGMENT_HEADER_BYTES - 4, reader.u32()?)?;
        if part >= parts {
            return Err(Damage::Malformed("part"));
        }
        let purpose = match purpose {
            0 => Purpose::Rows,
            1 => Purpose::Takeover,
            2 => Purpose::Switch,
            _ => return Err(Damage::Malformed("purpose")),
        };
        Ok(Self { number, part, parts, purpose, body: reader.0 })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = envelope(Kind::Segment);
        bytes.reserve_exact(SEGMENT_HEADER_BYTES - ENVELOPE_BYTES + self.body.len());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.part.to_le_bytes());
        bytes.extend_from_slice(&self.parts.to_le_bytes());
        bytes.push(self.purpose as u8);
        push_crc(&mut bytes);
        bytes.extend_from_slice(self.body);
        bytes
    }
}

/// A mark that carries no rows.
pub(super) fn encode_mark(number: u64, purpose: Purpose) -> Vec<u8> {
    Segment { number, part: 0, parts: 1, purpose, body: &[] }.encode()
}

/// Cuts the sheet of one commit into segments numbered from `first`.
pub(super) fn encode_commit(first: u64, sheet: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let most = if sheet.len() < LARGE_COMMIT_BYTES { SEGMENT_BYTES } else { LARGE_SEGMENT_BYTES };
    let parts = sheet.len().div_ceil(most - SEGMENT_HEADER_BYTES);
    // Large ones are as large as one another, so that none is a small file.
    let body_bytes = if most == SEGMENT_BYTES { most - SEGMENT_HEADER_BYTES } else { sheet.len().div_ceil(parts) };
    let parts = u32::try_from(parts).unwrap_or(u32::MAX);
    let encode = |(part, body)| {
        let number = first + u64::from(part);
        (number, Segment { number, part, parts, purpose: Purpose::Rows, body }.encode())
    };
    (0u32..).zip(sheet.chunks(body_bytes)).map(encode).collect()
}

/// The bytes of a block; `compression` is that of the sheet.
pub(super) fn encode_block(id: BlockId, sheet: &[u8], compression: Compression) -> Vec<u8> {
    let mut bytes = compressed_envelope(Kind::Block, compression);
    bytes.reserve_exact(16 + sheet.len());
    bytes.extend_from_slice(&id.handle.to_le_bytes());
    bytes.extend_from_slice(&id.number.to_le_bytes());
    push_crc(&mut bytes);
    bytes.extend_from_slice(sheet);
    bytes
}

/// Checks a block and returns where its sheet begins, and how that is compressed.
pub(super) fn open_block(bytes: &[u8], id: BlockId) -> Result<(usize, Compression), Damage> {
    let (mut reader, compression) = open_compressed_envelope(bytes, Kind::Block)?;
    let found = BlockId { handle: reader.u64()?, number: reader.u32()? };
    let header_bytes = ENVELOPE_BYTES + 12;
    check_crc(bytes, header_bytes, reader.u32()?)?;
    if found == id { Ok((header_bytes + 4, compression)) } else { Err(Damage::Foreign) }
}

fn push_crc(bytes: &mut Vec<u8>) {
    let crc = crc::hash(bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
}

fn check_crc(bytes: &[u8], covered: usize, expected: u32) -> Result<(), Damage> {
    let covered = bytes.get(..covered).ok_or(Damage::Truncated)?;
    if crc::hash(covered) == expected { Ok(()) } else { Err(Damage::Checksum) }
}

/// Appends a LEB128 integer.
pub(super) fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes bytes apart from the front; never panics and never allocates by what the bytes say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Damage::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn u8(&mut self) -> Result<u8, Damage> {
        let (first, rest) = self.0.split_first().ok_or(Damage::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Damage> {
        self.take(4)?.try_into().map(u32::from_le_bytes).map_err(|_| Damage::Truncated)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Damage> {
        self.take(8)?.try_into().map(u64::from_le_bytes).map_err(|_| Damage::Truncated)
    }

    pub(super) fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damage::Malformed("varint"))
    }

    /// A length that must fit what is left.
    pub(super) fn len(&mut self) -> Result<usize, Damage> {
        usize::try_from(self.varint()?).map_err(|_| Damage::Truncated)
    }

    pub(super) fn key(&mut self) -> Result<&'a [u8], Damage> {
        let len = self.len()?;
        if len > MAX_KEY_BYTES {
            return Err(Damage::Malformed("key too long"));
        }
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_decoders_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), known in any::<bool>()) {
            let bytes = if known { [&envelope(Kind::Segment)[..], &bytes].concat() } else { bytes };
            let _ = Segment::decode(&bytes);
            let _ = open_block(&bytes, BlockId { handle: 0, number: 0 });
            let _ = Reader(&bytes).varint();
            let _ = Reader(&bytes).key();
        }

        #[test]
        fn integers_come_back(value in any::<u64>()) {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, value);
            prop_assert_eq!(Reader(&bytes).varint(), Ok(value));
        }
    }

    #[test]
    fn no_segment_is_larger_than_the_limit_and_the_parts_add_up() {
        add_up(200_000, 4, 20_000..=SEGMENT_BYTES);
        add_up(LARGE_COMMIT_BYTES - 1, 9, 20_000..=SEGMENT_BYTES);
        add_up(LARGE_COMMIT_BYTES, 1, 512_000..=600_000);
        add_up(1_000_001, 2, 500_000..=600_000);
        add_up(5_700_000, 6, 900_000..=1_000_000);
    }

    fn add_up(sheet_bytes: usize, parts: u32, sizes: std::ops::RangeInclusive<usize>) {
        let sheet: Vec<u8> = (0..sheet_bytes).map(|n| n as u8).collect();
        let segments = encode_commit(7, &sheet);
        assert!(segments.iter().all(|(_, bytes)| sizes.contains(&bytes.len())));
        assert_eq!(segments.len(), parts as usize);
        let decoded: Vec<Segment<'_>> = segments.iter().map(|(_, bytes)| Segment::decode(bytes).unwrap()).collect();
        assert!(
            decoded
                .iter()
                .zip(7..)
                .zip(0..)
                .all(|((s, number), part)| (s.number, s.part, s.parts) == (number, part, parts))
        );
        assert_eq!(decoded.iter().flat_map(|segment| segment.body).copied().collect::<Vec<u8>>(), sheet);
    }
}
