//! Looks at Automerge chunks of other devices before Automerge does.
//!
//! Automerge checks hashes and structure, but a few bytes may make it inflate or count through gigabytes: compressed chunks
//! and columns, and runs of a billion equal rows. Ashore writes neither compressed chunks nor compressed columns (entries are
//! compressed as a whole), so those are refused, and so are columns with more than [`MAX_ROWS`] rows.
//! The layout is that of <https://automerge.org/automerge-binary-format-spec/>.

/// Most rows in one column of one chunk: operations of a change, of a whole document, or what they point at.
pub const MAX_ROWS: u64 = 1 << 22;
/// Most chunks in one sequence.
const MAX_CHUNKS: usize = 1 << 16;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DEFLATED: u64 = 0b1000;

/// A chunk that Automerge may look at. Its checksum is still to be verified, by Automerge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// What it is.
    pub kind: ChunkKind,
    /// Who wrote it; nothing for a whole document.
    pub writer: Option<&'a [u8]>,
    /// All of its bytes, with its header.
    pub bytes: &'a [u8],
}

/// What a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkKind {
    /// A whole document.
    Document,
    /// One change.
    Change,
}

/// Why bytes are no chunks that Ashore writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// No chunk at all.
    #[error("no Automerge chunk")]
    Malformed,
    /// A compressed chunk, or one of another kind.
    #[error("an Automerge chunk of a kind that is not used here")]
    UnknownKind,
    /// A compressed column.
    #[error("an Automerge chunk with compressed columns")]
    Compressed,
    /// More rows or chunks than any document has.
    #[error("an Automerge chunk with too many rows")]
    TooManyRows,
}

/// The chunks that `bytes` are, one after another; at least one. Never panics.
pub fn split(bytes: &[u8]) -> Result<Vec<Chunk<'_>>, ChunkError> {
    let mut chunks = Vec::new();
    let mut rest = Reader(bytes);
    while !rest.0.is_empty() || chunks.is_empty() {
        if chunks.len() >= MAX_CHUNKS {
            return Err(ChunkError::TooManyRows);
        }
        chunks.push(rest.chunk()?);
    }
    Ok(chunks)
}

/// The bytes not read yet.
struct Reader<'a>(&'a [u8]);

/// One column's specification and how many bytes it has.
struct Column {
    specification: u64,
    bytes: usize,
}

impl<'a> Reader<'a> {
    fn chunk(&mut self) -> Result<Chunk<'a>, ChunkError> {
        let start = self.0;
        if self.take(4)? != MAGIC {
            return Err(ChunkError::Malformed);
        }
        self.take(4)?;
        let kind = match self.take(1)? {
            [0] => ChunkKind::Document,
            [1] => ChunkKind::Change,
            _ => return Err(ChunkError::UnknownKind),
        };
        let length = self.length()?;
        let mut body = Reader(self.take(length)?);
        let writer = match kind {
            ChunkKind::Document => body.document().map(|()| None)?,
            ChunkKind::Change => Some(body.change()?),
        };
        let bytes = start.get(..start.len() - self.0.len()).ok_or(ChunkError::Malformed)?;
        Ok(Chunk { kind, writer, bytes })
    }

    fn document(&mut self) -> Result<(), ChunkError> {
        let actors = self.byte_strings()?;
        self.hashes()?;
        let changes = self.columns()?;
        let operations = self.columns()?;
        self.column_rows(&changes, actors)?;
        self.column_rows(&operations, actors)
    }

    /// Its writer.
    fn change(&mut self) -> Result<&'a [u8], ChunkError> {
        self.hashes()?;
        let writer = self.byte_string()?;
        self.unsigned()?; // sequence number
        self.unsigned()?; // first operation
        self.signed()?; // time
        self.byte_string()?; // message
        let others = self.byte_strings()?;
        let operations = self.columns()?;
        self.column_rows(&operations, others + 1)?;
        Ok(writer)
    }

    fn hashes(&mut self) -> Result<(), ChunkError> {
        let count = self.length()?;
        self.take(count.checked_mul(32).ok_or(ChunkError::Malformed)?).map(|_| ())
    }

    /// The count of byte strings that follow it.
    fn byte_strings(&mut self) -> Result<u64, ChunkError> {
        let count = self.length()? as u64;
        (0..count).try_for_each(|_| self.byte_string().map(drop))?;
        Ok(count)
    }

    fn byte_string(&mut self) -> Result<&'a [u8], ChunkError> {
        let length = self.length()?;
        self.take(length)
    }

    fn columns(&mut self) -> Result<Vec<Column>, ChunkError> {
        let count = self.length()?;
        let column = |_| {
            let specification = self.unsigned()?;
            if specification & DEFLATED != 0 {
                return Err(ChunkError::Compressed);
            }
            Ok(Column { specification, bytes: self.length()? })
        };
        (0..count).map(column).collect()
    }

    fn column_rows(&mut self, columns: &[Column], actors: u64) -> Result<(), ChunkError> {
        columns.iter().try_for_each(|column| Reader(self.take(column.bytes)?).rows(column.specification, actors))
    }

    /// Counts a column's rows: run-length encoded values of this type. An actor is one of so many.
    fn rows(&mut self, specification: u64, actors: u64) -> Result<(), ChunkError> {
        let kind = specification & 0b111;
        let mut total = 0_u64;
        while !self.0.is_empty() {
            let rows = match kind {
                RAW_VALUES => return Ok(()),
                BOOLEANS => self.unsigned()?,
                // Of the actors, only those of objects and keys may be null: the root, and keys of maps.
                ACTORS if specification >> 4 > 1 && self.0.first() == Some(&0) => return Err(ChunkError::Malformed),
                _ => self.run(kind, actors)?,
            };
            total = total.saturating_add(rows);
            if total > MAX_ROWS {
                return Err(ChunkError::TooManyRows);
            }
        }
        Ok(())
    }

    fn run(&mut self, kind: u64, actors: u64) -> Result<u64, ChunkError> {
        match self.signed()? {
            0 => self.unsigned(),
            run @ 1.. => Ok((run.unsigned_abs()).saturating_mul(self.value(kind, actors)?)),
            literals => {
                let mut rows = 0_u64;
                for _ in 0..literals.unsigned_abs() {
                    rows = rows.saturating_add(self.value(kind, actors)?);
                }
                Ok(rows)
            }
        }
    }

    /// How many rows one value stands for: itself, and as many in the columns of its group as it says.
    fn value(&mut self, kind: u64, actors: u64) -> Result<u64, ChunkError> {
        match kind {
            GROUPS => Ok(self.unsigned()?.max(1)),
            ACTORS if self.unsigned()? < actors => Ok(1),
            ACTORS => Err(ChunkError::Malformed),
            DELTAS => self.signed().map(|_| 1),
            STRINGS => self.byte_string().map(|_| 1),
            _ => self.unsigned().map(|_| 1),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ChunkError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ChunkError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A count of things that take at least one byte each, so never more than the bytes that are left.
    fn length(&mut self) -> Result<usize, ChunkError> {
        let length = self.unsigned()?;
        usize::try_from(length).ok().filter(|length| *length <= self.0.len()).ok_or(ChunkError::Malformed)
    }

    fn unsigned(&mut self) -> Result<u64, ChunkError> {
        self.leb128().map(|(value, _, _)| value)
    }

    fn signed(&mut self) -> Result<i64, ChunkError> {
        let (value, bits, last) = self.leb128()?;
        let negative = last & 0x40 != 0 && bits < 64;
        Ok(if negative { value | (u64::MAX << bits) } else { value }.cast_signed())
    }

    /// LEB128: the value, how many bits it was written in, and its last byte.
    fn leb128(&mut self) -> Result<(u64, u32, u8), ChunkError> {
        let (mut value, mut bits) = (0_u64, 0_u32);
        while bits < 70 {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            value |= u64::from(byte & 0x7f).checked_shl(bits).unwrap_or_default();
            bits += 7;
            if byte & 0x80 == 0 {
                return Ok((value, bits, byte));
            }
        }
        Err(ChunkError::Malformed)
    }
}

const GROUPS: u64 = 0;
const ACTORS: u64 = 1;
const DELTAS: u64 = 3;
const BOOLEANS: u64 = 4;
const STRINGS: u64 = 5;
const RAW_VALUES: u64 = 7;
