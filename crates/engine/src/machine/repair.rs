//! Mending what a check finds, page by page: each page is one batch, so a crash between two is harmless.
//!
//! The parts of a check come first, in its order: what others are mended from comes before them. Documents whose changes are
//! broken are noted, with what is left of them; then the log is read once and its changes are gathered for them; then each
//! takes the place of what was broken. Nothing of a document changes before that. What the relay may have is asked of it
//! first; a document that needs it waits, as it is.

mod documents;
mod entries;
mod gather;
mod plan;

use super::check::{CHECKED_PARTS, Looked, Place};
use super::documents::Stop;
use super::link::Stage;
use super::rows::Missing;
use super::task::{CommandTask, ScanSlot};
use super::{Machine, keys};
use crate::api::{DisconnectReason, HealthCounts, HealthPart, Mended, Reply};
use crate::group::RelayPlace;
use crate::store::{Key, LostRange};
use ashore_protocol::codec::{Bytes, encode};
use ashore_protocol::ids::Cursor;
use minicbor::{Decode, Encode};

/// The part of a check before which the relay is asked again: all entries have been looked at.
const ASK_BEFORE: usize = 6;
/// The parts of a repair after those of a check: gathering from entries and from those that are kept aside, settling; and the
/// same again once the relay was read.
const GATHER: usize = CHECKED_PARTS;
const GATHER_KEPT: usize = GATHER + 1;
const SETTLE: usize = GATHER + 2;
const GATHER_AGAIN: usize = GATHER + 3;
const GATHER_KEPT_AGAIN: usize = GATHER + 4;
const SETTLE_AGAIN: usize = GATHER + 5;
/// A connection that was not open yet is tried again after this long.
const RECONNECT_MS: u64 = 1_000;
/// So many lost parts of the storage are remembered.
const MAX_LOST: usize = 256;

/// What repairs remember; one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Mending {
    /// Lost parts of the storage that were looked after: what is missing in them is absent.
    #[n(0)]
    forgiven: Vec<Span>,
    /// Those that the repair under way has met.
    #[n(1)]
    lost: Vec<Span>,
    /// The repair under way has asked the relay for everything again.
    #[n(2)]
    asked: bool,
    /// Entries with these sequence numbers were lost before the relay had them: documents that went with them go again.
    #[n(3)]
    pub(super) resend: Option<Resend>,
}

/// Sequence numbers of entries.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Resend {
    #[n(0)]
    pub(super) from: u64,
    #[n(1)]
    pub(super) until: u64,
}

/// Keys of which it was not known what was stored.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Span {
    #[n(0)]
    start: Bytes,
    #[n(1)]
    end: Option<Bytes>,
}

impl Span {
    fn of(lost: &LostRange) -> Self {
        Self { start: lost.start.to_vec().into(), end: lost.end.as_ref().map(|end| end.to_vec().into()) }
    }

    fn range(&self) -> LostRange {
        let key = |bytes: &Bytes| Key::from(bytes.to_vec());
        LostRange { start: key(&self.start), end: self.end.as_ref().map(key) }
    }
}

impl Machine {
    pub(super) fn open_mending(&mut self, mending: Mending) {
        self.mending = mending;
        self.forgive_lost();
    }

    fn forgive_lost(&mut self) {
        self.rows.forgive(self.mending.forgiven.iter().map(Span::range).collect());
    }

    /// What repairs remember is another now.
    fn set_mending(&mut self, mending: Mending) {
        if self.mending != mending {
            self.mending = mending;
            self.rows.write(&mut self.batch.rows, keys::mending(), Some(encode(&self.mending).into()));
        }
    }

    /// Every document whose entry was lost has gone into another.
    pub(super) fn all_is_sent_again(&mut self) {
        self.set_mending(Mending { resend: None, ..self.mending.clone() });
    }

    pub(super) fn repair(&mut self, task: &mut CommandTask, after: Option<&str>) -> Result<Reply, Stop> {
        let place = Place::parse(after)?;
        let reply = match place.number() {
            0..CHECKED_PARTS => self.repair_page(&mut task.scan, &place)?,
            GATHER | GATHER_KEPT | GATHER_AGAIN | GATHER_KEPT_AGAIN => self.gather_page(&mut task.scan, &place)?,
            _ => self.settle_page(&mut task.scan, &place)?,
        };
        self.rows.end_aside();
        Ok(reply)
    }

    /// Looks at one page and mends what is wrong in it.
    fn repair_page(&mut self, scan: &mut ScanSlot, place: &Place) -> Result<Reply, Missing> {
        let raw = scan.clone();
        let Looked { part, counts, faults, next } = self.look(scan, place)?;
        let mut plans = Vec::with_capacity(faults.len());
        let mut missing = None;
        for fault in &faults {
            match self.plan(fault) {
                Ok(plan) => plans.push(plan),
                Err(not_here) => missing = Some(not_here),
            }
        }
        // All entries have been looked at: who is in the group is found again before the relay is asked for more.
        let all_entries = place.number() == ASK_BEFORE && place.is_start();
        let controls = if all_entries { self.stored_controls() } else { Ok(vec![]) };
        let (None, Ok(controls)) = (missing, controls) else {
            *scan = raw;
            return Err(Missing);
        };
        // From here on everything is in memory.
        self.find_members(&controls);
        if place.number() == 0 && place.is_start() {
            // What an earlier one asked of the relay may still be on its way.
            self.set_mending(Mending { lost: vec![], ..self.mending.clone() });
        }
        if all_entries && self.mending.asked {
            self.ask_for_everything();
        }
        let mut mended = Vec::with_capacity(faults.len());
        for (fault, (remedy, plan)) in faults.iter().zip(plans) {
            self.carry_out(plan);
            mended.extend(remedy.map(|remedy| Mended { finding: fault.finding(), remedy }));
        }
        let next = next.unwrap_or_else(|| Place::of(GATHER)).print();
        Ok(Reply::Repaired { part, counts, mended, next: Some(next), waits: false })
    }

    fn lose(&mut self, lost: &LostRange) {
        let mut mending = self.mending.clone();
        mending.asked = true;
        if mending.lost.len() < MAX_LOST && !mending.lost.contains(&Span::of(lost)) {
            mending.lost.push(Span::of(lost));
        }
        self.set_mending(mending);
    }

    /// The relay has what is missing, or nobody has: it is read again from its start, later in this repair.
    fn ask_again(&mut self) {
        self.set_mending(Mending { asked: true, ..self.mending.clone() });
    }

    fn ask_for_everything(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        group.place = RelayPlace { cursor: Cursor::ZERO, prefix: None, ..group.place.clone() };
        self.write_place();
        match &mut self.sync.link {
            Some(link) if link.stage == Stage::Open => {
                link.own_in_full = true;
                link.caught_up = false;
                self.pull();
            }
            // It may open the log at the place before: the next connection opens it when the new one is committed.
            Some(_) => {
                self.end_link(DisconnectReason::Lost);
                self.sync.wait_ms = RECONNECT_MS;
                self.sync.retry_at = Some(self.now.plus_ms(RECONNECT_MS));
            }
            None => {}
        }
    }

    /// Everything that the relay has came by since it was asked.
    fn relay_was_read(&self) -> bool {
        let (Some(group), Some(link)) = (&self.sync.group, &self.sync.link) else { return false };
        link.caught_up && group.place.cursor >= link.head && group.place.cursor > Cursor::ZERO
    }

    /// The repair is over: what was lost is known to be, and what could not be applied is tried again.
    fn end_repair(&mut self, waiting: bool) {
        let mut mending = self.mending.clone();
        let lost = std::mem::take(&mut mending.lost);
        let new: Vec<Span> = lost.into_iter().filter(|span| !mending.forgiven.contains(span)).collect();
        mending.forgiven.extend(new);
        let excess = mending.forgiven.len().saturating_sub(MAX_LOST);
        mending.forgiven.drain(..excess);
        mending.asked &= waiting;
        self.set_mending(mending);
        self.forgive_lost();
        if let Some(group) = &mut self.sync.group {
            let kept: Vec<_> = group.quarantine.keys().filter(|id| !group.retry.contains(id)).copied().collect();
            group.retry.extend(kept);
        }
    }
}

fn repaired(part: HealthPart, rows: u64, mended: Vec<Mended>, next: Option<Place>, waits: bool) -> Reply {
    let counts = HealthCounts { rows, ..HealthCounts::default() };
    Reply::Repaired { part, counts, mended, next: next.map(|next| next.print()), waits }
}
