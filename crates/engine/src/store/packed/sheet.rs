//! Sorted rows as bytes: pages that can be read one by one, and an index of them. See `format` for the layout.

use std::cell::RefCell;
use std::ops;
use std::rc::Rc;

use super::crc;
use super::format::{Damage, Reader, push_varint};
use crate::store::{Bytes, Key, MAX_KEY_BYTES};

/// A page is closed before it grows over this, unless one row alone is larger.
const PAGE_BYTES: usize = 16 * 1024;
/// A page is closed before its keys, written out without sharing, grow over this. Bounds what decoding allocates.
const PAGE_KEY_BYTES: usize = 64 * 1024;

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
    index: Vec<u8>,
    pages: u64,
    closed: Vec<u8>,
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
    pub(super) rows: u64,
    pub(super) first: Key,
    pub(super) last: Key,
}

impl SheetBuilder {
    /// Adds a row; its key must be greater than every key before.
    pub(super) fn push(&mut self, key: &[u8], row: Row<'_>) {
        debug_assert!(self.rows == 0 || key > &self.last[..], "rows come in ascending order");
        if self.page.is_full_for(key.len(), row.byte_len()) {
            self.close_page();
        }
        self.page.push(key, row);
        self.rows += 1;
        self.first.get_or_insert_with(|| Bytes::from(key));
        self.last.clear();
        self.last.extend_from_slice(key);
    }

    /// About how many bytes the sheet has so far.
    pub(super) fn byte_len(&self) -> usize {
        self.index.len() + self.closed.len() + self.page.byte_len()
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
        bytes.extend_from_slice(&self.closed);
        Some(Sheet { bytes, rows: self.rows, first, last: self.last.into() })
    }

    fn close_page(&mut self) {
        let page = std::mem::take(&mut self.page);
        push_varint(&mut self.index, page.byte_len() as u64);
        push_varint(&mut self.index, page.rows);
        push_key(&mut self.index, &page.first);
        push_key(&mut self.index, &page.last);
        push_checked(&mut self.closed, &page.directory);
        self.closed.extend_from_slice(&page.values);
        self.pages += 1;
    }
}

impl PageBuilder {
    fn is_full_for(&self, key_bytes: usize, value_bytes: usize) -> bool {
        let row_bytes = key_bytes + value_bytes + 12;
        self.rows > 0 && (self.byte_len() + row_bytes > PAGE_BYTES || self.key_bytes + key_bytes > PAGE_KEY_BYTES)
    }

    fn byte_len(&self) -> usize {
        8 + self.directory.len() + self.values.len()
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
    keys: Vec<u8>,
    rows: Vec<RowEntry>,
}

#[derive(Debug)]
struct RowEntry {
    key: ops::Range<u32>,
    /// Where the value stands in the sheet's bytes, and its checksum; `None` for a deleted row.
    value: Option<(ops::Range<usize>, u32)>,
}

impl OpenSheet {
    /// Reads the index of the sheet that begins at `start` of `bytes`.
    pub(super) fn open(bytes: Vec<u8>, start: usize) -> Result<Self, Damage> {
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
        Ok(Self { bytes, pages, decoded })
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
            Some((place, crc)) => Row::Value { bytes: self.bytes.get(place.clone())?, crc: *crc },
        };
        Some((page.key(entry)?, row))
    }

    fn decode_page(&self, number: usize) -> Result<Page, Damage> {
        let entry = self.pages.get(number).ok_or(Damage::Missing)?;
        let bytes = self.bytes.get(entry.place.clone()).ok_or(Damage::Truncated)?;
        let page = Page::decode(bytes, entry.place.start)?;
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

    /// Reads a page that stands at `start` of its sheet's bytes.
    fn decode(bytes: &[u8], start: usize) -> Result<Self, Damage> {
        let mut reader = Reader(bytes);
        let mut directory = Reader(take_checked(&mut reader)?);
        let end = start + bytes.len();
        let mut value_start = end - reader.0.len();
        let mut page = Self { keys: Vec::new(), rows: Vec::new() };
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
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn read_whole(bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, Damage> {
        let sheet = OpenSheet::open(bytes, 0)?;
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
            let _ = read_whole(bytes);
        }

        #[test]
        fn no_index_makes_the_reader_panic(index in proptest::collection::vec(0u8..40, 0..40)) {
            let _ = read_whole(sheet_of(&index, &[0, 1, b'a', 0], &[]));
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
            if let Ok(keys) = read_whole(sheet_of(&index, &directory, &vec![9; values])) {
                prop_assert!(keys.is_sorted());
            }
        }

        #[test]
        fn rows_come_back_as_they_went_in(
            rows in proptest::collection::btree_map(
                proptest::collection::vec(0u8..3, 0..40),
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..3000)),
                1..60,
            ),
        ) {
            let mut builder = SheetBuilder::default();
            for (key, value) in &rows {
                builder.push(key, value.as_ref().map_or(Row::Deleted, |value| Row::Healthy(value)));
            }
            let sheet = OpenSheet::open(builder.finish().unwrap().bytes, 0).unwrap();
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
        assert_eq!(read_whole(sheet_of(&index, &directory, &[])), Err(Damage::Malformed("key")));
    }
}
