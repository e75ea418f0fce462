//! Texts as they are typed: what is asked about one, edits of one, and the documents that are kept live for it, and because they are edited again and again.
//!
//! A live document is used only while it is what its row says. So whatever is written past it, or fails on its way, costs a
//! load and nothing else.

use super::Machine;
use super::documents::{Staged, Stop, edit_failure, parse_collection, parse_id};
use super::history::parse_version;
use super::parts::Writer;
use crate::api::{self, ErrorCode, Failure, Reply, TextAnswer, TextAsk, TextSplice};
use crate::document::edit::{Current, EditError, Expand, Live, TextChanges, TextEdit, TextEdited, TextError, TextMark};
use crate::document::text::Splice;
use crate::document::{DocumentRow, TextPath, Value, Version, json};
use crate::store::Key;
use crate::store::keys::value_key;
use ashore_protocol::gather::Gather;
use std::collections::BTreeMap;

/// So many documents are live at most, and about so many bytes of them: the least recently used go first.
pub(super) const MAX_LIVE: usize = 64;
const MAX_LIVE_BYTES: usize = 32 << 20;

/// The documents that are being edited, as far as that takes Automerge: to load one again for the next edit would take longer than all else.
#[derive(Default)]
pub(super) struct LiveDocuments {
    live: BTreeMap<Key, (Live, u64)>,
    clock: u64,
}

impl LiveDocuments {
    /// The live document, if it is what the row says; whoever takes it puts it back once what it made is written.
    pub(super) fn take(&mut self, key: &Key, row: &DocumentRow) -> Option<Live> {
        self.live.remove(key).map(|(live, _)| live).filter(|live| live.is_at(row))
    }

    pub(super) fn keep(&mut self, key: &Key, live: Live) {
        self.clock += 1;
        self.live.insert(key.clone(), (live, self.clock));
        while self.live.len() > 1 && (self.live.len() > MAX_LIVE || self.byte_len() > MAX_LIVE_BYTES) {
            let oldest = self.live.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.live.remove(&key));
        }
    }

    fn byte_len(&self) -> usize {
        self.live.values().map(|(live, _)| live.byte_len()).sum()
    }
}

impl Machine {
    /// Answers about a text, and whether what it saw is not committed yet.
    pub(super) fn text(
        &mut self,
        collection: &str,
        id: &str,
        path: &str,
        ask: &TextAsk,
    ) -> Result<(Reply, bool), Stop> {
        let collection = parse_collection(collection)?;
        let id = parse_id(collection.as_str(), id)?;
        let about = |error: TextError| text_failure(&error).about(collection.as_str(), id.as_str());
        let path = parse_path(path)?;
        let staged = self.load_staged(collection.as_str(), id.as_str())?;
        let row = match self.parted(collection.as_str(), staged.row())? {
            // What stays here is no text to be typed in, and what is not declared any more to travel stays.
            Some((was, now)) if now.lets_travel(&path) => staged.travelling(&was)?,
            Some(_) => None,
            None => staged.row().cloned(),
        };
        let row = row.ok_or_else(|| about(TextError::Missing))?;
        let key = value_key(collection.as_str(), id.as_str());
        let live = self.live(&key, &staged, &row).map_err(about)?;
        let answer = answer(&live, &row, &path, ask).map_err(about);
        self.lives.keep(&key, live);
        Ok((Reply::Text { answer: answer? }, self.rows.is_uncommitted(&key)))
    }

    /// Stages edits of a text; the live document waits with them until they are written.
    pub(super) fn stage_text(
        &mut self,
        collection: &str,
        key: &Key,
        staged: &mut Staged,
        path: &str,
        base: &str,
        edits: &[api::TextEdit],
    ) -> Result<api::WriteResult, Failure> {
        let at = parse_path(path)?;
        let base = parse_version(base)?;
        let edits = edits.iter().map(to_edit).collect::<Result<Vec<_>, _>>()?;
        let kept = staged.take_live();
        let (actor, now_ms) = (self.actor, self.now.as_ms());
        let change = |lives: &mut LiveDocuments, current: Option<Current<'_>>| {
            let current = current.ok_or(TextError::Missing)?;
            let mut live = match kept.filter(|live| live.is_at(current.row)).or_else(|| lives.take(key, current.row)) {
                Some(live) => live,
                None => Live::load(current)?,
            };
            let edited = live.edit(current.row, &base, &at, &edits, actor, now_ms)?;
            Ok::<_, TextError>((live, edited))
        };
        let parted = self.parted(collection, staged.row())?;
        let (live, version, path) = match parted {
            None => {
                let (live, TextEdited { edited, version, path }) = {
                    let chunks = staged.chunks();
                    let current = staged.row().map(|row| Current { row, chunks: &chunks });
                    change(&mut self.lives, current).map_err(|error| text_failure(&error))?
                };
                edited.map_or(Ok(()), |edited| staged.take(edited))?;
                (live, version, path)
            }
            // What is not shown here is not typed in, and what is to stay would leave with the key.
            Some((_, now)) if staged.row().is_none_or(|row| row.deleted) || !now.lets_travel(&at) => {
                return Err(text_failure(&TextError::Missing));
            }
            Some((was, now)) => {
                let writer = Writer { actor, now_ms, key: &self.seen_key };
                let done = staged.change_travelling((&was, &now), &writer, |current| {
                    let (live, TextEdited { edited, version, path }) =
                        change(&mut self.lives, current).map_err(|error| text_failure(&error))?;
                    Ok(((live, version, path), edited))
                })?;
                done.ok_or_else(|| text_failure(&TextError::Missing))?
            }
        };
        let behind = staged.row().is_some_and(|row| !version.matches(&row.heads));
        staged.keep_live(live);
        Ok(api::WriteResult::Text { version: version.to_string(), path: path.to_string(), behind })
    }

    fn live(&mut self, key: &Key, staged: &Staged, row: &DocumentRow) -> Result<Live, TextError> {
        match self.lives.take(key, row) {
            Some(live) => Ok(live),
            None => Ok(Live::load(Current { row, chunks: &staged.chunks() })?),
        }
    }
}

fn answer(live: &Live, row: &DocumentRow, path: &TextPath, ask: &TextAsk) -> Result<TextAnswer, TextError> {
    let version = |text: &str| Version::parse(text).ok_or(TextError::Edit(EditError::UnknownVersion));
    let now = || row.version().to_string();
    Ok(match ask {
        TextAsk::Read {} => TextAnswer::Read { text: live.text(path)?, version: now() },
        TextAsk::Changes { since } => {
            let TextChanges { splices, marks, path } = live.changes(path, &version(since)?)?;
            let splices = splices.into_iter().map(to_splice).collect();
            TextAnswer::Changes { splices, marks, version: now(), path: path.to_string() }
        }
        TextAsk::Cursor { version: at, position } => {
            TextAnswer::Cursor { cursor: live.cursor(path, &version(at)?, *position as usize)? }
        }
        TextAsk::Position { version: at, cursor } => {
            TextAnswer::Position { position: size(live.position(path, &version(at)?, cursor)?) }
        }
        TextAsk::Marks { version: at } => {
            let marks = live.marks(path, &version(at)?)?.into_iter().map(to_mark).collect();
            TextAnswer::Marks { marks: json_text(Value::List(marks)) }
        }
    })
}

fn to_edit(edit: &api::TextEdit) -> Result<TextEdit, Failure> {
    Ok(match edit {
        api::TextEdit::Splice(TextSplice { at, delete, insert }) => {
            TextEdit::Splice(Splice { at: *at as usize, delete: *delete as usize, insert: insert.clone() })
        }
        api::TextEdit::Update { text } => TextEdit::Update(text.clone()),
        api::TextEdit::Mark { start, end, name, value, expand } => {
            let value = json::parse_one(value).map_err(|_| text_failure(&TextError::InvalidMark))?;
            let Value::Map(mut value) = value else { return Err(text_failure(&TextError::InvalidMark)) };
            TextEdit::Mark {
                start: *start as usize,
                end: *end as usize,
                name: name.clone(),
                value: value.remove(VALUE).unwrap_or(Value::Null),
                expand: match expand {
                    api::TextExpand::None => Expand::None,
                    api::TextExpand::Before => Expand::Before,
                    api::TextExpand::After => Expand::After,
                    api::TextExpand::Both => Expand::Both,
                },
            }
        }
    })
}

fn to_splice(Splice { at, delete, insert }: Splice) -> TextSplice {
    TextSplice { at: size(at), delete: size(delete), insert }
}

fn to_mark(TextMark { start, end, name, value }: TextMark) -> Value {
    let place = |at: usize| Value::Uint(at as u64);
    let fields = [("start", place(start)), ("end", place(end)), ("name", Value::String(name)), (VALUE, value)];
    Value::Map(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).gather())
}

const VALUE: &str = "value";

fn json_text(value: Value) -> String {
    let mut text = String::new();
    // What it was made of is a value, so it can be written.
    let _ = json::write_value(&value, &mut text);
    text
}

/// No text is longer than a u32 counts.
fn size(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn parse_path(path: &str) -> Result<TextPath, Failure> {
    TextPath::parse(path).ok_or_else(|| Failure::new(ErrorCode::RequestInvalid, "a text's path has 1 to 1,024 bytes"))
}

fn text_failure(error: &TextError) -> Failure {
    match error {
        TextError::Missing => Failure::new(ErrorCode::TextMissing, error.to_string()),
        TextError::OutOfRange(_) => Failure::new(ErrorCode::TextOutOfRange, error.to_string()),
        TextError::UnknownCursor => Failure::new(ErrorCode::TextUnknownCursor, error.to_string()),
        TextError::InvalidMark => Failure::new(ErrorCode::RequestInvalid, error.to_string()),
        TextError::Edit(error) => edit_failure(error),
    }
}
