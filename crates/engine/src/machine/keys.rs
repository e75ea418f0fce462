//! The keys of the rows that are not documents: settings, group, entries, outbox, cursors, clients.
//!
//! Rows of a group carry the group's generation, so that leaving one is a single write and its rows are litter from then on.

use crate::store::keys::{KeyReader, KeyWriter};
use crate::store::{Key, Range};
use ashore_protocol::ids::{DeviceId, EntryId};

const CLIENT: u8 = b'x';
const COLLECTION: u8 = b'c';
const CONTROL: u8 = b'k';
const ENTRY: u8 = b'e';
const ENTRY_INDEX: u8 = b'i';
const GROUP_WRITER: u8 = b'h';
const GROUP: u8 = b'g';
const JOINING: u8 = b'j';
const OUTBOX: u8 = b'o';
const QUARANTINE: u8 = b'q';
const MENDING: u8 = b'm';
const RELAY: u8 = b'r';
const SETTINGS: u8 = b's';
const OWN_WRITER: u8 = b'u';
const SNAPSHOT: u8 = b'p';
const SEEN: u8 = b'n';
const BURIED: u8 = b'b';
const TOMBSTONE: u8 = b'l';
const ASKING: u8 = b't';
const ENVELOPES: u8 = b'z';

/// The tags of rows that belong to one generation of a group.
pub(super) const OF_A_GROUP: [u8; 11] =
    [CONTROL, ENTRY, ENTRY_INDEX, OUTBOX, QUARANTINE, RELAY, GROUP_WRITER, SNAPSHOT, ENVELOPES, SEEN, BURIED];

pub(super) fn settings() -> Key {
    KeyWriter::new(SETTINGS).finish()
}

pub(super) fn group() -> Key {
    KeyWriter::new(GROUP).finish()
}

pub(super) fn joining() -> Key {
    KeyWriter::new(JOINING).finish()
}

/// This device's request to join a group.
pub(super) fn asking() -> Key {
    KeyWriter::new(ASKING).finish()
}

pub(super) fn collection(name: &str) -> Key {
    KeyWriter::new(COLLECTION).text(name).finish()
}

pub(super) fn collections() -> Range {
    KeyWriter::new(COLLECTION).range()
}

pub(super) fn parse_collection(key: &[u8]) -> Option<String> {
    KeyReader::new(key, COLLECTION).ok()?.text().ok()
}

pub(super) fn client(name: &str) -> Key {
    KeyWriter::new(CLIENT).text(name).finish()
}

pub(super) fn clients() -> Range {
    KeyWriter::new(CLIENT).range()
}

pub(super) fn parse_client(key: &[u8]) -> Option<String> {
    KeyReader::new(key, CLIENT).ok()?.text().ok()
}

pub(super) fn entry(generation: u64, sequence: u64) -> Key {
    KeyWriter::new(ENTRY).number(generation).number(sequence).finish()
}

pub(super) fn entries(generation: u64) -> Range {
    KeyWriter::new(ENTRY).number(generation).range()
}

pub(super) fn entry_index(generation: u64, id: &EntryId) -> Key {
    KeyWriter::new(ENTRY_INDEX).number(generation).fixed(id.as_bytes()).finish()
}

/// The index rows of entries whose ids begin with this byte.
pub(super) fn entry_index_part(generation: u64, first: u8) -> Range {
    KeyWriter::new(ENTRY_INDEX).number(generation).fixed(&[first]).range()
}

/// What is remembered about snapshots.
pub(super) fn snapshot_state(generation: u64) -> Key {
    KeyWriter::new(SNAPSHOT).number(generation).fixed(&[0]).finish()
}

/// The entry of the snapshot that is being taken.
pub(super) fn snapshot_entry(generation: u64) -> Key {
    KeyWriter::new(SNAPSHOT).number(generation).fixed(&[1]).finish()
}

/// The entry of a snapshot that is taken after the one that is being taken.
pub(super) fn next_snapshot_entry(generation: u64) -> Key {
    KeyWriter::new(SNAPSHOT).number(generation).fixed(&[3]).finish()
}

/// The beginnings of ids that are covered by a snapshot which was taken, those with this first byte.
pub(super) fn covered(generation: u64, first: u8) -> Key {
    KeyWriter::new(SNAPSHOT).number(generation).fixed(&[2, first]).finish()
}

/// What a device has seen.
pub(super) fn seen(generation: u64, device: &DeviceId) -> Key {
    KeyWriter::new(SEEN).number(generation).fixed(device.as_bytes()).finish()
}

/// What each device has seen.
pub(super) fn all_seen(generation: u64) -> Range {
    KeyWriter::new(SEEN).number(generation).range()
}

/// A document that is gone for good, by the hash of its name.
pub(super) fn buried(generation: u64, name: &[u8; 16]) -> Key {
    KeyWriter::new(BURIED).number(generation).fixed(&[1]).fixed(name).finish()
}

/// All documents that are gone for good.
pub(super) fn all_buried(generation: u64) -> Range {
    KeyWriter::new(BURIED).number(generation).fixed(&[1]).range()
}

/// What is still to be done about those that are.
pub(super) fn vanish(generation: u64) -> Key {
    KeyWriter::new(BURIED).number(generation).fixed(&[0]).finish()
}

/// Since when a document is deleted.
pub(super) fn tombstone(collection: &str, id: &str) -> Key {
    KeyWriter::new(TOMBSTONE).text(collection).text(id).finish()
}

/// Every deleted document that is still here.
pub(super) fn tombstones() -> Range {
    KeyWriter::new(TOMBSTONE).range()
}

/// The document of a [`tombstone`].
pub(super) fn parse_tombstone(key: &[u8]) -> Option<(String, String)> {
    let mut reader = KeyReader::new(key, TOMBSTONE).ok()?;
    Some((reader.text().ok()?, reader.text().ok()?))
}

/// The index row of an entry that was dropped: known, but not here any more. The others are 8 bytes.
pub(super) fn dropped_entry(sequence: u64) -> Vec<u8> {
    [&[1][..], &sequence.to_be_bytes()].concat()
}

/// Whether this is such a row.
pub(super) fn is_dropped(row: &[u8]) -> bool {
    row.len() == 9
}

/// The envelopes of recoveries that this device made.
pub(super) fn envelopes(generation: u64) -> Key {
    KeyWriter::new(ENVELOPES).number(generation).finish()
}

pub(super) fn control(generation: u64, sequence: u64) -> Key {
    KeyWriter::new(CONTROL).number(generation).number(sequence).finish()
}

pub(super) fn controls(generation: u64) -> Range {
    KeyWriter::new(CONTROL).number(generation).range()
}

pub(super) fn outbox(generation: u64, sequence: u64) -> Key {
    KeyWriter::new(OUTBOX).number(generation).number(sequence).finish()
}

pub(super) fn outboxes(generation: u64) -> Range {
    KeyWriter::new(OUTBOX).number(generation).range()
}

pub(super) fn quarantine(generation: u64, id: &EntryId) -> Key {
    KeyWriter::new(QUARANTINE).number(generation).fixed(id.as_bytes()).finish()
}

pub(super) fn quarantines(generation: u64) -> Range {
    KeyWriter::new(QUARANTINE).number(generation).range()
}

/// The cursor in the log of the relay at this address.
pub(super) fn relay(generation: u64, address: &str) -> Key {
    KeyWriter::new(RELAY).number(generation).text(address).finish()
}

pub(super) fn relays(generation: u64) -> Range {
    KeyWriter::new(RELAY).number(generation).range()
}

pub(super) fn parse_relay(key: &[u8]) -> Option<String> {
    let mut reader = KeyReader::new(key, RELAY).ok()?;
    reader.number().ok()?;
    reader.text().ok()
}

/// This device has written by this name: the first bytes of an actor.
pub(super) fn own_writer(writer: &[u8; 16]) -> Key {
    KeyWriter::new(OWN_WRITER).fixed(writer).finish()
}

/// A member of the group has written by this name.
pub(super) fn group_writer(generation: u64, writer: &[u8; 16]) -> Key {
    KeyWriter::new(GROUP_WRITER).number(generation).fixed(writer).finish()
}

/// Every name by which this device has written.
pub(super) fn own_writers() -> Range {
    KeyWriter::new(OWN_WRITER).range()
}

/// Every name by which members of the group have written.
pub(super) fn group_writers(generation: u64) -> Range {
    KeyWriter::new(GROUP_WRITER).number(generation).range()
}

/// All rows of one kind of a group, by their tag.
pub(super) fn of_generation(tag: u8, generation: u64) -> Range {
    KeyWriter::new(tag).number(generation).range()
}

/// The id at the end of an entry index's or a quarantined entry's key.
pub(super) fn entry_id(key: &[u8]) -> Option<EntryId> {
    key.last_chunk::<32>().map(|bytes| EntryId(*bytes))
}

/// What repairs remember.
pub(super) fn mending() -> Key {
    KeyWriter::new(MENDING).number(0).finish()
}

/// A document that a repair puts together.
pub(super) fn gathered(collection: &str, id: &str) -> Key {
    KeyWriter::new(MENDING).number(1).text(collection).text(id).finish()
}

/// Which file is being imported.
pub(super) fn importing() -> Key {
    KeyWriter::new(MENDING).number(2).finish()
}

/// The documents that a repair puts together.
pub(super) fn all_gathered() -> Range {
    KeyWriter::new(MENDING).number(1).range()
}

/// The document that a repair puts together in this row.
pub(super) fn parse_gathered(key: &[u8]) -> Option<(String, String)> {
    let mut reader = KeyReader::new(key, MENDING).ok()?;
    reader.number().ok()?;
    Some((reader.text().ok()?, reader.text().ok()?))
}

/// The local sequence number at the end of an entry's, control's or outbox row's key.
pub(super) fn sequence(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Every row with this tag of generations before `generation`.
pub(super) fn litter(tag: u8, generation: u64) -> Range {
    let all = KeyWriter::new(tag).range();
    Range { end: Some(KeyWriter::new(tag).number(generation).finish()), ..all }
}
