//! Rows of a range, read one after another; and what is answered where the file is damaged.
//!
//! Each row carries a checksum over its key and value. Where SQLite itself cannot go on, the range is entered from its other end, and what lies in
//! between is said to be lost.

use super::failure::{is_damage, store_failure};
use ashore_engine::store::{Key, LostRange, Range, RowValue, Rows, StoreFailure, Value};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection};

const FORWARD: &str = "SELECT key, value, crc FROM store_row WHERE key >= ?1 ORDER BY key";
const FORWARD_TO: &str = "SELECT key, value, crc FROM store_row WHERE key >= ?1 AND key < ?2 ORDER BY key";
const BACKWARD: &str = "SELECT key, value, crc FROM store_row WHERE key >= ?1 ORDER BY key DESC";
const BACKWARD_FROM: &str = "SELECT key, value, crc FROM store_row WHERE key >= ?1 AND key < ?2 ORDER BY key DESC";

/// What a row's checksum is over.
pub(super) fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

/// The rows of `range`, as far as they can be read.
pub(super) fn read(connection: &Connection, range: &Range) -> Result<Rows, StoreFailure> {
    let mut answer = Rows::default();
    if range.is_empty() {
        return Ok(answer);
    }
    let mut reading = Reading { limit: range.limit, max_bytes: range.max_bytes, answer: &mut answer };
    match reading.scan(connection, range)? {
        Scan::Whole => {}
        Scan::Damaged => reading.go_around(connection, range)?,
    }
    Ok(answer)
}

/// How a scan ended.
#[derive(PartialEq, Eq)]
enum Scan {
    /// Everything was read, or as much as was asked for.
    Whole,
    /// SQLite could not go on.
    Damaged,
}

struct Reading<'a> {
    limit: u32,
    max_bytes: usize,
    answer: &'a mut Rows,
}

impl Reading<'_> {
    fn scan(&mut self, connection: &Connection, range: &Range) -> Result<Scan, StoreFailure> {
        let mut last: Option<Key> = None;
        let mut suspect: Option<Option<Key>> = None;
        each_row(connection, range, |key, row| {
            if last.as_ref().is_some_and(|last| (**last < *key) == range.reverse) {
                return Step::Disorder;
            }
            let bytes = key.len() + row.len();
            let full = self.limit == 0 || (bytes > self.max_bytes && !self.answer.rows.is_empty());
            if full {
                self.answer.more = true;
                return Step::Stop;
            }
            self.limit -= 1;
            self.max_bytes = self.max_bytes.saturating_sub(bytes);
            let key = Key::from(key);
            if let Some(before) = suspect.take() {
                self.lose(range, before, Some(key.clone()));
            }
            let value = row.value(&key);
            if value == RowValue::Corrupt {
                // It may be its key that is damaged: then another one is missing, here.
                suspect = Some(last.clone());
            }
            last = Some(key.clone());
            self.answer.rows.push((key, value));
            Step::Next
        })
        .inspect(|_| {
            if let Some(before) = suspect.take() {
                self.lose(range, before, None);
            }
        })
    }

    /// Goes on behind the damage, and says what lies between.
    fn go_around(&mut self, connection: &Connection, range: &Range) -> Result<(), StoreFailure> {
        let last = self.answer.rows.last().map(|(key, _)| key.clone());
        let left = last.as_ref().map_or_else(|| range.clone(), |last| range.after(last));
        let other_way = left.clone().reversed();
        // The row itself is kept: to look for its key again would lead SQLite to the page before it, which is the damaged one.
        let mut beyond: Option<(Key, RowValue)> = None;
        each_row(connection, &other_way, |key, row| {
            if beyond.as_ref().is_some_and(|(beyond, _)| (**beyond < *key) == other_way.reverse) {
                return Step::Disorder;
            }
            beyond = Some((key.into(), row.value(key)));
            Step::Next
        })?;
        self.lose(range, last, beyond.as_ref().map(|(key, _)| key.clone()));
        let Some((key, value)) = beyond else { return Ok(()) };
        let rest = left.after(&key);
        if self.limit == 0 {
            self.answer.more = true;
            return Ok(());
        }
        self.limit -= 1;
        self.answer.rows.push((key, value));
        if self.scan(connection, &rest)? == Scan::Damaged {
            let last = self.answer.rows.last().map(|(key, _)| key.clone());
            self.lose(range, last, None);
        }
        Ok(())
    }

    /// Everything between two rows of the range, in the order of the scan; `None` is the range's own end on that side.
    fn lose(&mut self, range: &Range, before: Option<Key>, after: Option<Key>) {
        let (low, high) = if range.reverse { (after, before) } else { (before, after) };
        let start = low.unwrap_or_else(|| range.start.clone());
        self.answer.lost.push(LostRange { start, end: high.or_else(|| range.end.clone()) });
    }
}

/// A row as it lies in the file.
struct Stored<'a> {
    value: ValueRef<'a>,
    crc: ValueRef<'a>,
}

impl Stored<'_> {
    fn len(&self) -> usize {
        self.value.as_blob().map_or(0, <[u8]>::len)
    }

    fn value(&self, key: &[u8]) -> RowValue {
        match (self.value, self.crc) {
            (ValueRef::Blob(value), ValueRef::Integer(crc)) if i64::from(checksum(key, value)) == crc => {
                RowValue::Present(Value::from(value))
            }
            _ => RowValue::Corrupt,
        }
    }
}

enum Step {
    Next,
    Stop,
    /// The rows are not in order.
    Disorder,
}

/// Calls `take` with each row of the range, in its order.
fn each_row(
    connection: &Connection,
    range: &Range,
    mut take: impl FnMut(&[u8], Stored<'_>) -> Step,
) -> Result<Scan, StoreFailure> {
    let mut run = || -> rusqlite::Result<Scan> {
        let mut statement = prepare(connection, range)?;
        let mut rows = match &range.end {
            Some(end) => statement.query((&range.start[..], &end[..]))?,
            None => statement.query([&range.start[..]])?,
        };
        while let Some(row) = rows.next()? {
            let ValueRef::Blob(key) = row.get_ref(0)? else { return Ok(Scan::Damaged) };
            if !range.contains(key) {
                return Ok(Scan::Damaged);
            }
            match take(key, Stored { value: row.get_ref(1)?, crc: row.get_ref(2)? }) {
                Step::Next => {}
                Step::Stop => return Ok(Scan::Whole),
                Step::Disorder => return Ok(Scan::Damaged),
            }
        }
        Ok(Scan::Whole)
    };
    run().or_else(|error| if is_damage(&error) { Ok(Scan::Damaged) } else { Err(store_failure(&error)) })
}

fn prepare<'a>(connection: &'a Connection, range: &Range) -> rusqlite::Result<CachedStatement<'a>> {
    connection.prepare_cached(match (range.reverse, &range.end) {
        (false, None) => FORWARD,
        (false, Some(_)) => FORWARD_TO,
        (true, None) => BACKWARD,
        (true, Some(_)) => BACKWARD_FROM,
    })
}
