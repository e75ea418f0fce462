//! Documents of which a part travels and a part stays: what a put, a delete and a merge write of both.
//!
//! The part that travels is the Automerge document, and everything that makes entries knows that alone. The part that stays
//! is in the row. The row's value is one laid over the other, so whatever reads rows reads both.

use super::documents::{Staged, document_failure, edit_failure};
use crate::api::Failure;
use crate::collection::{Declared, Held, Travels};
use crate::crypto::Key;
use crate::document::edit::{self, Actor, CorruptDocument, Current, EditError, Edited};
use crate::document::state::{ChunkSpan, Local, Parts};
use crate::document::version::Seen;
use crate::document::{DocumentRow, Value, Version};

/// Who writes, and when.
pub(super) struct Writer<'a> {
    pub(super) actor: Actor,
    pub(super) now_ms: u64,
    /// For the digests of what a page saw.
    pub(super) key: &'a Key,
}

/// A document's row and the declaration by which its parts are told apart.
pub(super) struct Parted<'a> {
    pub(super) row: &'a DocumentRow,
    pub(super) chunks: &'a [&'a [u8]],
    pub(super) was: &'a Declared,
}

impl Parted<'_> {
    /// The part that travels, also below a delete.
    pub(super) fn travels(&self) -> Result<Value, CorruptDocument> {
        let plain = self.row.parts.is_none() && !self.row.deleted;
        match Value::decode(&self.row.value) {
            Ok(value) if plain => Ok(value),
            _ if self.row.heads.is_empty() => Ok(Value::empty()),
            _ => edit::fields(self.chunks),
        }
    }

    /// Both parts.
    pub(super) fn held(&self) -> Result<Held, CorruptDocument> {
        let travels = self.travels()?;
        let shown = !self.row.deleted;
        let stays = match self.row.parts.as_ref().map(|parts| &parts.local) {
            None => Some(Value::empty()),
            Some(Local::Absent) => None,
            Some(Local::InValue) => {
                Value::decode(&self.row.value).ok().map(|value| self.was.stays_in(&value, &travels))
            }
            Some(Local::Kept(bytes)) => Value::decode(bytes).ok(),
        };
        Ok(Held { travels, stays, shown })
    }

    /// The row of the part that travels, as if there were no other; none when nothing travels.
    pub(super) fn alone(&self, travels: &Value) -> Option<DocumentRow> {
        let Some(parts) = &self.row.parts else { return Some(self.row.clone()) };
        let row = DocumentRow { deleted: parts.deleted, value: travels.to_bytes(), parts: None, ..self.row.clone() };
        (!row.heads.is_empty()).then_some(row)
    }
}

/// What a document's row is to say about its parts.
pub(super) struct Whole<'a> {
    /// The row of the part that travels.
    pub(super) alone: Option<DocumentRow>,
    pub(super) travels: &'a Value,
    pub(super) stays: Option<&'a Value>,
    pub(super) tainted: bool,
    pub(super) rebuilt: bool,
}

impl Whole<'_> {
    /// The row of a document with these parts.
    pub(super) fn row(self, declared: &Declared, key: &Key) -> DocumentRow {
        let nothing = DocumentRow {
            heads: vec![],
            deleted: true,
            sent_with: 0,
            received_with: 0,
            chunks: ChunkSpan::NONE,
            value: vec![],
            parts: None,
        };
        let mut row = self.alone.unwrap_or(nothing);
        let deleted = row.deleted;
        let takes_effect = declared.deletes && declared.travels != Travels::Nothing && !row.heads.is_empty();
        row.deleted = if declared.is_plain() { deleted } else { self.stays.is_none() || deleted && takes_effect };
        let empty = Value::empty();
        let shown = match row.deleted {
            true => Value::empty(),
            false => declared.overlay(self.travels, self.stays.unwrap_or(&empty)),
        };
        row.value = shown.to_bytes();
        let in_value = |stays: &Value| !row.deleted && declared.stays_in(&shown, self.travels) == *stays;
        let local = match self.stays {
            None => Local::Absent,
            Some(stays) if in_value(stays) => Local::InValue,
            Some(stays) => Local::Kept(stays.to_bytes()),
        };
        row.parts = (!declared.is_plain()).then(|| Parts {
            number: declared.number,
            deleted,
            tainted: self.tainted || declared.is_tainted(self.travels),
            rebuilt: self.rebuilt,
            local,
            seen: self.stays.map_or(Seen::Fields(vec![]), |stays| declared.seen(stays, key)),
        });
        row
    }
}

impl Staged {
    /// Puts a value as a document of a collection that is declared to be `now`; its parts were told apart by `was`.
    pub(super) fn put_parts(
        &mut self,
        (was, now): (&Declared, &Declared),
        base: Option<&Version>,
        new: &Value,
        writer: &Writer<'_>,
    ) -> Result<Version, Failure> {
        self.put_both((was, now), base, new, writer, |current, travels, base| {
            edit::put(current, base, travels, writer.actor, writer.now_ms)
        })
    }

    /// Makes the document what a migration made of it at `base`: the part that travels by the change that every device makes.
    pub(super) fn migrate_parts(
        &mut self,
        (was, now): (&Declared, &Declared),
        base: &Version,
        new: &Value,
        writer: &Writer<'_>,
    ) -> Result<Version, Failure> {
        self.put_both((was, now), Some(base), new, writer, |current, travels, base| match (current, base) {
            (Some(current), Some(base)) => edit::migrate(current, base, travels),
            (current, base) => edit::put(current, base, travels, writer.actor, writer.now_ms),
        })
    }

    /// Puts a value; `put` makes the change of the part that travels, of its value and the caller's version of it.
    fn put_both(
        &mut self,
        (was, now): (&Declared, &Declared),
        base: Option<&Version>,
        new: &Value,
        writer: &Writer<'_>,
        put: impl FnOnce(Option<Current<'_>>, &Value, Option<&Version>) -> Result<edit::Put, EditError>,
    ) -> Result<Version, Failure> {
        new.encode().map_err(|error| document_failure(&error))?;
        let mut held = self.held(was)?;
        if takes_for_parked(now, was, &held) {
            held = Held { stays: None, shown: false, ..held };
        }
        let alone = self.alone(was, &held.travels);
        let (base_alone, base_travels) = self.base(&held, alone.as_ref(), base, now)?;
        let becomes = now.put(was, &held, &base_travels, base.map(Version::seen), new, writer.key);
        let revives = alone.as_ref().is_some_and(|row| row.deleted) && now.deletes;
        let travels = match becomes.travels {
            None if revives && now.travels != Travels::Nothing => Some(held.travels.clone()),
            travels => travels,
        };
        let edited = match travels {
            None => None,
            Some(travels) => {
                Some(self.edit_alone(alone.as_ref(), |current| put(current, &travels, base_alone.as_ref()))?)
            }
        };
        let version = match (&edited, base_alone, &alone) {
            (Some(put), _, _) => put.version.clone(),
            (None, Some(base), _) => base,
            (None, None, Some(row)) => row.version(),
            (None, None, None) => Version::absent(),
        };
        let edited = edited.and_then(|put| put.edited);
        self.take_parts((was, now), alone, edited, (held.travels, Some(&becomes.stays)), writer)?;
        Ok(version.with_seen(now.seen(&now.split(new).1, writer.key)))
    }

    /// Deletes the document; `false` when readers found none.
    pub(super) fn delete_parts(
        &mut self,
        (was, now): (&Declared, &Declared),
        writer: &Writer<'_>,
    ) -> Result<bool, Failure> {
        let held = self.held(was)?;
        let alone = self.alone(was, &held.travels);
        if !held.shown {
            // What stayed here of a document that others deleted goes too.
            if held.stays.is_some() && self.row().is_some_and(|row| row.parts.is_some()) {
                self.take_parts((was, was), alone, None, (held.travels, None), writer)?;
            }
            return Ok(false);
        }
        let travels = now.deletes && now.travels != Travels::Nothing;
        let (actor, now_ms) = (writer.actor, writer.now_ms);
        let mut alone = alone;
        let mut edited = None;
        if travels && alone.is_none() {
            let created = edit::create(&Value::empty(), actor, now_ms).map_err(|error| edit_failure(&error))?;
            alone = Some(created.row.clone());
            self.take(created)?;
        }
        if travels {
            edited = self.edit_alone(alone.as_ref(), |current| match current {
                Some(current) => edit::delete(current, actor, now_ms),
                None => Ok(None),
            })?;
        }
        self.take_parts((was, now), alone, edited, (held.travels, None), writer)?;
        Ok(true)
    }

    /// Brings a document to what its collection is declared to be now; what is shown stays as it is.
    pub(super) fn adopt(&mut self, (was, now): (&Declared, &Declared), writer: &Writer<'_>) -> Result<(), Failure> {
        let held = self.held(was)?;
        if !held.shown {
            return Ok(());
        }
        if takes_for_parked(now, was, &held) {
            let alone = self.alone(was, &held.travels);
            return self.take_parts((was, now), alone, None, (held.travels, None), writer);
        }
        let shown = self.row().and_then(|row| Value::decode(&row.value).ok()).unwrap_or_else(Value::empty);
        self.put_parts((was, now), None, &shown, writer).map(drop)
    }

    /// Makes the part that travels anew without its history, so that nothing of what stays here is in it.
    pub(super) fn rebuild(&mut self, (was, now): (&Declared, &Declared), writer: &Writer<'_>) -> Result<(), Failure> {
        let held = self.held(was)?;
        let Some(alone) = self.alone(was, &held.travels) else { return Ok(()) };
        let (clean, _) = now.split(&held.travels);
        let edited = self.edit_alone(Some(&alone), |current| match current {
            Some(current) => edit::anew(current, &clean, writer.actor, writer.now_ms).map(Some),
            None => Ok(None),
        })?;
        let Some(edited) = edited else { return Ok(()) };
        let row = edited.row.clone();
        self.take(edited)?;
        let whole =
            Whole { alone: Some(row), travels: &clean, stays: held.stays.as_ref(), tainted: false, rebuilt: true };
        self.set_row(whole.row(if held.shown { now } else { was }, writer.key));
        Ok(())
    }

    /// Leaves only the part that stays; answers the chunks that are no part of the document any more.
    pub(super) fn drop_what_travels(
        &mut self,
        (was, now): (&Declared, &Declared),
        writer: &Writer<'_>,
    ) -> Result<Option<ChunkSpan>, Failure> {
        let held = self.held(was)?;
        let dropped = self.row().map(|row| row.chunks);
        let travels = Value::empty();
        let whole = Whole { alone: None, travels: &travels, stays: held.stays.as_ref(), tainted: false, rebuilt: true };
        self.set_row(whole.row(if held.shown { now } else { was }, writer.key));
        Ok(dropped)
    }

    /// The row of the part that travels, of a document that is shown.
    pub(super) fn travelling(&self, was: &Declared) -> Result<Option<DocumentRow>, Failure> {
        let held = self.held(was)?;
        Ok(self.alone(was, &held.travels).filter(|_| held.shown))
    }

    /// Changes the part that travels; what stays here stays as it is. What is declared now holds before anything is changed.
    /// None: something would travel by it that is to stay, so nothing is changed.
    pub(super) fn change_travelling<T>(
        &mut self,
        (was, now): (&Declared, &Declared),
        writer: &Writer<'_>,
        change: impl FnOnce(Option<Current<'_>>) -> Result<(T, Option<Edited>), Failure>,
    ) -> Result<Option<T>, Failure> {
        if was.number != now.number {
            self.adopt((was, now), writer)?;
        }
        let held = self.held(now)?;
        let alone = self.alone(now, &held.travels);
        let (answer, edited) = {
            let chunks = self.chunks();
            change(alone.as_ref().map(|row| Current { row, chunks: &chunks }))?
        };
        let Some(edited) = edited else { return Ok(Some(answer)) };
        if !edited.row.deleted && Value::decode(&edited.row.value).is_ok_and(|value| now.is_tainted(&value)) {
            return Ok(None);
        }
        let gone = edited.row.deleted && now.deletes;
        let is_back = alone.as_ref().is_some_and(|row| row.deleted) && !edited.row.deleted;
        let stays = match held.stays {
            _ if gone => None,
            None if held.shown || is_back => Some(Value::empty()),
            stays => stays,
        };
        self.take_parts((now, now), alone, Some(edited), (held.travels, stays.as_ref()), writer)?;
        Ok(Some(answer))
    }

    fn held(&self, was: &Declared) -> Result<Held, Failure> {
        let Some(row) = self.row() else {
            return Ok(Held { travels: Value::empty(), stays: None, shown: false });
        };
        let parted = Parted { row, chunks: &self.chunks(), was };
        parted.held().map_err(|error| edit_failure(&EditError::Corrupt(error)))
    }

    fn alone(&self, was: &Declared, travels: &Value) -> Option<DocumentRow> {
        self.row().and_then(|row| Parted { row, chunks: &self.chunks(), was }.alone(travels))
    }

    fn edit_alone<T>(
        &self,
        alone: Option<&DocumentRow>,
        edit: impl FnOnce(Option<Current<'_>>) -> Result<T, EditError>,
    ) -> Result<T, Failure> {
        let chunks = self.chunks();
        let current = alone.map(|row| Current { row, chunks: &chunks });
        edit(current).map_err(|error| edit_failure(&error))
    }

    /// The caller's version of the part that travels, and that part at it.
    fn base(
        &self,
        held: &Held,
        alone: Option<&DocumentRow>,
        base: Option<&Version>,
        now: &Declared,
    ) -> Result<(Option<Version>, Value), Failure> {
        let rebuilt = self.row().and_then(|row| row.parts.as_ref()).is_some_and(|parts| parts.rebuilt);
        // What is not shown here was not read here: a put of it begins at what there is.
        let unread = !held.shown && (!now.deletes || matches!(now.travels, Travels::Only(_)));
        let Some(base) = base.filter(|_| !unread).map(|base| base.with_seen(Seen::Nothing)) else {
            return Ok((None, held.travels.clone()));
        };
        let Some(row) = alone else {
            let known = base.is_absent() || rebuilt || now.travels == Travels::Nothing;
            return if known { Ok((None, Value::empty())) } else { Err(edit_failure(&EditError::UnknownVersion)) };
        };
        if base.matches(&row.heads) || base.is_absent() && row.deleted {
            return Ok((Some(base), held.travels.clone()));
        }
        match self.edit_alone(Some(row), |current| match current {
            Some(current) => edit::value_at(current, &base),
            None => Ok(Value::Null),
        }) {
            Ok(Value::Null) => Ok((Some(base), Value::empty())),
            Ok(value) => Ok((Some(base), value)),
            Err(_) if rebuilt || now.travels == Travels::Nothing => Ok((None, held.travels.clone())),
            Err(failure) => Err(failure),
        }
    }

    /// Takes over what a write makes of both parts.
    fn take_parts(
        &mut self,
        (was, now): (&Declared, &Declared),
        alone: Option<DocumentRow>,
        edited: Option<Edited>,
        (mut travels, stays): (Value, Option<&Value>),
        writer: &Writer<'_>,
    ) -> Result<(), Failure> {
        let before = self.row().and_then(|row| row.parts.as_ref());
        let history = self.row().is_some_and(|row| !row.heads.is_empty()) && was.number != now.number;
        let tainted = before.is_some_and(|parts| parts.tainted) || history;
        let rebuilt = before.is_some_and(|parts| parts.rebuilt);
        let mut row = alone;
        if let Some(edited) = edited {
            if !edited.row.deleted {
                travels = Value::decode(&edited.row.value).unwrap_or_else(|_| Value::empty());
            }
            row = Some(edited.row.clone());
            self.take(edited)?;
        }
        let whole = Whole { alone: row, travels: &travels, stays, tainted, rebuilt };
        self.set_row(whole.row(now, writer.key));
        Ok(())
    }
}

/// Whether a document that was told apart by another declaration has nothing here but what travels by this one: others
/// spoke of it before this device had it.
fn takes_for_parked(now: &Declared, was: &Declared, held: &Held) -> bool {
    let all = matches!(was.travels, Travels::All | Travels::Except(_));
    let only = matches!(now.travels, Travels::Only(_));
    let empty = |value: &Value| *value == Value::empty();
    all && only && held.shown && held.stays.as_ref().is_none_or(empty) && !now.is_tainted(&held.travels)
}
