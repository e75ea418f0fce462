//! A live Automerge document: texts as they are typed, and large documents that are edited again and again, without loading the document for each edit.
//!
//! It holds exactly what the heads of its row name, so [`Live::is_at`] says whether it may be used. An edit or a merge that
//! fails may leave it changed: then it is to be dropped.

mod putting;
mod reading;
mod writing;

use automerge::{Automerge, ChangeHash, ObjId, ObjType, Patch, PatchAction, Prop, ROOT, ReadDoc};

use super::check::Expanded;
use super::{CorruptDocument, Current, EditError, corrupt, heads_of, is_deleted, sorted_heads};
use crate::document::state::DocumentRow;
use crate::document::text::{OutOfRange, Splice};
use crate::document::value::Value;
use crate::document::{DocumentError, TextPath, Version};

pub(super) use reading::after_patches;
pub use reading::{TextChanges, TextMark};
pub use writing::{Expand, TextEdit, TextEdited};

/// A document in Automerge's memory.
pub struct Live {
    doc: Automerge,
    /// What its chunks take, which says about how much memory it takes.
    chunk_bytes: usize,
    /// How large it was when it was saved and seen to load again, if nothing but own splices and puts is new since; or 0.
    loadable_bytes: usize,
    /// Of its changes those that others' changes referred to.
    known: Expanded,
    /// The text that was edited last, as it is now.
    latest: Option<(ObjId, String)>,
    /// What the last merge did to texts.
    merged: Option<LastMerge>,
}

/// A merge, and the texts that it spliced: of these it is known how.
struct LastMerge {
    before: Vec<ChangeHash>,
    now: Vec<ChangeHash>,
    spliced: Vec<Spliced>,
}

/// What became of one text.
pub(super) struct Spliced {
    object: ObjId,
    now: String,
    splices: Vec<Splice>,
    marks: bool,
}

/// So many operations are kept taken apart, and about so many bytes each of them takes.
const MAX_KNOWN_OPERATIONS: usize = 150_000;
const OPERATION_BYTES: usize = 160;
/// About how many bytes of memory a document takes that has nothing in it.
const EMPTY_BYTES: usize = 8 << 10;

/// Why a text cannot be read or edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// There is no text at the path, or no document.
    #[error("there is no text at this path")]
    Missing,
    /// A position outside of the text, or inside of a character.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A mark without a name, with a long one, or with a value that is a list or an object.
    #[error("a mark has a name of 1 to 256 bytes and a value that is no list and no object")]
    InvalidMark,
    /// The cursor is of another text, or no cursor at all.
    #[error("the text has no such cursor")]
    UnknownCursor,
    /// What may go wrong with every edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl From<CorruptDocument> for TextError {
    fn from(error: CorruptDocument) -> Self {
        Self::Edit(error.into())
    }
}

impl From<DocumentError> for TextError {
    fn from(error: DocumentError) -> Self {
        Self::Edit(error.into())
    }
}

/// What a path leads to.
struct Place {
    parent: ObjId,
    prop: Prop,
    found: Found,
}

enum Found {
    Text(ObjId),
    /// A plain string, or null as an empty one, and the operation that put it there.
    String(ObjId, String),
    /// Nothing.
    Nothing,
}

impl Live {
    /// Loads a document.
    pub fn load(current: Current<'_>) -> Result<Self, CorruptDocument> {
        let chunk_bytes = current.chunks.iter().map(|chunk| chunk.len()).sum();
        current.load().map(|doc| Self::of(doc, chunk_bytes))
    }

    pub(super) fn of(doc: Automerge, chunk_bytes: usize) -> Self {
        Self { doc, chunk_bytes, loadable_bytes: 0, known: Expanded::new(), latest: None, merged: None }
    }

    /// Whether this is the document that the row is of.
    pub fn is_at(&self, row: &DocumentRow) -> bool {
        sorted_heads(&self.doc) == row.heads
    }

    /// About how many bytes of memory it takes.
    pub fn byte_len(&self) -> usize {
        EMPTY_BYTES + self.chunk_bytes.saturating_mul(8) + self.known_operations() * OPERATION_BYTES
    }

    fn known_operations(&self) -> usize {
        self.known.values().map(|change| change.operations.len()).sum()
    }

    fn forget_too_much(&mut self) {
        if self.known_operations() > MAX_KNOWN_OPERATIONS {
            self.known.clear();
        }
    }

    fn heads_of(&self, version: &Version) -> Result<Vec<ChangeHash>, TextError> {
        let heads = sorted_heads(&self.doc);
        let before = self.merged.as_ref().map(|merge| &merge.before);
        match before {
            _ if version.matches(&heads) => Ok(heads),
            Some(before) if version.matches(before) => Ok(before.clone()),
            _ => Ok(heads_of(&self.doc, version)?),
        }
    }

    /// What a path led to at some heads.
    fn find(&self, path: &TextPath, heads: &[ChangeHash]) -> Result<Place, TextError> {
        if is_deleted(&self.doc, heads) { Err(TextError::Missing) } else { self.find_inside(path, heads) }
    }

    fn find_inside(&self, path: &TextPath, heads: &[ChangeHash]) -> Result<Place, TextError> {
        let (before, last) = path.split();
        let mut parent = ROOT;
        for step in before {
            parent = match self.get(&parent, step, heads)? {
                (_, Some((automerge::Value::Object(kind), object))) if kind != ObjType::Text => object,
                _ => return Err(TextError::Missing),
            };
        }
        let (prop, found) = self.get(&parent, last, heads)?;
        let found = match found {
            Some((automerge::Value::Object(ObjType::Text), object)) => Found::Text(object),
            Some((automerge::Value::Scalar(scalar), operation)) => match scalar.as_str() {
                Some(text) => Found::String(operation, text.to_owned()),
                None if scalar.is_null() => Found::String(operation, String::new()),
                None => return Err(TextError::Missing),
            },
            None if matches!(prop, Prop::Map(_)) => Found::Nothing,
            _ => return Err(TextError::Missing),
        };
        Ok(Place { parent, prop, found })
    }

    fn get(
        &self,
        object: &ObjId,
        step: &str,
        heads: &[ChangeHash],
    ) -> Result<(Prop, Option<(automerge::Value<'_>, ObjId)>), TextError> {
        let prop = match self.doc.object_type(object).map_err(corrupt)? {
            ObjType::Map | ObjType::Table => Prop::from(step),
            ObjType::List => Prop::Seq(step.parse().map_err(|_| TextError::Missing)?),
            ObjType::Text => return Err(TextError::Missing),
        };
        let found = self.doc.get_at(object, prop.clone(), heads).map_err(corrupt)?;
        Ok((prop, found))
    }

    fn text_of(&self, place: &Place, heads: &[ChangeHash]) -> Result<String, TextError> {
        match &place.found {
            Found::Text(object) if let Some(text) = self.latest(object, heads) => Ok(text.clone()),
            Found::Text(object) => Ok(self.doc.text_at(object, heads).map_err(corrupt)?),
            Found::String(_, text) => Ok(text.clone()),
            Found::Nothing => Ok(String::new()),
        }
    }

    /// The text that was edited last, if it is this one as it is now.
    fn latest(&self, object: &ObjId, heads: &[ChangeHash]) -> Option<&String> {
        let (latest, text) = self.latest.as_ref()?;
        (latest == object && heads == sorted_heads(&self.doc)).then_some(text)
    }

    /// Where an object is now, if it is anywhere.
    fn path_of(&self, object: &ObjId) -> Option<Vec<Prop>> {
        let path = self.doc.parents(object).ok()?.visible_path()?;
        Some(path.into_iter().map(|(_, prop)| prop).collect())
    }
}

/// The value at the end of a path.
fn at<'v, 'p>(value: &'v mut Value, mut path: impl Iterator<Item = &'p Prop>) -> Option<&'v mut Value> {
    path.try_fold(value, |value, prop| match (value, prop) {
        (Value::Map(map), Prop::Map(key)) => map.get_mut(key.as_str()),
        (Value::List(items), Prop::Seq(index)) => items.get_mut(*index),
        _ => None,
    })
}

/// Takes the splice that a patch of a text is; whether it is about marks, too. None when it is about something else.
fn take_splice(patch: Patch, splices: &mut Vec<Splice>) -> Option<bool> {
    match patch.action {
        PatchAction::SpliceText { index, value, marks } => {
            let insert = value.make_string();
            match splices.last_mut() {
                Some(last) if last.at == index && last.insert.is_empty() => last.insert = insert,
                _ => splices.push(Splice { at: index, delete: 0, insert }),
            }
            Some(marks.is_some())
        }
        PatchAction::DeleteSeq { index, length } => {
            splices.push(Splice { at: index, delete: length, insert: String::new() });
            Some(false)
        }
        PatchAction::Mark { .. } => Some(true),
        _ => None,
    }
}
