//! Edits: take a document's chunks, change it, hand back what to store and to send. Automerge does the changing, except where [`plain`] can.
//!
//! - A put is the difference between the value the caller read and the new one, made where the caller read it: concurrent with
//!   everything the caller had not seen, so that it overwrites and removes nothing of that but the very fields it changes.
//!   Who puts its own copy again and again, each time on the version that the put before answered, never reverts what others
//!   wrote meanwhile. Where two changed the same field, Automerge's winner is the value: of what this device knows, the put.
//! - A delete is an empty change with the message "delete" (see [`message`]). A document is deleted if all its heads are deletes, so an edit that
//!   the deleter had not seen keeps it; a put by who has seen the delete brings it back with exactly the new fields.
//! - A put never lowers the version of a document's shape, see [`shape`]; a [migration](migrate()) is the same change wherever it is made.
//! - What others wrote is merged whole or not at all.

mod apply;
mod bury;
mod check;
mod live;
pub(super) mod message;
mod migrate;
pub(super) mod plain;
pub(super) mod read;
mod revert;
mod salvage;
pub(super) mod undo;

pub use bury::{BEGINNING_BYTES, Beginning, Divided, beginnings, divide, divide_here};
pub use live::{Expand, Live, TextChanges, TextEdit, TextEdited, TextError, TextMark};
pub use message::Direction;
pub use migrate::migrate;
pub use salvage::{Examined, examine, gather, salvage};
pub use undo::{OwnActors, Step, steps_left, undo, undo_each, writers};

use ashore_protocol::gather::Gather;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, PatchLog, ReadDoc};

use super::DocumentError;
use super::chunk::{self, ChunkError, ChunkKind};
use super::shape;
use super::state::{ChunkSpan, ChunkWrite, DocumentRow};
use super::value::Value;
use super::version::Version;
use check::{Expanded, Stopped};
use message::Message;

/// Where a chunk says what its bytes come to.
const CHECKSUM: std::ops::Range<usize> = 4..8;
/// So many changes are kept and sent as they are.
const FEW_CHANGES: usize = 4;
/// No honest history counts so far; what does could overflow Automerge's counters.
const MAX_OP: u64 = 1 << 48;

/// One writer's sequence of changes; random for each opening of a database. What it writes at versions that do not know its
/// latest change is in sequences of their own, whose names begin with the actor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor(pub [u8; 16]);

/// A document as the store holds it.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// Its row.
    pub row: &'a DocumentRow,
    /// Its chunks, in the order of their numbers.
    pub chunks: &'a [&'a [u8]],
}

/// What an edit asks the store to write, and an entry to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The document's new row.
    pub row: DocumentRow,
    /// The chunk to write and those to delete.
    pub write: ChunkWrite,
    /// The Automerge change, not compressed: what other devices [`merge`].
    pub change: Vec<u8>,
    /// The version that is this change and what it builds on.
    pub version: Version,
    /// Where several changes were made: those before it, each alone.
    pub earlier: Vec<Version>,
    /// It was written by who knew of a delete of the document, and the document is there nevertheless: others may have nothing any more
    /// that it could be merged into.
    pub over_delete: bool,
}

/// What came of a put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The version whose value is what the caller put: the base of its next put. It is the document's new version, or, when
    /// the caller had not seen all of the document, an earlier one beside what it had not seen.
    pub version: Version,
    /// What to store and to send; none when nothing changes.
    pub edited: Option<Edited>,
}

/// What came of merging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Everything in it was known.
    Unchanged,
    /// It builds on these changes, which are not here. Nothing is to be stored.
    MissingDeps(Vec<ChangeHash>),
    /// What the store writes.
    Changed {
        /// The document's new row.
        row: DocumentRow,
        /// The chunk to write and those to delete.
        write: ChunkWrite,
    },
}

/// Why an edit did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The value cannot be a document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The document never was at the version that the caller read.
    #[error("the document has no such version")]
    UnknownVersion,
    /// The stored chunks cannot be read.
    #[error(transparent)]
    Corrupt(#[from] CorruptDocument),
}

/// The stored chunks of a document cannot be read, or an edit of them failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored document cannot be read: {0}")]
pub struct CorruptDocument(String);

/// Why chunks of another device were refused. Nothing of them is to be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The bytes are no chunks, or chunks that no Ashore writes.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// Automerge refuses the changes.
    #[error("the changes cannot be applied: {0}")]
    Refused(String),
    /// Automerge panicked. What it was in the middle of must not be used again.
    #[error("Automerge cannot bear the changes")]
    Panicked,
    /// Our own chunks cannot be read.
    #[error(transparent)]
    Corrupt(#[from] CorruptDocument),
}

/// A new document.
///
/// ```
/// use ashore_engine::document::edit::{Actor, create};
/// use ashore_engine::document::json;
/// let value = json::parse_one(r#"{"title":"Milk"}"#).unwrap();
/// let edited = create(&value, Actor([1; 16]), 0).unwrap();
/// assert_eq!(edited.row.value, value.encode().unwrap());
/// ```
pub fn create(new: &Value, actor: Actor, now_ms: u64) -> Result<Edited, EditError> {
    let value = new.encode()?;
    Ok(plain::create(new, value, actor, now_ms))
}

/// Makes the document `new` where the caller changed it: the difference from the value at `base` (none: from the current one)
/// becomes a change at `base`, concurrent with what came since. [`Version::absent`] is the base of who found no document.
///
/// A put that changes nothing makes no change, except that it brings a deleted document back.
///
/// ```
/// use ashore_engine::document::edit::{Actor, Current, create, put};
/// use ashore_engine::document::{json, Version};
/// let alice = Actor([1; 16]);
/// let parse = |text| json::parse_one(text).unwrap();
/// let first = create(&parse(r#"{"title":"Milk","done":false}"#), alice, 0).unwrap();
/// let chunks = [first.write.bytes.as_slice()];
/// let current = Current { row: &first.row, chunks: &chunks };
/// let put = put(Some(current), Some(&first.row.version()), &parse(r#"{"title":"Milk","done":true}"#), alice, 1).unwrap();
/// let second = put.edited.expect("it changed");
/// assert_eq!(put.version, second.row.version());
/// assert_eq!(json::write_text(&second.row.value).unwrap(), r#"{"done":true,"title":"Milk"}"#);
/// ```
pub fn put(
    current: Option<Current<'_>>,
    base: Option<&Version>,
    new: &Value,
    actor: Actor,
    now_ms: u64,
) -> Result<Put, EditError> {
    put_live(current, &mut None, base, (None, new), actor, now_ms)
}

/// [`put`] to a document that may be in Automerge's memory: it is left there, as it is then, if it was needed. After an error, and where it is not what the
/// row says, it is not used. `before` is the row's value, for who has it.
pub fn put_live(
    current: Option<Current<'_>>,
    live: &mut Option<Live>,
    base: Option<&Version>,
    (before, new): (Option<Value>, &Value),
    actor: Actor,
    now_ms: u64,
) -> Result<Put, EditError> {
    let put = match (current, base) {
        (None, Some(base)) if !base.is_absent() => Err(EditError::UnknownVersion),
        (None, _) => create(new, actor, now_ms).map(Put::at_the_heads),
        (Some(current), Some(base)) if !current.is_at(base) => {
            current.loaded(live).map_err(Into::into).and_then(|live| live.put_at(current.row, base, new, actor, now_ms))
        }
        (Some(current), base) => current.put_now(live, (before, new), base.is_none(), actor, now_ms),
    };
    if put.is_err() {
        *live = None;
    }
    put
}

/// Deletes the document. None when it is deleted already.
///
/// ```
/// use ashore_engine::document::edit::{Actor, Current, create, delete};
/// use ashore_engine::document::Value;
/// let first = create(&Value::empty(), Actor([1; 16]), 0).unwrap();
/// let chunks = [first.write.bytes.as_slice()];
/// let deleted = delete(Current { row: &first.row, chunks: &chunks }, Actor([1; 16]), 1).unwrap().unwrap();
/// assert!(deleted.row.deleted);
/// ```
pub fn delete(current: Current<'_>, actor: Actor, now_ms: u64) -> Result<Option<Edited>, EditError> {
    if current.row.deleted {
        return Ok(None);
    }
    let mut doc = current.load()?.with_actor(actor.id());
    let change = empty_change(&mut doc, options(now_ms).with_message(Message::DELETE.to_string()))?;
    Ok(Some(current.edited(&doc, &[change], None, Value::empty().to_bytes())))
}

/// Merges chunks of another device: changes, or a whole document. Applying them again, or in another order, changes nothing.
///
/// ```
/// use ashore_engine::document::edit::{Actor, Merged, create, merge};
/// use ashore_engine::document::Value;
/// let there = create(&Value::empty(), Actor([1; 16]), 0).unwrap();
/// let Merged::Changed { row, .. } = merge(None, &there.change).unwrap() else { panic!() };
/// assert_eq!(row.heads, there.row.heads);
/// ```
///
/// Changes are checked before Automerge applies them (see [`super::chunk`] and `check`). On a whole document (and on
/// very few changes) that only a hostile member of the group can make it may still panic: where panics unwind that is a refusal; where they abort
/// (WebAssembly) it ends the engine.
pub fn merge(current: Option<Current<'_>>, remote: &[u8]) -> Result<Merged, MergeError> {
    merge_live(current, &mut None, remote)
}

/// [`merge`] into a document that may be in Automerge's memory: it is left there, as it is then, if it was needed. After an error, and where it is not what
/// the row says, it is not used.
pub fn merge_live(current: Option<Current<'_>>, live: &mut Option<Live>, remote: &[u8]) -> Result<Merged, MergeError> {
    // Nothing of what a panic leaves behind is used again: the document is dropped.
    let merged = catch_unwind(AssertUnwindSafe(|| merge_checked(current, live, remote)));
    let merged = merged.unwrap_or(Err(MergeError::Panicked));
    if !matches!(merged, Ok(Merged::Changed { .. } | Merged::Unchanged)) {
        *live = None;
    }
    merged
}

/// [`merge_live`] without the net below it: fuzzed changes make Automerge panic here about once in 100,000, whole documents more often.
fn merge_checked(current: Option<Current<'_>>, live: &mut Option<Live>, remote: &[u8]) -> Result<Merged, MergeError> {
    let changes = changes_of(remote)?;
    if let (Some(live), Some(current)) = (live.as_mut(), current)
        && live.is_at(current.row)
    {
        return live.merge(current, changes, remote.len());
    }
    *live = None;
    if let Some(merged) = plain::merge(current, &changes) {
        return Ok(merged);
    }
    let (doc, merged) = merge_by_automerge(current, changes)?;
    let bytes: usize = current.iter().flat_map(|current| current.chunks).map(|chunk| chunk.len()).sum();
    *live = Some(Live::of(doc, bytes + remote.len()));
    Ok(merged)
}

pub(super) fn merge_by_automerge(
    current: Option<Current<'_>>,
    changes: Vec<Change>,
) -> Result<(Automerge, Merged), MergeError> {
    let mut doc = match current {
        Some(current) => current.load()?,
        None => Automerge::new(),
    };
    let merged =
        merge_into(&mut doc, current, changes, (&mut PatchLog::inactive(), &mut Expanded::new()), |_, _| None)?;
    Ok((doc, merged))
}

/// Merges into the document that `current` is; `quickly` may know its value without reading all of it again.
fn merge_into(
    doc: &mut Automerge,
    current: Option<Current<'_>>,
    mut changes: Vec<Change>,
    (log, known): (&mut PatchLog, &mut Expanded),
    quickly: impl FnOnce(&Automerge, &mut PatchLog) -> Option<Value>,
) -> Result<Merged, MergeError> {
    let before = doc.get_heads();
    changes.retain(|change| doc.get_change_meta_by_hash(&change.hash()).is_none());
    if changes.is_empty() {
        return Ok(Merged::Unchanged);
    }
    let changes = match check::check(doc, changes, known) {
        Ok(changes) => changes,
        Err(Stopped::Missing(missing)) => return Ok(Merged::MissingDeps(missing)),
        Err(Stopped::Refused(reason)) => return Err(refused(reason)),
    };
    doc.apply_changes_log_patches(changes, log).map_err(refused)?;
    let missing = doc.get_missing_deps(&[]);
    if !missing.is_empty() {
        return Ok(Merged::MissingDeps(missing));
    }
    let value = quickly(doc, log);
    let (row, write) = merged(current, doc, &before, value);
    Ok(Merged::Changed { row, write })
}

/// A document's chunks as one: what announces an existing document to other devices.
pub fn whole(chunks: &[&[u8]]) -> Result<Vec<u8>, CorruptDocument> {
    load(chunks).map(|doc| joined(&doc))
}

/// A whole document in pieces of at most `max_bytes` where its changes allow it: one chunk, or its changes in causal order.
/// Merged one after another they give the document.
pub fn pieces(chunks: &[&[u8]], max_bytes: usize) -> Result<Vec<Vec<u8>>, CorruptDocument> {
    if let Some(as_they_are) = few_changes(chunks).filter(|bytes| bytes.len() <= max_bytes) {
        return Ok(vec![as_they_are]);
    }
    let doc = load(chunks)?;
    let whole = joined(&doc);
    if whole.len() <= max_bytes {
        return Ok(vec![whole]);
    }
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for change in doc.get_changes(&[]) {
        match pieces.last_mut() {
            Some(piece) if piece.len() + change.raw_bytes().len() <= max_bytes => {
                piece.extend_from_slice(change.raw_bytes())
            }
            _ => pieces.push(change.raw_bytes().to_vec()),
        }
    }
    Ok(pieces)
}

/// The changes of a document that has few, each in its order behind those that it builds on: who gets them needs no Automerge to read them, and they take
/// hardly more room than a chunk of all.
fn few_changes(chunks: &[&[u8]]) -> Option<Vec<u8>> {
    let mut hashes = Vec::new();
    for chunk in chunks {
        for part in chunk::split(chunk).ok()? {
            if part.kind != ChunkKind::Change || hashes.len() == FEW_CHANGES {
                return None;
            }
            let change = Change::from_bytes(part.bytes.to_vec()).ok()?;
            // Which is how its hash begins. Automerge reads a change without looking at it.
            let is_whole = part.bytes.get(CHECKSUM) == change.hash().as_ref().get(..CHECKSUM.len());
            if !is_whole || !change.deps().iter().all(|dependency| hashes.contains(dependency)) {
                return None;
            }
            hashes.push(change.hash());
        }
    }
    (!hashes.is_empty()).then(|| chunks.concat())
}

/// The value of a document at an earlier version, null when it was deleted or not there yet.
pub fn value_at(current: Current<'_>, version: &Version) -> Result<Value, EditError> {
    let doc = current.load()?;
    let heads = heads_of(&doc, version)?;
    Ok(if is_deleted(&doc, &heads) { Value::Null } else { read::document(&doc, Some(&heads)) })
}

/// The fields of a document, also below a delete.
pub fn fields(chunks: &[&[u8]]) -> Result<Value, CorruptDocument> {
    load(chunks).map(|doc| read::document(&doc, None))
}

/// A document made anew, without its history: it has these fields, deleted or not, and its chunks take the place of all that
/// there were.
pub fn anew(current: Current<'_>, fields: &Value, actor: Actor, now_ms: u64) -> Result<Edited, EditError> {
    let first = create(fields, actor, now_ms)?;
    let mut made = first.clone();
    if current.row.deleted {
        let chunks = [first.change.as_slice()];
        let deleted = delete(Current { row: &first.row, chunks: &chunks }, actor, now_ms)?;
        if let Some(deleted) = deleted {
            made.change.extend_from_slice(&deleted.change);
            made.row = deleted.row;
        }
    }
    let (chunks, write) = current.row.chunks.replaced(made.change.clone());
    let row =
        DocumentRow { chunks, sent_with: current.row.sent_with, received_with: current.row.received_with, ..made.row };
    Ok(Edited { row, write, change: made.change, version: made.version, earlier: vec![], over_delete: false })
}

impl Actor {
    fn id(self) -> ActorId {
        ActorId::from(&self.0[..])
    }

    /// The names under which this actor writes: its own, and what a number makes of it.
    fn ids(self) -> impl Iterator<Item = ActorId> {
        let numbered = move |number: u32| ActorId::from([&self.0[..], &number.to_be_bytes()].concat());
        std::iter::once(self.id()).chain((1..).map(numbered))
    }
}

impl Put {
    fn at_the_heads(edited: Edited) -> Self {
        Self { version: edited.row.version(), edited: Some(edited) }
    }
}

impl Current<'_> {
    fn load(&self) -> Result<Automerge, CorruptDocument> {
        load(self.chunks)
    }

    /// Whether who read `version` has seen all of the document. A deleted document reads as one that is not there.
    fn is_at(&self, version: &Version) -> bool {
        version.matches(&self.row.heads) || version.is_absent() && self.row.deleted
    }

    fn put_now(
        &self,
        live: &mut Option<Live>,
        (before, new): (Option<Value>, &Value),
        unread: bool,
        actor: Actor,
        now_ms: u64,
    ) -> Result<Put, EditError> {
        // Below a delete the fields are still there.
        let stored = || before.or_else(|| Value::decode(&self.row.value).ok());
        let stored = if self.row.deleted { None } else { stored() };
        let new = &*stored.as_ref().map_or(Cow::Borrowed(new), |old| shape::kept(old, new, unread));
        let value = new.encode()?;
        if !self.row.deleted && value == self.row.value {
            return Ok(Put { version: self.row.version(), edited: None });
        }
        let is_live = live.as_ref().is_some_and(|live| live.is_at(self.row));
        let plainly = stored.as_ref().filter(|_| !is_live);
        match plainly.and_then(|stored| plain::put(*self, stored, new, &value, actor, now_ms)) {
            Some(edited) => Ok(Put::at_the_heads(edited)),
            None => self.loaded(live)?.put_now(self.row, stored, new, value, actor, now_ms),
        }
    }

    /// The document in Automerge's memory; `live` is used if it is that.
    fn loaded<'l>(&self, live: &'l mut Option<Live>) -> Result<&'l mut Live, CorruptDocument> {
        let kept = live.take().filter(|live| live.is_at(self.row));
        Ok(live.insert(match kept {
            Some(live) => live,
            None => Live::load(*self)?,
        }))
    }

    /// After these changes, one at least, and what [`keep`] made.
    fn edited(&self, doc: &Automerge, changes: &[Change], keep: Option<&Change>, value: Vec<u8>) -> Edited {
        let change = bytes_of(changes.iter().chain(keep));
        let over_delete = changes.iter().chain(keep).any(|change| bury::rests_on_delete(doc, change));
        let (chunks, write) = self.row.chunks.append(change.clone(), || joined(doc));
        let heads = sorted_heads(doc);
        let deleted = is_deleted(doc, &heads);
        let (sent_with, received_with) = (self.row.sent_with, self.row.received_with);
        let row = DocumentRow { heads, deleted, sent_with, received_with, chunks, value, parts: None };
        let mut earlier: Vec<Version> = changes.iter().map(|change| Version::of(&[change.hash()])).collect();
        let version = earlier.pop().unwrap_or_else(|| row.version());
        Edited { row, write, change, version, earlier, over_delete }
    }
}

/// Whether a put of `new` left `stored`: exactly that, apart from texts and counters in rows that were written before there
/// were any, which read as strings and numbers there.
fn reads_as(stored: &Value, new: &Value) -> bool {
    match (stored, new) {
        (Value::Text(stored), Value::String(new)) => stored == new,
        (Value::Counter(count), _) => stored == new || Value::number(*count as f64).as_ref() == Some(new),
        (Value::List(stored), Value::List(new)) => {
            stored.len() == new.len() && stored.iter().zip(new).all(|(stored, new)| reads_as(stored, new))
        }
        (Value::Map(stored), Value::Map(new)) => {
            stored.len() == new.len()
                && stored.iter().zip(new).all(|((key, stored), (other, new))| key == other && reads_as(stored, new))
        }
        _ => stored == new,
    }
}

pub(super) fn load(chunks: &[&[u8]]) -> Result<Automerge, CorruptDocument> {
    let bytes = chunks.concat();
    if bytes.is_empty() {
        return Err(CorruptDocument("no chunks".to_owned()));
    }
    Automerge::load(&bytes).map_err(corrupt)
}

pub(super) fn heads_of(doc: &Automerge, version: &Version) -> Result<Vec<ChangeHash>, EditError> {
    let changes = doc.get_changes_meta(&[]);
    let hashes: Vec<_> = changes.iter().map(|change| change.hash).collect();
    let mut heads = version.find(&hashes).ok_or(EditError::UnknownVersion)?;
    heads.sort_unstable();
    heads.dedup();
    Ok(heads)
}

/// Who writes a change at `heads`, and that writer's latest change, which the new one must name: one writer's changes follow
/// each other, so it is the first name of `actor` that has written nothing beside `heads`. Automerge would choose one too, but
/// by the numbers of its operations, so that it takes an actor whose latest change has none (a delete) for one that is known.
fn writer_at(doc: &Automerge, heads: &[ChangeHash], actor: Actor) -> (ActorId, Option<ChangeHash>) {
    let unseen = doc.get_changes_meta(heads);
    let elsewhere: BTreeSet<&ActorId> = unseen.iter().map(|change| change.actor.as_ref()).gather();
    let writer = actor.ids().find(|id| !elsewhere.contains(id)).expect("names do not run out");
    let changes = doc.get_changes_meta(&[]);
    let latest = changes.iter().filter(|change| *change.actor == writer).max_by_key(|change| change.seq);
    let latest = latest.map(|change| change.hash);
    (writer, latest)
}

fn merged(
    current: Option<Current<'_>>,
    doc: &Automerge,
    before: &[ChangeHash],
    value: Option<Value>,
) -> (DocumentRow, ChunkWrite) {
    let heads = sorted_heads(doc);
    let deleted = is_deleted(doc, &heads);
    let whole = || value.unwrap_or_else(|| read::document(doc, None));
    let value = if deleted { Value::empty() } else { whole() }.to_bytes();
    let received_with = current.as_ref().map_or(0, |current| current.row.received_with);
    let (sent_with, (chunks, write)) = match current {
        Some(Current { row, .. }) => (row.sent_with, row.chunks.append(changes_after(doc, before), || joined(doc))),
        None => (0, ChunkSpan::first(first_chunk(doc))),
    };
    (DocumentRow { heads, deleted, sent_with, received_with, chunks, value, parts: None }, write)
}

/// Few changes stay as they came; many are smaller as a document.
fn first_chunk(doc: &Automerge) -> Vec<u8> {
    match doc.get_changes(&[]).as_slice() {
        few if few.len() <= FEW_CHANGES => bytes_of(few),
        _ => joined(doc),
    }
}

/// All of a document as one chunk. Automerge saves some documents that it then refuses to load (marks that a hostile member
/// of the group wrote in a wrong order); those stay a sequence of changes.
fn joined(doc: &Automerge) -> Vec<u8> {
    let saved = doc.save_nocompress();
    if loads(doc, &saved) { saved } else { changes_after(doc, &[]) }
}

fn loads(doc: &Automerge, saved: &[u8]) -> bool {
    Automerge::load(saved).is_ok_and(|loaded| sorted_heads(&loaded) == sorted_heads(doc))
}

fn changes_after(doc: &Automerge, heads: &[ChangeHash]) -> Vec<u8> {
    bytes_of(&doc.get_changes(heads))
}

/// Changes one after another.
fn bytes_of<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Vec<u8> {
    let mut bytes = Vec::new();
    changes.into_iter().for_each(|change| bytes.extend_from_slice(change.raw_bytes()));
    bytes
}

pub(super) fn changes_of(remote: &[u8]) -> Result<Vec<Change>, MergeError> {
    let mut changes = Vec::new();
    for chunk in chunk::split(remote)? {
        match chunk.kind {
            ChunkKind::Change => changes.push(canonical(chunk.bytes)?),
            ChunkKind::Document => changes.extend(Automerge::load(chunk.bytes).map_err(refused)?.get_changes(&[])),
        }
    }
    let far = |change: &Change| change.max_op() > MAX_OP || change.seq() > MAX_OP;
    if changes.iter().any(far) { Err(MergeError::Refused("it counts too far".to_owned())) } else { Ok(changes) }
}

/// The change that `bytes` are, if Automerge would write it just so: from any other it makes a document that it cannot save.
fn canonical(bytes: &[u8]) -> Result<Change, MergeError> {
    let change = Change::from_bytes(bytes.to_vec()).map_err(refused)?;
    let same = Change::from(change.decode()).raw_bytes() == bytes;
    if same { Ok(change) } else { Err(MergeError::Refused("it is not in its one form".to_owned())) }
}

/// Exactly one change with what `edit` does, at earlier heads or at the current ones; none when it does nothing.
fn try_change(
    doc: &mut Automerge,
    at: Option<&[ChangeHash]>,
    now_ms: u64,
    edit: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
) -> Result<Option<Change>, CorruptDocument> {
    let mut tx = match at {
        Some(heads) => doc.transaction_at(PatchLog::inactive(), heads).map_err(corrupt)?,
        None => doc.transaction(),
    };
    edit(&mut tx).map_err(corrupt)?;
    match tx.commit_with(options(now_ms)).0 {
        Some(hash) => made(doc, hash).map(Some),
        None => Ok(None),
    }
}

/// An empty change of the document's actor at earlier heads.
fn empty_change_at(doc: &mut Automerge, heads: &[ChangeHash], now_ms: u64) -> Result<Change, CorruptDocument> {
    let mut then = doc.fork_at(heads).map_err(corrupt)?.with_actor(doc.get_actor().clone());
    let change = empty_change(&mut then, options(now_ms))?;
    doc.apply_changes([change.clone()]).map_err(corrupt)?;
    Ok(change)
}

/// A write at a version that the caller read does not tell that this device knew of a delete beside it: who has nothing of the document any
/// more would take it for one of a device that did not know. An empty change above both tells; none is needed where no head is a delete.
fn keep(doc: &mut Automerge, actor: Actor, now_ms: u64) -> Result<Option<Change>, CorruptDocument> {
    let heads = doc.get_heads();
    if heads.len() < 2 || !heads.iter().any(|head| is_deleted(doc, std::slice::from_ref(head))) {
        return Ok(None);
    }
    doc.set_actor(actor.id());
    empty_change(doc, options(now_ms).with_message(Message::KEEP.to_string())).map(Some)
}

fn empty_change(doc: &mut Automerge, options: CommitOptions) -> Result<Change, CorruptDocument> {
    let hash = doc.empty_commit(options);
    made(doc, hash)
}

fn made(doc: &Automerge, hash: ChangeHash) -> Result<Change, CorruptDocument> {
    doc.get_change_by_hash(&hash).ok_or_else(|| CorruptDocument("a change is lost".to_owned()))
}

/// Automerge's time is advisory and in seconds.
fn options(now_ms: u64) -> CommitOptions {
    CommitOptions::default().with_time(seconds(now_ms))
}

fn seconds(now_ms: u64) -> i64 {
    i64::try_from(now_ms / 1_000).unwrap_or(0)
}

fn sorted_heads(doc: &Automerge) -> Vec<ChangeHash> {
    let mut heads = doc.get_heads();
    heads.sort_unstable();
    heads
}

/// Whether there is no document at these heads: all are deletes, or there are none yet.
pub(super) fn is_deleted(doc: &Automerge, heads: &[ChangeHash]) -> bool {
    let is_delete = |head| {
        doc.get_change_meta_by_hash(head).is_some_and(|change| Message::parse(change.message.as_deref()).deletes)
    };
    heads.iter().all(is_delete)
}

pub(super) fn corrupt(error: impl std::fmt::Display) -> CorruptDocument {
    CorruptDocument(error.to_string())
}

fn refused(error: impl std::fmt::Display) -> MergeError {
    MergeError::Refused(error.to_string())
}
