//! Sorted rows as bytes: pages that can be read one by one, and an index of them. See `format` for the layout.

use std::cell::RefCell;
use std::ops;
use std::rc::Rc;

use super::crc;
use super::format::{Compression, Damage, Reader, push_varint};
use crate::store::{Bytes, Key, MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// A page is closed before it grows over this, unless one row alone is larger.
const PAGE_BYTES: usize = 16 * 1024;
/// A page that is packed: whoever reads one row unpacks all of it, and twice as much would save 5 % of the disk.
const PACKED_PAGE_BYTES: usize = 8 * 1024;
/// A page is closed before its keys, written out without sharing, grow over this. Bounds what decoding allocates.
const PAGE_KEY_BYTES: usize = 64 * 1024;
/// No page is larger: one row, and what its directory adds.
const MAX_PAGE_BYTES: usize = MAX_VALUE_BYTES + 2 * MAX_KEY_BYTES;
/// A page stays as it is where packing would not save one byte of so many: to unpack it would cost more.
const MIN_GAIN: usize = 16;
/// LZ4 makes no more of one byte.
const MAX_LZ4_RATIO: usize = 255;

/// What a row says of its key, as found on disk or on its way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row<'a> {
    Deleted,
    /// A value that never left memory.
    Healthy(&'a [u8]),
    /// A value and the checksum it must have. Where they differ the value is corrupt, and is carried along as it is.
    Value {
        bytes: &'a [u8],
        crc: u32,
    },
}

impl<'a> Row<'a> {
    /// Bytes of the value.
    pub(super) fn byte_len(&self) -> usize {
        match self {
            Self::Deleted => 0,
            Self::Healthy(bytes) | Self::Value { bytes, .. } => bytes.len(),
        }
    }

    /// The value and the checksum to write; `None` for a deleted row.
    fn to_write(self) -> Option<(&'a [u8], u32)> {
        match self {
            Self::Deleted => None,
            Self::Healthy(bytes) => Some((bytes, crc::hash(bytes))),
            Self::Value { bytes, crc } => Some((bytes, crc)),
        }
    }
}

/// Collects ascending rows into a sheet.
#[derive(Debug, Default)]
pub(super) struct SheetBuilder {
    compression: Compression,
    index: Vec<u8>,
    pages: u64,
    closed: Vec<u8>,
    /// The pages in `closed` before they were packed.
    closed_bytes: usize,
    page: PageBuilder,
    rows: u64,
    first: Option<Key>,
    last: Vec<u8>,
}

#[derive(Debug, Default)]
struct PageBuilder {
    directory: Vec<u8>,
    values: Vec<u8>,
    rows: u64,
    key_bytes: usize,
    first: Vec<u8>,
    last: Vec<u8>,
}

/// A finished sheet and what a manifest says of it.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) bytes: Vec<u8>,
    /// Before its pages were packed.
    pub(super) unpacked_bytes: usize,
    pub(super) rows: u64,
    pub(super) first: Key,
    pub(super) last: Key,
}

impl SheetBuilder {
    /// A sheet whose pages are stored in this way.
    pub(super) fn with(compression: Compression) -> Self {
        Self { compression, ..Self::default() }
    }

    /// Adds a row; its key must be greater than every key before.
    pub(super) fn push(&mut self, key: &[u8], row: Row<'_>) {
        debug_assert!(self.rows == 0 || key > &self.last[..], "rows come in ascending order");
        let page_bytes = match self.compression {
            Compression::None => PAGE_BYTES,
            Compression::Lz4 => PACKED_PAGE_BYTES,
        };
        if self.page.is_full_for(key.len(), row.byte_len(), page_bytes) {
            self.close_page();
        }
        self.page.push(key, row);
        self.rows += 1;
        self.first.get_or_insert_with(|| Bytes::from(key));
        self.last.clear();
        self.last.extend_from_slice(key);
    }

    /// About how many bytes the sheet has so far, before its pages are packed.
    pub(super) fn byte_len(&self) -> usize {
        self.index.len() + self.closed_bytes + self.page.byte_len()
    }

    /// The sheet; `None` when no row was added.
    pub(super) fn finish(mut self) -> Option<Sheet> {
        let first = self.first.take()?;
        self.close_page();
        let mut index = Vec::with_capacity(self.index.len() + 4);
        push_varint(&mut index, self.pages);
        index.extend_from_slice(&self.index);
        let mut bytes = Vec::with_capacity(8 + index.len() + self.closed.len());
        push_checked(&mut bytes, &index);
        let unpacked_bytes = bytes.len() + self.closed_bytes;
        bytes.extend_from_slice(&self.closed);
        Some(Sheet { bytes, unpacked_bytes, rows: self.rows, first, last: self.last.into() })
    }

    fn close_page(&mut self) {
        let page = std::mem::take(&mut self.page);
        let begin = self.closed.len();
        match self.compression {
            Compression::None => page.write(&mut self.closed),
            Compression::Lz4 => pack(&page, &mut self.closed),
        }
        push_varint(&mut self.index, (self.closed.len() - begin) as u64);
        push_varint(&mut self.index, page.rows);
        push_key(&mut self.index, &page.first);
        push_key(&mut self.index, &page.last);
        self.closed_bytes += page.byte_len();
        self.pages += 1;
    }
}

impl PageBuilder {
    fn is_full_for(&self, key_bytes: usize, value_bytes: usize, page_bytes: usize) -> bool {
        let row_bytes = key_bytes + value_bytes + 12;
        self.rows > 0 && (self.byte_len() + row_bytes > page_bytes || self.key_bytes + key_bytes > PAGE_KEY_BYTES)
    }

    fn byte_len(&self) -> usize {
        8 + self.directory.len() + self.values.len()
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        push_checked(bytes, &self.directory);
        bytes.extend_from_slice(&self.values);
    }

    fn push(&mut self, key: &[u8], row: Row<'_>) {
        let shared = shared_prefix(&self.last, key);
        push_varint(&mut self.directory, shared as u64);
        push_key(&mut self.directory, key.get(shared..).unwrap_or_default());
        match row.to_write() {
            None => push_varint(&mut self.directory, 0),
            Some((bytes, crc)) => {
                push_varint(&mut self.directory, bytes.len() as u64 + 1);
                self.directory.extend_from_slice(&crc.to_le_bytes());
                self.values.extend_from_slice(bytes);
            }
        }
        if self.rows == 0 {
            self.first = key.to_vec();
        }
        self.rows += 1;
        self.key_bytes += key.len();
        self.last.clear();
        self.last.extend_from_slice(key);
    }
}

/// Writes a page packed, or as it is where that would gain nothing.
fn pack(page: &PageBuilder, bytes: &mut Vec<u8>) {
    let mut unpacked = Vec::with_capacity(page.byte_len());
    page.write(&mut unpacked);
    let packed = lz4_flex::block::compress(&unpacked);
    if packed.len() + unpacked.len() / MIN_GAIN < unpacked.len() {
        push_varint(bytes, unpacked.len() as u64);
        bytes.extend_from_slice(&crc::hash(&packed).to_le_bytes());
        bytes.extend_from_slice(&packed);
    } else {
        push_varint(bytes, 0);
        bytes.extend_from_slice(&unpacked);
    }
}

/// How long the page is that is packed in these bytes, and the rest of them; 0: it is that rest.
fn packed_page(bytes: &[u8]) -> Result<(usize, &[u8]), Damage> {
    let mut reader = Reader(bytes);
    let len = reader.len()?;
    let is_possible = len <= MAX_PAGE_BYTES && len <= reader.0.len().saturating_mul(MAX_LZ4_RATIO);
    if is_possible { Ok((len, reader.0)) } else { Err(Damage::Malformed("length of a page")) }
}

fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn push_key(bytes: &mut Vec<u8>, key: &[u8]) {
    push_varint(bytes, key.len() as u64);
    bytes.extend_from_slice(key);
}

/// Length and checksum, then the bytes.
fn push_checked(bytes: &mut Vec<u8>, part: &[u8]) {
    // A directory has at most a page of keys and an index a block of them: far under 4 GiB.
    bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc::hash(part).to_le_bytes());
    bytes.extend_from_slice(part);
}

fn take_checked<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Damage> {
    let len = usize::try_from(reader.u32()?).map_err(|_| Damage::Truncated)?;
    let crc = reader.u32()?;
    let part = reader.take(len)?;
    if crc::hash(part) == crc { Ok(part) } else { Err(Damage::Checksum) }
}

/// A sheet in memory: its index read and checked, its pages read when they are asked for.
#[derive(Debug)]
pub(super) struct OpenSheet {
    bytes: Vec<u8>,
    compression: Compression,
    pages: Vec<PageEntry>,
    decoded: RefCell<Vec<Option<DecodedPage>>>,
}

type DecodedPage = Result<Rc<Page>, Damage>;

/// What the index says of a page.
#[derive(Debug)]
pub(super) struct PageEntry {
    place: ops::Range<usize>,
    rows: u64,
    pub(super) first: Key,
    pub(super) last: Key,
}

/// The directory of a page, read and checked.
#[derive(Debug)]
pub(super) struct Page {
    /// Its bytes, if they were packed; otherwise they are the sheet's.
    unpacked: Option<Vec<u8>>,
    keys: Vec<u8>,
    rows: Vec<RowEntry>,
}

#[derive(Debug)]
struct RowEntry {
    key: ops::Range<u32>,
    /// Where the value stands in the page's bytes or the sheet's, and its checksum; `None` for a deleted row.
    value: Option<(ops::Range<usize>, u32)>,
}

impl OpenSheet {
    /// Reads the index of the sheet that begins at `start` of `bytes`.
    pub(super) fn open(bytes: Vec<u8>, start: usize, compression: Compression) -> Result<Self, Damage> {
        let mut reader = Reader(bytes.get(start..).ok_or(Damage::Truncated)?);
        let mut index = Reader(take_checked(&mut reader)?);
        let mut place = bytes.len() - reader.0.len();
        let mut pages: Vec<PageEntry> = Vec::new();
        for _ in 0..index.varint()? {
            let page = PageEntry::read(&mut index, &mut place)?;
            if page.first > page.last || pages.last().is_some_and(|before| before.last >= page.first) {
                return Err(Damage::Malformed("order of pages"));
            }
            pages.push(page);
        }
        if !index.is_empty() || pages.is_empty() || place > bytes.len() {
            return Err(Damage::Malformed("index"));
        }
        let decoded = RefCell::new(pages.iter().map(|_| None).collect());
        Ok(Self { bytes, compression, pages, decoded })
    }

    /// What its packed pages take once they are unpacked.
    pub(super) fn unpacked_bytes(&self) -> usize {
        let packed = self.pages.iter().filter(|_| self.compression == Compression::Lz4);
        let bytes = packed.filter_map(|page| self.bytes.get(page.place.clone()));
        bytes.filter_map(|bytes| packed_page(bytes).ok()).map(|(len, _)| len).sum()
    }

    pub(super) fn pages(&self) -> &[PageEntry] {
        &self.pages
    }

    /// The directory of page `number`, decoded once.
    pub(super) fn page(&self, number: usize) -> Result<Rc<Page>, Damage> {
        if let Some(Some(known)) = self.decoded.borrow().get(number) {
            return known.clone();
        }
        let page = self.decode_page(number).map(Rc::new);
        if let Some(slot) = self.decoded.borrow_mut().get_mut(number) {
            *slot = Some(page.clone());
        }
        page
    }

    /// The row `at` of a page of this sheet.
    pub(super) fn row<'a>(&'a self, page: &'a Page, at: usize) -> Option<(&'a [u8], Row<'a>)> {
        let entry = page.rows.get(at)?;
        let row = match &entry.value {
            None => Row::Deleted,
            Some((place, crc)) => {
                let bytes = page.unpacked.as_ref().unwrap_or(&self.bytes);
                Row::Value { bytes: bytes.get(place.clone())?, crc: *crc }
            }
        };
        Some((page.key(entry)?, row))
    }

    fn decode_page(&self, number: usize) -> Result<Page, Damage> {
        let entry = self.pages.get(number).ok_or(Damage::Missing)?;
        let bytes = self.bytes.get(entry.place.clone()).ok_or(Damage::Truncated)?;
        let page = match self.compression {
            Compression::None => Page::decode(bytes, entry.place.start)?,
            Compression::Lz4 => match packed_page(bytes)? {
                (0, page) => Page::decode(page, entry.place.end - page.len())?,
                (len, packed) => Page::read_packed(packed, len)?,
            },
        };
        if page.rows.len() as u64 != entry.rows || !page.lies_between(&entry.first, &entry.last) {
            return Err(Damage::Malformed("a page and the index differ"));
        }
        Ok(page)
    }
}

impl PageEntry {
    fn read(index: &mut Reader<'_>, place: &mut usize) -> Result<Self, Damage> {
        let len = index.len()?;
        let end = place.checked_add(len).ok_or(Damage::Truncated)?;
        let place = ops::Range { start: std::mem::replace(place, end), end };
        Ok(Self { place, rows: index.varint()?, first: index.key()?.into(), last: index.key()?.into() })
    }
}

impl Page {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first row whose key is not less than `key`.
    pub(super) fn lower_bound(&self, key: &[u8]) -> usize {
        self.rows.partition_point(|entry| self.key(entry).is_some_and(|found| found < key))
    }

    fn key(&self, entry: &RowEntry) -> Option<&[u8]> {
        self.keys.get(entry.key.start as usize..entry.key.end as usize)
    }

    fn lies_between(&self, first: &[u8], last: &[u8]) -> bool {
        let key = |entry: Option<&RowEntry>| entry.and_then(|entry| self.key(entry));
        key(self.rows.first()) == Some(first) && key(self.rows.last()) == Some(last)
    }

    /// Reads a page of so many bytes that is packed; one wrong byte is put right.
    fn read_packed(bytes: &[u8], len: usize) -> Result<Self, Damage> {
        let mut reader = Reader(bytes);
        let (crc, packed) = (reader.u32()?, reader.0);
        if crc::hash(packed) != crc {
            let mut mended = packed.to_vec();
            if crc::mend(&mut mended, crc)
                && let Ok(page) = Self::unpack(&mended, len)
            {
                return Ok(page);
            }
        }
        // Each value has a checksum of its own: what can still be unpacked tells which rows are damaged.
        Self::unpack(packed, len)
    }

    fn unpack(packed: &[u8], len: usize) -> Result<Self, Damage> {
        let unpacked = lz4_flex::block::decompress(packed, len).map_err(|_| Damage::Malformed("a packed page"))?;
        if unpacked.len() != len {
            return Err(Damage::Malformed("a packed page"));
        }
        let page = Self::decode(&unpacked, 0)?;
        Ok(Self { unpacked: Some(unpacked), ..page })
    }

    /// Reads a page that stands at `start` of its sheet's bytes.
    fn decode(bytes: &[u8], start: usize) -> Result<Self, Damage> {
        let mut reader = Reader(bytes);
        let mut directory = Reader(take_checked(&mut reader)?);
        let end = start + bytes.len();
        let mut value_start = end - reader.0.len();
        let mut page = Self { unpacked: None, keys: Vec::new(), rows: Vec::new() };
        while !directory.is_empty() {
            let key = page.read_key(&mut directory)?;
            let value = match directory.varint()? {
                0 => None,
                meta => {
                    let len = usize::try_from(meta - 1).map_err(|_| Damage::Truncated)?;
                    let value_end =
                        value_start.checked_add(len).filter(|value_end| *value_end <= end).ok_or(Damage::Truncated)?;
                    let place = ops::Range { start: std::mem::replace(&mut value_start, value_end), end: value_end };
                    Some((place, directory.u32()?))
                }
            };
            page.rows.push(RowEntry { key, value });
        }
        if value_start == end { Ok(page) } else { Err(Damage::Malformed("values")) }
    }

    /// Reads a key, which must be greater than the one before.
    fn read_key(&mut self, directory: &mut Reader<'_>) -> Result<ops::Range<u32>, Damage> {
        let before = self.rows.last().map_or(0..0, |entry| entry.key.start as usize..entry.key.end as usize);
        let shared = directory.len()?;
        let rest = directory.key()?;
        let start = self.keys.len();
        if shared > before.len() || shared + rest.len() > MAX_KEY_BYTES || start > PAGE_KEY_BYTES {
            return Err(Damage::Malformed("key"));
        }
        self.keys.extend_from_within(before.start..before.start + shared);
        self.keys.extend_from_slice(rest);
        let ascends = self.rows.is_empty() || self.keys.get(before) < self.keys.get(start..);
        if !ascends {
            return Err(Damage::Malformed("order of rows"));
        }
        // At most PAGE_KEY_BYTES and one key: fits 32 bits.
        Ok(start as u32..self.keys.len() as u32)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    const BOTH: [Compression; 2] = [Compression::None, Compression::Lz4];

    fn read_whole(bytes: Vec<u8>, compression: Compression) -> Result<Vec<Vec<u8>>, Damage> {
        let sheet = OpenSheet::open(bytes, 0, compression)?;
        let mut keys = Vec::new();
        for at in 0..sheet.pages().len() {
            let page = sheet.page(at)?;
            keys.extend((0..page.len()).map(|row| sheet.row(&page, row).unwrap().0.to_vec()));
        }
        Ok(keys)
    }

    /// A sheet with this index and one page of this directory, all checksums right.
    fn sheet_of(index: &[u8], directory: &[u8], values: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_checked(&mut bytes, index);
        push_checked(&mut bytes, directory);
        bytes.extend_from_slice(values);
        bytes
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for compression in BOTH {
                let _ = read_whole(bytes.clone(), compression);
            }
        }

        #[test]
        fn no_index_makes_the_reader_panic(index in proptest::collection::vec(0u8..40, 0..40)) {
            for compression in BOTH {
                let _ = read_whole(sheet_of(&index, &[0, 1, b'a', 0], &[]), compression);
            }
        }

        #[test]
        fn no_directory_makes_the_reader_panic(
            directory in proptest::collection::vec(prop_oneof![0u8..5, Just(0xff)], 0..60),
            rows in 0u8..9,
            last in 0u8..5,
            values in 0usize..20,
        ) {
            let page_bytes = u8::try_from(8 + directory.len() + values).unwrap();
            let index = [1, page_bytes, rows, 1, 0, 1, last];
            if let Ok(keys) = read_whole(sheet_of(&index, &directory, &vec![9; values]), Compression::None) {
                prop_assert!(keys.is_sorted());
            }
        }

        #[test]
        fn no_packed_page_makes_the_reader_panic(
            len in prop_oneof![0..100_u64, any::<u64>()],
            packed in proptest::collection::vec(prop_oneof![0u8..20, any::<u8>()], 0..60),
        ) {
            let mut page = Vec::new();
            push_varint(&mut page, len);
            page.extend_from_slice(&packed);
            let mut index = vec![1];
            push_varint(&mut index, page.len() as u64);
            index.extend_from_slice(&[1, 1, b'a', 1, b'a']);
            let mut bytes = Vec::new();
            push_checked(&mut bytes, &index);
            bytes.extend_from_slice(&page);
            let _ = read_whole(bytes, Compression::Lz4);
        }

        #[test]
        fn rows_come_back_as_they_went_in(
            rows in proptest::collection::btree_map(
                proptest::collection::vec(0u8..3, 0..40),
                proptest::option::of(
                    prop_oneof![proptest::collection::vec(any::<u8>(), 0..3000), proptest::collection::vec(0u8..2, 0..9000)]
                ),
                1..60,
            ),
            compression in prop_oneof![Just(Compression::None), Just(Compression::Lz4)],
        ) {
            let mut builder = SheetBuilder::with(compression);
            for (key, value) in &rows {
                builder.push(key, value.as_ref().map_or(Row::Deleted, |value| Row::Healthy(value)));
            }
            let written = builder.finish().unwrap();
            prop_assert!(compression == Compression::Lz4 || written.bytes.len() == written.unpacked_bytes);
            let sheet = OpenSheet::open(written.bytes, 0, compression).unwrap();
            let mut found = std::collections::BTreeMap::new();
            for at in 0..sheet.pages().len() {
                let page = sheet.page(at).unwrap();
                for row in 0..page.len() {
                    let (key, row) = sheet.row(&page, row).unwrap();
                    found.insert(key.to_vec(), row.to_write().map(|(bytes, _)| bytes.to_vec()));
                }
            }
            prop_assert_eq!(found, rows);
        }
    }

    #[test]
    fn keys_that_share_much_do_not_grow_without_bound_when_read() {
        let mut directory = vec![0, 0xff, 0x1f];
        directory.extend([b'a'; 4094]);
        directory.push(0);
        directory.push(0);
        for n in 0..200 {
            // The whole key before, up to the longest there may be, with a greater last byte.
            directory.extend([0xfe, 0x1f, 1, n + 1, 0]);
        }
        let mut index = vec![1];
        push_varint(&mut index, 8 + directory.len() as u64);
        push_varint(&mut index, 201);
        index.extend([0, 1, b'z']);
        assert_eq!(read_whole(sheet_of(&index, &directory, &[]), Compression::None), Err(Damage::Malformed("key")));
    }

    fn of_words(rows: u16) -> Sheet {
        let mut builder = SheetBuilder::with(Compression::Lz4);
        for row in 0..rows {
            let value =
                format!(r#"{{"title":"Document {row}","body":"milk and bread, and bread and milk","n":{row}}}"#);
            builder.push(&row.to_be_bytes(), Row::Healthy(value.as_bytes()));
        }
        builder.finish().unwrap()
    }

    #[test]
    fn words_are_packed_to_less_than_half() {
        let sheet = of_words(2_000);
        assert!(sheet.bytes.len() * 2 < sheet.unpacked_bytes, "{} of {}", sheet.bytes.len(), sheet.unpacked_bytes);
        let open = OpenSheet::open(sheet.bytes, 0, Compression::Lz4).unwrap();
        assert!(sheet.unpacked_bytes - open.unpacked_bytes() < 1_000);
    }

    /// The rows of a sheet of words with these bytes changed: how many are as they were, and how many pages cannot be read. No row is another than it was
    /// without its checksum saying so.
    fn spoiled(sheet: &Sheet, flips: &[(usize, u8)]) -> (usize, usize) {
        let sound = OpenSheet::open(sheet.bytes.clone(), 0, Compression::Lz4).unwrap();
        let mut bytes = sheet.bytes.clone();
        for (at, by) in flips {
            bytes[*at] ^= by;
        }
        let open = OpenSheet::open(bytes, 0, Compression::Lz4).unwrap();
        let (mut sound_rows, mut lost) = (0, 0);
        for number in 0..open.pages().len() {
            let Ok(page) = open.page(number) else {
                lost += 1;
                continue;
            };
            let was = sound.page(number).unwrap();
            for row in 0..page.len() {
                let (Some((key, Row::Value { bytes, crc })), Some((known, Row::Value { bytes: value, .. }))) =
                    (open.row(&page, row), sound.row(&was, row))
                else {
                    panic!("another row");
                };
                assert_eq!(key, known);
                let is_sound = crc::hash(bytes) == crc;
                assert!(!is_sound || bytes == value);
                sound_rows += usize::from(is_sound);
            }
        }
        (sound_rows, lost)
    }

    #[test]
    fn a_flipped_byte_of_what_is_packed_costs_nothing() {
        let sheet = of_words(300);
        let places = OpenSheet::open(sheet.bytes.clone(), 0, Compression::Lz4).unwrap();
        for page in places.pages() {
            // The length, which takes two bytes, is in no checksum: without it the page is lost, and no other.
            for at in page.place.start..page.place.start + 2 {
                let (sound, lost) = spoiled(&sheet, &[(at, 0x10)]);
                assert!(lost == 1 && sound > 100, "{sound} rows");
            }
            for at in page.place.start + 2..page.place.end {
                assert_eq!(spoiled(&sheet, &[(at, 0x10)]), (300, 0));
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_damaged_more_makes_no_row_lie(
            flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 2..9)
        ) {
            let sheet = of_words(300);
            let first = OpenSheet::open(sheet.bytes.clone(), 0, Compression::Lz4).unwrap().pages()[0].place.start;
            let flips: Vec<_> =
                flips.iter().map(|(at, by)| (first + at.index(sheet.bytes.len() - first), *by)).collect();
            let (sound, lost) = spoiled(&sheet, &flips);
            prop_assert!(lost <= flips.len() && sound <= 300);
        }
    }
}
