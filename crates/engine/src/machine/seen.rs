//! Who has seen what: worked out from the tips that entries name, never from what anybody says about itself.
//!
//! Tips are hashes, so whoever names them had everything that is in their past. This device remembers which tips it had, and how many entries
//! then. An entry that names such tips shows that its author has seen those entries: one number for each member, and one comparison for each question. An
//! entry that names other tips (its author lacks something of ours, or has more) tells nothing; a later one will.
//!
//! Who writes shows it by writing. Who only reads writes an entry without content, kind Seen, seldom: when something new was stored since its last
//! word, after a random wait, once everything is in step. Such entries are not stored, nothing builds on them, and nobody answers them.

use super::documents::{Stop, parse_collection, parse_id};
use super::link::Stage;
use super::rows::Missing;
use super::sync::Group;
use super::{Machine, keys};
use crate::api::Reply;
use crate::document::state::{BEHIND, DocumentRowRef};
use crate::group::Announced;
use crate::store::keys::value_key;
use crate::store::{RowValue, Rows};
use crate::time::Timestamp;
use ashore_protocol::codec::{decode, encode};
use ashore_protocol::frame::{ClientFrame, RequestId};
use ashore_protocol::header::{EntryDraft, EntryKind, Header, VerifiedEntry};
use ashore_protocol::ids::{DeviceId, EntryId};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};

/// The wait before a device says what it has seen: at least this long, and at most twice as long.
const WAIT_MS: u64 = 30_000;
/// When something prevents it then, it is tried again after this long.
const AGAIN_MS: u64 = 1_000;
/// So many of the tips that this device had lately are remembered, in memory. Older ones nobody names who is in step.
const MAX_PLACES: usize = 128;
/// So many of its own Seen entries a device knows when they come by.
const MAX_OWN: usize = 8;

/// What is known of one device; its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Heard {
    /// It has seen every entry with a lower local sequence number.
    #[n(0)]
    pub(super) below: u64,
    /// When it wrote last, by this device's clock.
    #[n(1)]
    pub(super) at: u64,
    /// Of this device itself: something was stored that none of its entries shows that it has seen.
    #[n(2)]
    owes: Option<bool>,
}

/// Tips that this device had, when its next entry was to get this number.
struct Place {
    tips: Vec<EntryId>,
    next: u64,
}

/// An entry that was sent and is not answered yet.
struct Asked {
    connection: u64,
    request: RequestId,
    next: u64,
}

/// What a device knows of who has seen what.
#[derive(Default)]
pub(super) struct Seen {
    by: BTreeMap<DeviceId, Heard>,
    places: VecDeque<Place>,
    /// When this device says what it has seen, if it owes that.
    due_at: Option<Timestamp>,
    asked: Option<Asked>,
    own: VecDeque<EntryId>,
}

impl Seen {
    /// Whether this is an entry of this device that says what it has seen.
    pub(super) fn is_own(&self, id: &EntryId) -> bool {
        self.own.contains(id)
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.due_at
    }

    /// Whether such an entry is on its way.
    pub(super) fn waits_for_answer(&self) -> bool {
        self.asked.is_some()
    }

    /// What is known of a device.
    pub(super) fn of(&self, device: &DeviceId) -> Option<&Heard> {
        self.by.get(device)
    }

    fn owes(&self, me: &DeviceId) -> bool {
        self.by.get(me).and_then(|heard| heard.owes).unwrap_or(false)
    }

    fn restore(&mut self, rows: &Rows) {
        for (key, row) in &rows.rows {
            let device = key.last_chunk::<32>().map(|bytes| DeviceId(*bytes));
            let heard = row.present().and_then(|bytes| decode::<Heard>(bytes).ok());
            self.by.extend(device.zip(heard));
        }
    }
}

impl Group {
    /// Entries with lower local sequence numbers are in the past of these tips; `None`: unknown.
    fn covered_by(&self, parents: &[EntryId]) -> Option<u64> {
        let now = (&self.state.tips, self.state.next_sequence);
        let lately = self.seen.places.iter().rev().map(|place| (&place.tips, place.next));
        let names = |tips: &Vec<EntryId>| !tips.is_empty() && tips.iter().all(|tip| parents.contains(tip));
        std::iter::once(now).chain(lately).find(|(tips, _)| names(tips)).map(|(_, next)| next)
    }

    /// Remembers the tips as they are now.
    fn note_place(&mut self) {
        if self.seen.places.len() >= MAX_PLACES {
            self.seen.places.pop_front();
        }
        self.seen.places.push_back(Place { tips: self.state.tips.clone(), next: self.state.next_sequence });
    }

    /// Members other than this device.
    pub(super) fn others(&self) -> impl Iterator<Item = DeviceId> {
        let me = self.me();
        self.membership.members().map(|(device, _)| *device).filter(move |device| *device != me)
    }

    /// Everything below this local sequence number was seen by every other member; `None` when there is no other.
    pub(super) fn seen_by_all(&self) -> Option<u64> {
        self.others().map(|device| self.seen.of(&device).map_or(0, |heard| heard.below)).min()
    }

    /// The local sequence number of the newest entry that made a document what it is, as far as entries with lower numbers are needed to have seen it; `None`
    /// while something of it is not at the relay.
    pub(super) fn made_by(&self, row: &DocumentRowRef<'_>, key: &[u8]) -> Option<u64> {
        let announces = |range: &Option<(Vec<u8>, Vec<u8>)>| {
            range.as_ref().is_some_and(|(first, last)| first.as_slice() <= key && key <= last.as_slice())
        };
        // A reader announces nothing: what it shows of others is theirs.
        let announced = self.announced == Announced::All && self.state.announced == Announced::All;
        let only_theirs = row.received_with > 0 && !self.membership.may_write(&self.me());
        let waits = self.outbox.contains_key(&row.sent_with)
            || row.sent_with == BEHIND
            || !announced && !only_theirs
            || self.outbox.values().any(|waiting| announces(&waiting.announces));
        let announced_at = self.state.announced_at.unwrap_or(0);
        (!waits).then(|| row.sent_with.max(row.received_with).max(announced_at))
    }
}

impl Machine {
    /// An entry is stored as this number: what its author had seen by then, and whether this device has something new.
    pub(super) fn note_stored(&mut self, header: &Header, covered: Option<u64>, sequence: u64) {
        let Some(group) = &mut self.sync.group else { return };
        group.note_place();
        let me = group.me();
        if header.author != me {
            // What names all that was here has seen itself too.
            let below = covered.map(|below| if below == sequence { sequence + 1 } else { below });
            self.heard_from(header.author, below);
            self.owe_seen(true);
        } else if header.kind == EntryKind::Data {
            self.owe_seen(false);
        }
    }

    /// What an entry with these parents shows that its author has seen.
    pub(super) fn covered_by(&self, parents: &[EntryId]) -> Option<u64> {
        self.sync.group.as_ref().and_then(|group| group.covered_by(parents))
    }

    /// A Seen entry came by: it is not kept. One of somebody who is no member any more tells nothing.
    pub(super) fn settle_seen(&mut self, entry: &VerifiedEntry) {
        if self.may_stand(entry).is_ok_and(|by| by == super::vouching::Grounds::Author) {
            self.heard_from(entry.author(), self.covered_by(entry.parents()));
        }
    }

    fn heard_from(&mut self, device: DeviceId, below: Option<u64>) {
        let now = self.now.as_ms();
        let Some(group) = &mut self.sync.group else { return };
        let heard = group.seen.by.entry(device).or_insert(Heard { below: 0, at: now, owes: None });
        *heard = Heard { below: heard.below.max(below.unwrap_or(0)), at: now, ..*heard };
        let (key, row) = (keys::seen(group.state.generation, &device), encode(heard));
        self.rows.write(&mut self.batch.rows, key, Some(row.into()));
    }

    /// Whether this device owes the others a word about what it has seen; written only when that changes.
    pub(super) fn owe_seen(&mut self, owes: bool) {
        let now = self.now.as_ms();
        let Some(group) = &mut self.sync.group else { return };
        let me = group.me();
        if group.seen.owes(&me) == owes {
            return;
        }
        group.seen.due_at = None;
        let heard = Heard { below: 0, at: now, owes: Some(owes) };
        group.seen.by.insert(me, heard);
        let (key, row) = (keys::seen(group.state.generation, &me), encode(&heard));
        self.rows.write(&mut self.batch.rows, key, Some(row.into()));
    }

    pub(super) fn open_seen(&mut self, rows: &Rows) {
        let Some(group) = &mut self.sync.group else { return };
        group.seen.restore(rows);
        group.note_place();
    }

    /// Documents came that no entry here made: what is stored from here on is known to be newer than they are.
    pub(super) fn begin_new_place(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        group.state.next_sequence += 1;
        group.seen.places.clear();
        group.note_place();
        self.batch.group_changed = true;
        self.owe_seen(true);
    }

    /// Says what this device has seen, when that is due.
    pub(super) fn go_on_with_seen(&mut self) {
        if !self.opened || !matches!(self.phase, super::Phase::Open) {
            return;
        }
        let ready = self.in_step() && !self.has_uncommitted() && self.tasks.is_empty();
        let waits = self.sync.settings.is_auto();
        let (now, link) = (self.now, self.sync.link.as_ref().map(|link| link.id));
        let Some(group) = &mut self.sync.group else { return };
        let me = group.me();
        if group.seen.asked.as_ref().is_some_and(|asked| Some(asked.connection) != link) {
            group.seen.asked = None;
        }
        let listens = group.membership.member(&me).is_some() && group.others().next().is_some();
        if !group.seen.owes(&me) || !listens || link.is_none() || group.seen.asked.is_some() {
            group.seen.due_at = None;
            return;
        }
        // Not of the machine's generator: what is drawn there must not depend on when others write. A hash is as good for spreading devices.
        let spread = group.state.tips.first().map_or(0, |tip| spread(&me, tip)) % WAIT_MS;
        // A clock that was set back must not make the wait longer.
        let latest = now.plus_ms(2 * WAIT_MS);
        // A connection that ends with what was asked for is not held for that long.
        let wait = if waits { WAIT_MS + spread } else { 0 };
        let at = group.seen.due_at.map_or(now.plus_ms(wait), |at| at.min(latest));
        group.seen.due_at = Some(at);
        if at > now {
            return;
        }
        let vouches = group.upkeep.needs.vouching;
        if ready && !vouches && !group.state.tips.is_empty() {
            self.say_seen();
        } else {
            group.seen.due_at = Some(now.plus_ms(AGAIN_MS));
        }
    }

    fn say_seen(&mut self) {
        let Some((group, link)) = self.sync.group.as_mut().zip(self.sync.link.as_mut()) else { return };
        if link.stage != Stage::Open || link.hold_sends_until.is_some() {
            group.seen.due_at = Some(self.now.plus_ms(AGAIN_MS));
            return;
        }
        let (id, device, epoch) = (group.state.group, group.secrets.device.clone(), group.state.epoch);
        let draft = EntryDraft::new(Some(id), device.device_id(), group.parents(false), epoch, EntryKind::Seen, 0);
        let Ok(entry) = draft.and_then(|draft| draft.sign(&device, vec![])) else { return };
        let request = link.request();
        link.asked.insert(request);
        if group.seen.own.len() >= MAX_OWN {
            group.seen.own.pop_front();
        }
        group.seen.own.push_back(entry.id());
        group.seen.due_at = None;
        group.seen.asked = Some(Asked { connection: link.id, request, next: group.state.next_sequence });
        self.send_now(&ClientFrame::Append { request, group: id, entries: vec![entry.into_encoded().into()] });
    }

    /// Whether this answers a Seen entry.
    pub(super) fn seen_appended(&mut self, request: RequestId) -> bool {
        let Some(next) = self.seen_answered(request) else { return false };
        // What was stored meanwhile is owed.
        if self.sync.group.as_ref().is_some_and(|group| group.state.next_sequence == next) {
            self.owe_seen(false);
        }
        true
    }

    /// Whether this refuses a Seen entry: it is said again later, if it is owed then.
    pub(super) fn seen_refused(&mut self, request: RequestId) -> bool {
        self.seen_answered(request).is_some()
    }

    fn seen_answered(&mut self, request: RequestId) -> Option<u64> {
        let link = self.sync.link.as_mut()?;
        let connection = link.id;
        let asked = &mut self.sync.group.as_mut()?.seen.asked;
        let asked = asked.take_if(|asked| asked.request == request && asked.connection == connection)?;
        link.asked.remove(&request);
        Some(asked.next)
    }

    /// Which members have seen a document as it is now.
    pub(super) fn seen_by(&mut self, collection: &str, id: &str) -> Result<Reply, Stop> {
        let nobody = Reply::SeenBy { devices: vec![], everyone: false };
        parse_id(parse_collection(collection)?.as_str(), id)?;
        let key = value_key(collection, id);
        let row: Result<_, Missing> = self.rows.one(&key);
        let Some(RowValue::Present(bytes)) = row? else { return Ok(nobody) };
        let Ok(row) = DocumentRowRef::decode(&bytes) else { return Ok(nobody) };
        let Some(group) = self.sync.group.as_ref().filter(|_| !row.heads.is_empty()) else { return Ok(nobody) };
        let uncommitted = self.rows.is_uncommitted(&key);
        let made_by = group.made_by(&row, &key).filter(|_| !uncommitted);
        let me = group.me();
        let has_seen = |device: &DeviceId| {
            *device == me || made_by.is_some_and(|by| group.seen.of(device).is_some_and(|heard| by < heard.below))
        };
        let (seen, not): (Vec<DeviceId>, Vec<DeviceId>) =
            group.membership.members().map(|(device, _)| *device).partition(has_seen);
        let devices = seen.iter().map(ToString::to_string).collect();
        Ok(Reply::SeenBy { devices, everyone: not.is_empty() })
    }
}

fn spread(me: &DeviceId, tip: &EntryId) -> u64 {
    let mixed = me.0.iter().zip(tip.0.iter()).map(|(a, b)| a ^ b);
    mixed.fold(0_u64, |sum, byte| sum.wrapping_mul(257).wrapping_add(u64::from(byte)))
}
