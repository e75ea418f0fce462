//! Looking at everything that is stored, page by page: each page is one command that sees one state, so other calls go on
//! in between, whoever asks may stop at any time, and an engine that takes over goes on where the last one was.
//!
//! What a page needs is read from the store past the rows in memory. A page changes nothing; [`super::repair`] looks in the
//! same way and mends what was found.

mod documents;
mod entries;
mod fault;
mod indexes;
mod others;

pub(super) use documents::{fitting, sorted_chunks};
pub(super) use entries::verified;
pub(super) use fault::{Broken, Fault};

use super::documents::Stop;
use super::rows::Missing;
use super::task::{CommandTask, ScanSlot};
use super::{Machine, keys};
use crate::api::{ErrorCode, Failure, HealthCounts, HealthPart, Reply};
use crate::store::{Key, Range, Rows};
use ashore_protocol::codec::{decode, encode};
use data_encoding::BASE32_NOPAD;
use minicbor::{Decode, Encode};

/// The parts of a check, in order: what others are mended from comes first.
const PARTS: [HealthPart; 9] = [
    HealthPart::Entries,
    HealthPart::EntryIndex,
    HealthPart::Controls,
    HealthPart::Outbox,
    HealthPart::Quarantine,
    HealthPart::Others,
    HealthPart::Documents,
    HealthPart::Changes,
    HealthPart::Indexes,
];
/// The tags of small rows: buried documents, tombstones, who has seen what, collections, definitions, group, writers, joining, repairs, relays, settings, own writers, declarations,
/// clients. See [`keys`].
const OTHERS: &[u8] = b"bcdghjlmnprsuwx";

/// Rows of one page, and their bytes. What belongs to them is read besides: for documents as much again and their chunks.
const PAGE_ROWS: u32 = 500;
const PAGE_BYTES: usize = 256 << 10;
/// The same where rows are looked at alone.
const PAGE_OF_CHANGES_BYTES: usize = 2 << 20;
const PAGE_OF_ENTRIES: u32 = 200;

/// Where a check or a repair goes on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Place {
    #[n(0)]
    part: u8,
    /// The first key of the next page; empty: from the part's start.
    #[cbor(n(1), with = "minicbor::bytes")]
    from: Vec<u8>,
}

/// What came of looking at one page.
pub(super) struct Looked {
    pub(super) part: HealthPart,
    pub(super) counts: HealthCounts,
    pub(super) faults: Vec<Fault>,
    pub(super) next: Option<Place>,
}

impl Place {
    pub(super) fn parse(after: Option<&str>) -> Result<Self, Failure> {
        let Some(after) = after else { return Ok(Self::of(0)) };
        let bytes = if after.len() > 16_384 { None } else { BASE32_NOPAD.decode(after.as_bytes()).ok() };
        let place = bytes.and_then(|bytes| decode::<Self>(&bytes).ok());
        place.ok_or_else(|| Failure::new(ErrorCode::RequestInvalid, "no place in a check"))
    }

    pub(super) fn print(&self) -> String {
        BASE32_NOPAD.encode(&encode(self))
    }

    /// The start of a part; those of a repair follow those of a check.
    pub(super) fn of(part: usize) -> Self {
        Self { part: u8::try_from(part).unwrap_or(u8::MAX), from: vec![] }
    }

    pub(super) fn at(&self, from: &Key) -> Self {
        Self { part: self.part, from: from.to_vec() }
    }

    pub(super) fn after_part(&self) -> Self {
        Self::of(usize::from(self.part) + 1)
    }

    pub(super) fn is_start(&self) -> bool {
        self.from.is_empty()
    }

    pub(super) fn number(&self) -> usize {
        usize::from(self.part)
    }

    /// What is left of `range` from here on.
    pub(super) fn rest(&self, range: Range) -> Range {
        if self.from.is_empty() { range } else { Range { start: Key::from(self.from.as_slice()), ..range } }
    }
}

/// How many parts a check has.
pub(super) const CHECKED_PARTS: usize = PARTS.len();

impl Machine {
    pub(super) fn check(&mut self, task: &mut CommandTask, after: Option<&str>) -> Result<Reply, Stop> {
        let place = Place::parse(after)?;
        let looked = self.look(&mut task.scan, &place);
        let Looked { part, counts, faults, next } = looked?;
        self.rows.end_aside();
        let findings = faults.iter().map(Fault::finding).collect();
        Ok(Reply::Checked { part, counts, findings, next: next.map(|next| next.print()) })
    }

    /// Looks at the page that begins at `place`. Rows that were read aside are still there afterwards.
    pub(super) fn look(&mut self, scan: &mut ScanSlot, place: &Place) -> Result<Looked, Missing> {
        let part = PARTS.get(place.number()).copied().unwrap_or(HealthPart::Indexes);
        let next_part = (place.number() + 1 < PARTS.len()).then(|| place.after_part());
        let Some(all) = self.range_of(part, place) else {
            return Ok(Looked { part, counts: HealthCounts::default(), faults: vec![], next: next_part });
        };
        let (limit, bytes) = page_size(part);
        let page = place.rest(all.clone()).limit(limit).max_bytes(bytes);
        let raw = scan.clone();
        let (mut rows, mut rest) = self.scan_part(scan, &page)?;
        if part == HealthPart::Documents
            && let Some(first_left) = documents::fitting(&rows)
        {
            rest = rows.rows.get(first_left).map(|(key, _)| Range { start: key.clone(), ..page.clone() });
            rows.rows.truncate(first_left);
        }
        let looked = match part {
            HealthPart::Documents => self.look_at_documents(&rows),
            HealthPart::Changes => self.look_at_changes(&rows),
            HealthPart::Indexes => self.look_at_indexes(&rows),
            HealthPart::Entries => self.look_at_entries(&rows),
            HealthPart::EntryIndex => self.look_at_entry_index(&rows),
            HealthPart::Controls => self.look_at_controls(&rows),
            HealthPart::Outbox => self.look_at_outbox(&rows),
            HealthPart::Quarantine => Ok(self.look_at_quarantine(&rows)),
            HealthPart::Others | HealthPart::Gathering | HealthPart::Settling => Ok(self.look_at_others(&rows)),
        };
        let (counts, mut faults) = match looked {
            Ok(looked) => looked,
            Err(missing) => {
                *scan = raw;
                return Err(missing);
            }
        };
        let end = rest.as_ref().map(|rest| rest.start.clone());
        faults.extend(lost_here(&all, &page, end.as_ref(), &rows));
        let counts = HealthCounts { rows: rows.rows.len() as u64, bytes: bytes_of(&rows), ..counts };
        let next = match end {
            Some(end) => Some(place.at(&end)),
            None => self.next_of_others(part, &all).map(|next| place.at(&next)).or(next_part),
        };
        Ok(Looked { part, counts, faults, next })
    }

    fn range_of(&self, part: HealthPart, place: &Place) -> Option<Range> {
        let generation = self.sync.group.as_ref().map(|group| group.state.generation);
        let of_group = |range: fn(u64) -> Range| generation.map(range);
        match part {
            HealthPart::Documents => Some(Range::prefix(*b"v")),
            HealthPart::Changes => Some(Range::prefix(*b"a")),
            HealthPart::Indexes => Some(Range::prefix(*b"y")),
            HealthPart::Entries => of_group(keys::entries),
            HealthPart::EntryIndex => of_group(|generation| keys::of_generation(b'i', generation)),
            HealthPart::Controls => of_group(keys::controls),
            HealthPart::Outbox => of_group(keys::outboxes),
            HealthPart::Quarantine => of_group(keys::quarantines),
            HealthPart::Others | HealthPart::Gathering | HealthPart::Settling => {
                let tag = place.from.first().or(OTHERS.first()).copied()?;
                Some(Range::prefix([tag]))
            }
        }
    }

    /// The small rows are looked at tag by tag.
    fn next_of_others(&self, part: HealthPart, all: &Range) -> Option<Key> {
        let done = all.start.first().filter(|_| part == HealthPart::Others)?;
        OTHERS.iter().find(|tag| *tag > done).map(|tag| Key::from([*tag].as_slice()))
    }
}

fn page_size(part: HealthPart) -> (u32, usize) {
    match part {
        HealthPart::Changes => (PAGE_ROWS * 4, PAGE_OF_CHANGES_BYTES),
        HealthPart::Entries => (PAGE_OF_ENTRIES, PAGE_OF_CHANGES_BYTES),
        HealthPart::Indexes => (PAGE_ROWS * 2, PAGE_BYTES),
        _ => (PAGE_ROWS, PAGE_BYTES),
    }
}

fn bytes_of(rows: &Rows) -> u64 {
    let size = |(key, row): &(Key, crate::store::RowValue)| key.len() + row.present().map_or(0, |value| value.len());
    rows.rows.iter().map(size).sum::<usize>() as u64
}

/// What is lost and begins in this page of `all`: each is said once.
fn lost_here(all: &Range, page: &Range, end: Option<&Key>, rows: &Rows) -> Vec<Fault> {
    let begins_here = |start: &Key| {
        let start = start.max(&all.start);
        *start >= page.start && end.is_none_or(|end| start < end)
    };
    let lost = rows.lost.iter().filter(|lost| lost.touches(all) && begins_here(&lost.start));
    lost.map(|lost| Fault::Lost { lost: lost.clone() }).collect()
}
