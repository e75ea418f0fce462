//! Puts to a live document.

use super::Live;
use crate::document::edit::{
    Actor, EditError, Put, apply, empty_change, empty_change_at, heads_of, is_deleted, keep, options, read, reads_as,
    try_change, writer_at,
};
use crate::document::shape;
use crate::document::state::DocumentRow;
use crate::document::value::Value;
use crate::document::version::Version;
use std::borrow::Cow;

/// Where debug assertions are on, what a put left is read again up to this size.
const CHECKED_BYTES: usize = 16 << 10;

impl Live {
    /// Makes the document `new`, whose bytes are `value`; `stored` is what it is now, unless it is deleted.
    pub(in crate::document) fn put_now(
        &mut self,
        row: &DocumentRow,
        stored: Option<Value>,
        new: &Value,
        value: Vec<u8>,
        actor: Actor,
        now_ms: u64,
    ) -> Result<Put, EditError> {
        self.doc.set_actor(actor.id());
        let old = stored.unwrap_or_else(|| read::document(&self.doc, None));
        let change = match try_change(&mut self.doc, None, now_ms, |tx| apply::difference(tx, &old, new))? {
            Some(change) => change,
            None if row.deleted => empty_change(&mut self.doc, options(now_ms))?,
            None => return Ok(Put { version: row.version(), edited: None }),
        };
        debug_assert!(value.len() > CHECKED_BYTES || reads_as(&read::document(&self.doc, None), new));
        self.latest = None;
        Ok(Put::at_the_heads(self.edited(row, &[change], None, value)))
    }

    /// Makes the document `new` where the caller read it, at `base`.
    pub(in crate::document) fn put_at(
        &mut self,
        row: &DocumentRow,
        base: &Version,
        new: &Value,
        actor: Actor,
        now_ms: u64,
    ) -> Result<Put, EditError> {
        new.encode()?;
        let mut heads = heads_of(&self.doc, base)?;
        let old = read::document(&self.doc, Some(&heads));
        let revives = row.deleted || is_deleted(&self.doc, &heads);
        let new = &*if revives { Cow::Borrowed(new) } else { shape::kept(&old, new, false) };
        if old == *new && !revives {
            return Ok(Put { version: base.clone(), edited: None });
        }
        let (writer, latest) = writer_at(&self.doc, &heads, actor);
        heads.extend(latest.filter(|latest| !heads.contains(latest)));
        self.doc.set_actor(writer);
        let change = match try_change(&mut self.doc, Some(&heads), now_ms, |tx| apply::difference(tx, &old, new))? {
            Some(change) => change,
            None if revives => empty_change_at(&mut self.doc, &heads, now_ms)?,
            None => return Ok(Put { version: base.clone(), edited: None }),
        };
        self.latest = None;
        let value = read::document(&self.doc, None).to_bytes();
        let keep = keep(&mut self.doc, actor, now_ms)?;
        let edited = self.edited(row, std::slice::from_ref(&change), keep.as_ref(), value);
        Ok(Put { version: Version::of(&[change.hash()]), edited: Some(edited) })
    }
}
