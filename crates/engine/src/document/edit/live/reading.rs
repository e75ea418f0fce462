//! What a live document tells of a text: its characters, what became of them, cursors and marks.

use ashore_protocol::gather::sorted_by;
use automerge::marks::Mark;
use automerge::{Automerge, ChangeHash, Cursor, ObjId, PatchLog, ReadDoc};

use super::{Found, Live, Spliced, TextError, at, take_splice};
use crate::document::edit::{corrupt, is_deleted, read, sorted_heads};
use crate::document::text::{self, OutOfRange, Splice};
use crate::document::value::Value;
use crate::document::{TextPath, Version};

/// Longest cursor, in bytes.
const MAX_CURSOR_BYTES: usize = 256;
/// With more patches than this the document is read again.
const MAX_PATCHES: usize = 256;

/// What became of a text between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChanges {
    /// One after another: each position is in what the ones before left.
    pub splices: Vec<Splice>,
    /// Marks were set or taken away.
    pub marks: bool,
    /// Where the text is now.
    pub path: TextPath,
}

/// A mark of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextMark {
    /// The first unit of it.
    pub start: usize,
    /// The first unit behind it.
    pub end: usize,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl Live {
    /// The text at a path, now; a plain string reads as a text, and nothing as an empty one.
    pub fn text(&self, path: &TextPath) -> Result<String, TextError> {
        let heads = self.doc.get_heads();
        self.text_of(&self.find(path, &heads)?, &heads)
    }

    /// What became of the text since a version.
    pub fn changes(&self, path: &TextPath, since: &Version) -> Result<TextChanges, TextError> {
        let (before, now) = (self.heads_of(since)?, sorted_heads(&self.doc));
        let then = self.find(path, &before)?;
        if is_deleted(&self.doc, &now) {
            return Err(TextError::Missing);
        }
        if let Found::Text(object) = &then.found
            && let Some(path) = self.path_of(object).and_then(|path| TextPath::along(path.iter()))
        {
            // Who asks after each edit of its own has missed nothing as a rule; a difference would look at the whole text.
            if before == now {
                return Ok(TextChanges { splices: Vec::new(), marks: false, path });
            }
            let changed = self.last_merge(object, &before, &now).or_else(|| self.difference(object, &before, &now));
            if let Some((splices, marks)) = changed {
                return Ok(TextChanges { splices, marks, path });
            }
        }
        let splices = text::difference(&self.text_of(&then, &before)?, &self.text(path)?);
        // From the last to the first, so that no position moves.
        Ok(TextChanges { splices: splices.into_iter().rev().collect(), marks: true, path: path.clone() })
    }

    /// A name for a place in the text at a version: before a unit, or the end. It stays with its neighbour.
    pub fn cursor(&self, path: &TextPath, version: &Version, position: usize) -> Result<String, TextError> {
        let (object, heads) = self.text_at(path, version)?;
        let length = self.doc.length_at(&object, &heads);
        let cursor = match position {
            position if position < length => self.doc.get_cursor(&object, position, Some(&heads)).map_err(corrupt)?,
            position if position == length => Cursor::End,
            _ => return Err(OutOfRange.into()),
        };
        Ok(cursor.to_string())
    }

    /// Where a cursor is at a version.
    pub fn position(&self, path: &TextPath, version: &Version, cursor: &str) -> Result<usize, TextError> {
        let (object, heads) = self.text_at(path, version)?;
        let cursor = parse_cursor(cursor).ok_or(TextError::UnknownCursor)?;
        self.doc.get_cursor_position(&object, &cursor, Some(&heads)).map_err(|_| TextError::UnknownCursor)
    }

    /// The marks of a text at a version, in the order of their beginnings.
    pub fn marks(&self, path: &TextPath, version: &Version) -> Result<Vec<TextMark>, TextError> {
        let heads = self.heads_of(version)?;
        let Found::Text(object) = self.find(path, &heads)?.found else { return Ok(Vec::new()) };
        let marks = self.doc.marks_at(&object, &heads).map_err(corrupt)?;
        let marks: Vec<_> = marks
            .into_iter()
            .map(|Mark { start, end, name, value }| {
                let value = read::owned_scalar(&value);
                TextMark { start, end, name: name.to_string(), value }
            })
            .collect();
        Ok(sorted_by(marks, |a, b| (a.start, a.end, &a.name).cmp(&(b.start, b.end, &b.name))))
    }

    fn text_at(&self, path: &TextPath, version: &Version) -> Result<(ObjId, Vec<ChangeHash>), TextError> {
        let heads = self.heads_of(version)?;
        match self.find(path, &heads)?.found {
            Found::Text(object) => Ok((object, heads)),
            Found::String(..) | Found::Nothing => Err(TextError::Missing),
        }
    }

    /// What became of a text by the last merge, if that is what lies between these versions.
    fn last_merge(&self, object: &ObjId, before: &[ChangeHash], now: &[ChangeHash]) -> Option<(Vec<Splice>, bool)> {
        let merge = self.merged.as_ref().filter(|merge| merge.before == before && merge.now == now)?;
        let text = merge.spliced.iter().find(|text| text.object == *object)?;
        Some((text.splices.clone(), text.marks))
    }

    /// What became of a text, as Automerge tells it; none when there is more in it than characters, or when that is not true.
    fn difference(&self, object: &ObjId, before: &[ChangeHash], now: &[ChangeHash]) -> Option<(Vec<Splice>, bool)> {
        let (mut splices, mut marked) = (Vec::new(), false);
        for patch in self.doc.diff_obj(object, before, now, false).ok()? {
            marked |= take_splice(patch, &mut splices)?;
        }
        let mut text = self.doc.text_at(object, before).ok()?;
        splices.iter().try_for_each(|splice| splice.apply(&mut text)).ok()?;
        if text == self.doc.text(object).ok()? { Some((splices, marked)) } else { None }
    }
}

/// The value that was `value` before these patches, when they are about texts only and few. They say which texts changed; how
/// these read now the document says, because with characters of two units Automerge's positions are not always right.
/// What that was in splices is told too, for texts of which it is true.
pub(in crate::document::edit) fn after_patches(
    doc: &Automerge,
    log: &mut PatchLog,
    value: &[u8],
    spliced: &mut Vec<Spliced>,
) -> Option<Value> {
    let patches = doc.make_patches(log);
    if patches.len() > MAX_PATCHES {
        return None;
    }
    let mut value = Value::decode(value).ok()?;
    let mut changed: Vec<(Spliced, String)> = Vec::new();
    for patch in patches {
        let object = patch.obj.clone();
        let Value::Text(text) = at(&mut value, patch.path.iter().map(|(_, prop)| prop))? else { return None };
        let place = match changed.iter().position(|(text, _)| text.object == object) {
            Some(place) => place,
            None => {
                let before = std::mem::replace(text, doc.text(&object).ok()?);
                changed.push((Spliced { object, now: text.clone(), splices: Vec::new(), marks: false }, before));
                changed.len() - 1
            }
        };
        let (text, _) = changed.get_mut(place)?;
        text.marks |= take_splice(patch, &mut text.splices)?;
    }
    for (text, mut before) in changed {
        let fits = text.splices.iter().try_for_each(|splice| splice.apply(&mut before)).is_ok();
        spliced.extend(Some(text).filter(|text| fits && text.now == before));
    }
    Some(value)
}

/// Automerge's own parser panics on text that is not ASCII.
fn parse_cursor(text: &str) -> Option<Cursor> {
    let plausible = !text.is_empty() && text.len() <= MAX_CURSOR_BYTES && text.is_ascii();
    if plausible { Cursor::try_from(text).ok() } else { None }
}
