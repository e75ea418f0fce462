//! Edits of texts in a live document: each is one change, made at the version that the caller has.

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{ActorId, Change, ChangeHash, ObjId, ObjType, PatchLog, Prop, ReadDoc, ScalarValue};

use super::{Found, LastMerge, Live, Place, TextError, after_patches, at};
use crate::document::edit::{
    Actor, Current, Edited, MergeError, Merged, apply, bury::rests_on_delete, bytes_of, changes_after, corrupt,
    empty_change_at, is_deleted, keep, loads, merge_into, read, sorted_heads, try_change, writer_at,
};
use crate::document::state::DocumentRow;
use crate::document::text::{self, OutOfRange, Splice, byte_at};
use crate::document::value::{MAX_DOCUMENT_BYTES, Value};
use crate::document::{DocumentError, TextPath, Version};

/// Longest name of a mark, in bytes.
const MAX_MARK_NAME_BYTES: usize = 256;

/// One change of a text or of its marks.
#[derive(Debug, Clone, PartialEq)]
pub enum TextEdit {
    /// Takes characters out and puts others in.
    Splice(Splice),
    /// Makes it this text, by the difference.
    Update(String),
    /// Gives a part of the text a mark; null takes it away.
    Mark {
        /// The first unit of it.
        start: usize,
        /// The first unit behind it.
        end: usize,
        /// The mark's name.
        name: String,
        /// Null, a boolean, a number, a string, a date or bytes.
        value: Value,
        /// Which ends grow with what is typed there.
        expand: Expand,
    },
}

/// Which ends of a mark grow with what is typed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expand {
    /// Neither.
    None,
    /// The beginning.
    Before,
    /// The end.
    After,
    /// Both.
    Both,
}

/// A text that was edited.
pub struct TextEdited {
    /// What to store and to send; none when nothing changes.
    pub edited: Option<Edited>,
    /// The version whose text is what the caller has now.
    pub version: Version,
    /// Where the text is at that version.
    pub path: TextPath,
}

impl Live {
    /// Applies edits, one after another, to the text as it was at `base`, as one change that is made there.
    pub fn edit(
        &mut self,
        row: &DocumentRow,
        base: &Version,
        path: &TextPath,
        edits: &[TextEdit],
        actor: Actor,
        now_ms: u64,
    ) -> Result<TextEdited, TextError> {
        let mut heads = self.heads_of(base)?;
        let place = self.find(path, &heads)?;
        let (text, edits) = applied(self.text_of(&place, &heads)?, edits)?;
        if edits.is_empty() {
            return Ok(TextEdited { edited: None, version: base.clone(), path: path.clone() });
        }
        if edits.iter().any(|edit| matches!(edit, TextEdit::Mark { .. })) {
            self.loadable_bytes = 0;
        }
        let mut changes = Vec::new();
        let object = self.make_text(path, place, &mut heads, &mut changes, actor)?;
        let alone = heads == sorted_heads(&self.doc);
        let change = self.change(&object, heads, &edits, actor, now_ms)?;
        let version = Version::of(&[change.hash()]);
        changes.push(change);
        self.latest = alone.then(|| (object.clone(), text.clone()));
        let value = self.value(row, &object, alone.then_some(text));
        if value.len() > MAX_DOCUMENT_BYTES.max(row.value.len()) {
            return Err(DocumentError::TooLarge { bytes: value.len(), max: MAX_DOCUMENT_BYTES }.into());
        }
        let keep = if alone { None } else { keep(&mut self.doc, actor, now_ms)? };
        Ok(TextEdited { edited: Some(self.edited(row, &changes, keep.as_ref(), value)), version, path: path.clone() })
    }

    /// Merges other devices' changes, which took so many bytes, into this document, which `current` is.
    pub(in crate::document) fn merge(
        &mut self,
        current: Current<'_>,
        changes: Vec<Change>,
        bytes: usize,
    ) -> Result<Merged, MergeError> {
        let row = current.row;
        let mut spliced = Vec::new();
        let before = sorted_heads(&self.doc);
        let mut log = PatchLog::active();
        let merged = merge_into(&mut self.doc, Some(current), changes, (&mut log, &mut self.known), |doc, log| {
            if row.deleted { None } else { after_patches(doc, log, &row.value, &mut spliced) }
        });
        self.chunk_bytes += bytes;
        self.loadable_bytes = 0;
        let spliced_now = |(object, _): (ObjId, String)| {
            let text = spliced.iter().find(|text| text.object == object)?;
            Some((object, text.now.clone()))
        };
        self.latest = self.latest.take().and_then(spliced_now);
        self.merged = Some(LastMerge { before, now: sorted_heads(&self.doc), spliced });
        self.forget_too_much();
        merged
    }

    /// One change with these edits of a text, at earlier heads or at the current ones.
    fn change(
        &mut self,
        object: &ObjId,
        mut heads: Vec<ChangeHash>,
        edits: &[TextEdit],
        actor: Actor,
        now_ms: u64,
    ) -> Result<Change, TextError> {
        let alone = heads == sorted_heads(&self.doc);
        if alone {
            self.doc.set_actor(actor.id());
        } else {
            let (writer, latest) = writer_at(&self.doc, &heads, actor);
            let unnamed = latest.filter(|latest| !heads.contains(latest));
            heads.extend(unnamed);
            self.doc.set_actor(writer);
        }
        let at = (!alone).then_some(heads.as_slice());
        let change = try_change(&mut self.doc, at, now_ms, |tx| {
            edits.iter().try_for_each(|edit| match edit {
                TextEdit::Splice(splice) => {
                    tx.splice_text(object, splice.at, splice.delete.cast_signed(), &splice.insert)
                }
                // Is splices by now.
                TextEdit::Update(_) => Ok(()),
                TextEdit::Mark { start, end, name, value, expand } => {
                    let value = apply::scalar(value).unwrap_or(ScalarValue::Null);
                    tx.mark(object, Mark::new(name.clone(), value, *start, *end), (*expand).into())
                }
            })
        })?;
        // An edit that changes nothing is a change all the same: the caller goes on from its version.
        Ok(match change {
            Some(change) => change,
            None => empty_change_at(&mut self.doc, &heads, now_ms)?,
        })
    }

    /// Makes a text of a plain string or of nothing; `heads` and `changes` take up what that takes.
    ///
    /// The change is made where the string was written, by a writer that its place names, without a time. So two devices that do
    /// it apart make the same change, one text comes of it, and what both type into it merges.
    fn make_text(
        &mut self,
        path: &TextPath,
        place: Place,
        heads: &mut Vec<ChangeHash>,
        changes: &mut Vec<Change>,
        actor: Actor,
    ) -> Result<ObjId, TextError> {
        let (origin, text) = match place.found {
            Found::Text(object) => return Ok(object),
            Found::String(operation, text) => (operation, text),
            Found::Nothing => (place.parent, String::new()),
        };
        let origins: Vec<ChangeHash> = self.doc.hash_for_opid(&origin).into_iter().collect();
        let shared = self.made_at(&origins, maker(&origin, &place.prop), path, &text)?;
        let is_new = self.doc.get_change_meta_by_hash(&shared.hash()).is_none();
        if is_new && self.doc.apply_changes([shared.clone()]).is_ok() {
            changes.push(shared.clone());
        }
        let together = after(heads, &shared);
        if self.doc.get_change_meta_by_hash(&shared.hash()).is_some()
            && let Found::Text(object) = self.find(path, &together)?.found
        {
            *heads = together;
            return Ok(object);
        }
        // That text was made before and has been replaced since: another one, made here and now.
        let (writer, latest) = writer_at(&self.doc, heads, actor);
        let unnamed = latest.filter(|latest| !heads.contains(latest));
        heads.extend(unnamed);
        let own = self.made_at(heads, writer, path, &text)?;
        self.doc.apply_changes([own.clone()]).map_err(corrupt)?;
        *heads = after(heads, &own);
        changes.push(own);
        match self.find(path, heads)?.found {
            Found::Text(object) => Ok(object),
            Found::String(..) | Found::Nothing => Err(TextError::Missing),
        }
    }

    fn made_at(&self, heads: &[ChangeHash], writer: ActorId, path: &TextPath, text: &str) -> Result<Change, TextError> {
        let doc = self.doc.fork_at(heads).map_err(corrupt)?.with_actor(writer);
        let mut then = Self::of(doc, 0);
        let heads = then.doc.get_heads();
        let Place { parent, prop, .. } = then.find_inside(path, &heads)?;
        let change = try_change(&mut then.doc, None, 0, |tx| {
            let object = tx.put_object(&parent, prop, ObjType::Text)?;
            tx.splice_text(&object, 0, 0, text)
        });
        change?.ok_or(TextError::Missing)
    }

    /// The document's value after a change of one text; `text` is what it is now, unless others wrote beside it.
    fn value(&self, row: &DocumentRow, object: &ObjId, text: Option<String>) -> Vec<u8> {
        let spliced = || {
            if row.deleted {
                return None;
            }
            let path = self.path_of(object)?;
            let mut value = Value::decode(&row.value).ok()?;
            let Value::Text(place) = at(&mut value, path.iter())? else { return None };
            *place = text.or_else(|| self.doc.text(object).ok())?;
            Some(value)
        };
        spliced().unwrap_or_else(|| read::document(&self.doc, None)).to_bytes()
    }

    /// All of it as one chunk. To see that it loads takes far longer than to save it, so that is not seen to again while there is
    /// nothing new but own splices and puts, until it is twice as large.
    fn joined(&mut self) -> Vec<u8> {
        let saved = self.doc.save_nocompress();
        if saved.len() <= self.loadable_bytes.saturating_mul(2) {
            return saved;
        }
        let loads = loads(&self.doc, &saved);
        self.loadable_bytes = if loads { saved.len() } else { 0 };
        if loads { saved } else { changes_after(&self.doc, &[]) }
    }

    pub(super) fn edited(
        &mut self,
        row: &DocumentRow,
        changes: &[Change],
        keep: Option<&Change>,
        value: Vec<u8>,
    ) -> Edited {
        let over_delete = changes.iter().chain(keep).any(|change| rests_on_delete(&self.doc, change));
        let change = bytes_of(changes.iter().chain(keep));
        self.chunk_bytes += change.len();
        let (chunks, write) = row.chunks.append(change.clone(), || self.joined());
        let heads = sorted_heads(&self.doc);
        let deleted = is_deleted(&self.doc, &heads);
        let version = changes.last().map_or_else(|| Version::of(&heads), |last| Version::of(&[last.hash()]));
        let (sent_with, received_with) = (row.sent_with, row.received_with);
        let row = DocumentRow { heads, deleted, sent_with, received_with, chunks, value, parts: None };
        Edited { row, write, change, version, earlier: vec![], over_delete }
    }
}

impl From<Expand> for ExpandMark {
    fn from(expand: Expand) -> Self {
        match expand {
            Expand::None => Self::None,
            Expand::Before => Self::Before,
            Expand::After => Self::After,
            Expand::Both => Self::Both,
        }
    }
}

/// The writer who makes a text of this string, or in this place, whatever device does it. The number is Automerge's encoding
/// of changes: where it writes other bytes, its maker must be another.
fn maker(origin: &ObjId, prop: &Prop) -> ActorId {
    let mut hasher = blake3::Hasher::new_derive_key("ashore a text of a string 1");
    hasher.update(origin.to_string().as_bytes());
    if let Prop::Map(key) = prop {
        hasher.update(&[0]).update(key.as_bytes());
    }
    let hash = hasher.finalize();
    ActorId::from(hash.as_bytes().split_at(16).0)
}

/// The heads behind which a change stands.
fn after(heads: &[ChangeHash], change: &Change) -> Vec<ChangeHash> {
    let mut heads: Vec<_> = heads.iter().filter(|head| !change.deps().contains(head)).copied().collect();
    heads.push(change.hash());
    heads.sort_unstable();
    heads
}

/// The text after the edits, and the edits with every update spelled out; refuses what does not fit.
fn applied(mut text: String, edits: &[TextEdit]) -> Result<(String, Vec<TextEdit>), TextError> {
    let mut spelled = Vec::with_capacity(edits.len());
    for edit in edits {
        match edit {
            TextEdit::Splice(splice) => {
                splice.apply(&mut text)?;
                spelled.push(edit.clone());
            }
            TextEdit::Update(new) => {
                // From the last to the first, so that no position moves.
                spelled.extend(text::difference(&text, new).into_iter().rev().map(TextEdit::Splice));
                text.clone_from(new);
            }
            TextEdit::Mark { start, end, name, value, .. } => {
                byte_at(&text, *start)
                    .zip(byte_at(&text, *end))
                    .filter(|(start, end)| start < end)
                    .ok_or(OutOfRange)?;
                if name.is_empty() || name.len() > MAX_MARK_NAME_BYTES || apply::scalar(value).is_none() {
                    return Err(TextError::InvalidMark);
                }
                spelled.push(edit.clone());
            }
        }
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(DocumentError::TooLarge { bytes: text.len(), max: MAX_DOCUMENT_BYTES }.into());
        }
    }
    Ok((text, spelled))
}
