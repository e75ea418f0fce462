//! What [`super::Packed`] needs of a host: few named blobs that are written atomically.

use std::fmt;
use std::rc::Rc;

use thiserror::Error;

use crate::store::Durability;

/// The name of a blob. Its text is the same on every host and sorts by number within a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobName {
    /// Sorted rows: the handle that wrote it and its number there. Text: `b` and 24 hexadecimal digits.
    Block(BlockId),
    /// Where everything is, twice: 0 and 1 hold the same. Text: `m` and one digit.
    Manifest(u8),
    /// A blob that could not be read, kept for whoever can. Text: `q` and the name it had.
    Quarantine(Damaged),
    /// A part of one commit, or a mark. Text: `s` and 16 hexadecimal digits.
    Segment(u64),
}

/// Names a block for ever: no two handles share the first number, so a late writer can never hit another's block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
pub struct BlockId {
    /// The segment number with which the handle took over.
    #[n(0)]
    pub handle: u64,
    /// Counts the blocks that the handle wrote.
    #[n(1)]
    pub number: u32,
}

/// What a quarantined blob was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
pub enum Damaged {
    /// A block.
    #[n(0)]
    Block(#[n(0)] BlockId),
    /// A segment.
    #[n(1)]
    Segment(#[n(0)] u64),
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Block(BlockId { handle, number }) => write!(f, "b{handle:016x}{number:08x}"),
            Self::Manifest(copy) => write!(f, "m{copy}"),
            Self::Quarantine(Damaged::Block(id)) => write!(f, "q{}", Self::Block(id)),
            Self::Quarantine(Damaged::Segment(number)) => write!(f, "q{}", Self::Segment(number)),
            Self::Segment(number) => write!(f, "s{number:016x}"),
        }
    }
}

impl BlobName {
    /// The name that prints as `text`; `None` for every other text.
    pub fn parse(text: &str) -> Option<Self> {
        let name = Self::parse_loosely(text)?;
        (name.to_string() == text).then_some(name)
    }

    fn parse_loosely(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(1)?;
        match kind {
            "b" => {
                let (handle, number) = rest.split_at_checked(16)?;
                Some(Self::Block(BlockId { handle: hex(handle)?, number: hex(number)?.try_into().ok()? }))
            }
            "m" => Some(Self::Manifest(rest.parse().ok()?)),
            "q" => match Self::parse(rest)? {
                Self::Block(id) => Some(Self::Quarantine(Damaged::Block(id))),
                Self::Segment(number) => Some(Self::Quarantine(Damaged::Segment(number))),
                Self::Manifest(_) | Self::Quarantine(_) => None,
            },
            "s" => Some(Self::Segment(hex(rest)?)),
            _ => None,
        }
    }
}

fn hex(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

/// One step of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobOp {
    /// Writes a blob that must not exist yet; if it does, the whole commit fails with [`BlobFailure::Exists`].
    Add(BlobName, Vec<u8>),
    /// Writes a blob over whatever is there.
    Put(BlobName, Vec<u8>),
    /// Removes a blob; nothing happens when it is not there.
    Delete(BlobName),
    /// Removes the segments from the first number to just before the second.
    DeleteSegments(u64, u64),
}

/// Why blobs could not be read or written. Except for `Failed` and `Closed` nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BlobFailure {
    /// A blob to be added is there already; nothing of the commit was written.
    #[error("the blob {0} exists already")]
    Exists(BlobName),
    /// The disk is full; nothing of the commit was written.
    #[error("no room is left")]
    Quota,
    /// The connection to the disk is gone. A commit under way may have been written.
    #[error("the connection to the disk is closed")]
    Closed,
    /// Anything else. A commit may have been written.
    #[error("{0}")]
    Failed(String),
}

/// Named blobs on one device.
#[expect(async_fn_in_trait, reason = "the engine lives on one thread; no caller needs the futures to be Send")]
pub trait Blobs {
    /// The names of all blobs, in any order. Blobs whose names do not parse are left out and left alone.
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure>;

    /// The blobs with these names, in the order asked; `None` where there is none.
    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure>;

    /// Every segment from number `first` on, by number.
    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure>;

    /// Does all of `ops` in order, or nothing. Answers when it is as durable as asked.
    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure>;

    /// Lets go of the disk.
    async fn close(&self);
}

/// Blobs that several owners share.
impl<B: Blobs> Blobs for Rc<B> {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        B::names(self).await
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        B::get(self, names).await
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        B::segments(self, first).await
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        B::commit(self, ops, durability).await
    }

    async fn close(&self) {
        B::close(self).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_print_and_parse() {
        let block = BlockId { handle: 7, number: 0xabc };
        let names = [
            (BlobName::Block(block), "b000000000000000700000abc"),
            (BlobName::Manifest(1), "m1"),
            (BlobName::Quarantine(Damaged::Block(block)), "qb000000000000000700000abc"),
            (BlobName::Quarantine(Damaged::Segment(255)), "qs00000000000000ff"),
            (BlobName::Segment(255), "s00000000000000ff"),
        ];
        for (name, text) in names {
            assert_eq!(name.to_string(), text);
            assert_eq!(BlobName::parse(text), Some(name));
        }
    }

    #[test]
    fn other_texts_are_no_names() {
        for text in ["", "s", "s00000000000000FF", "s+000000000000001", "m01", "qm0", "b0", "ü", "qqs00000000000000ff"]
        {
            assert_eq!(BlobName::parse(text), None, "{text}");
        }
    }
}
