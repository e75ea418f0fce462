//! A document's past: its changes one by one, and where writers who did not know of each other set the same field.
//!
//! Both are read from the stored chunks when somebody asks; nothing is kept for them.

use std::collections::{BTreeSet, HashMap};

use automerge::legacy::Key;
use automerge::{Automerge, ChangeHash, ObjId, ObjType, Prop, ROOT, ReadDoc, ValueRef};

use super::ancestry::{Ancestry, object_of};
use super::edit::message::{Direction, Message};
use super::edit::{self, CorruptDocument, Current, EditError, read};
use super::value::{MAX_DEPTH, Value};
use super::version::Version;

/// Fields that one change is said to have set at most; a change of more names the first ones.
const MAX_FIELDS: usize = 1_000;

/// One change of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The document as whoever made the change saw it then.
    pub version: Version,
    /// When, in milliseconds since 1970 by the writer's clock, in whole seconds.
    pub at_ms: i64,
    /// The first bytes of the writer's name: see [`edit::Actor`]; none for a writer that is no Ashore.
    pub writer: Option<[u8; 16]>,
    /// What kind of change.
    pub kind: Kind,
    /// The document's own fields in which something changed, in byte order.
    pub fields: Vec<String>,
}

/// What a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It set or removed fields, or brought the document back.
    Put,
    /// It deleted the document.
    Delete,
    /// It took a change back.
    Undo,
    /// It took an undo back.
    Redo,
}

/// A place that concurrent writers set to different values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where it is.
    pub path: Vec<Step>,
    /// The values, the one that the document shows first.
    pub values: Vec<Claim>,
}

/// A step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A field.
    Key(String),
    /// An item.
    Index(usize),
}

/// One of the values in a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What was set.
    pub value: Value,
    /// The change that set it.
    pub version: Version,
    /// See [`Moment::at_ms`].
    pub at_ms: i64,
    /// See [`Moment::writer`].
    pub writer: Option<[u8; 16]>,
}

/// The changes before `before` (none: all), the latest first, at most `limit`; and whether there are more. The order is that in
/// which this device learnt of them; each comes after those that it builds on.
pub fn history(chunks: &[&[u8]], before: Option<&Version>, limit: usize) -> Result<(Vec<Moment>, bool), EditError> {
    let doc = edit::load(chunks)?;
    let changes = doc.get_changes_meta(&[]);
    let end = match before {
        None => changes.len(),
        Some(version) => {
            let wanted = |hash: ChangeHash| version.matches(&[hash]);
            changes.iter().position(|change| wanted(change.hash)).ok_or(EditError::UnknownVersion)?
        }
    };
    let start = end.saturating_sub(limit);
    let mut fields = Fields { doc: &doc, ancestry: Ancestry::new(&doc), known: HashMap::new() };
    let page = changes.get(start..end).unwrap_or_default();
    let message_of = |change: &automerge::ChangeMetadata<'_>| Message::parse(change.message.as_deref());
    let moments = page.iter().rev().filter(|change| !message_of(change).keeps).map(|change| {
        let message = message_of(change);
        let kind = match (message.reverts, message.deletes) {
            (Some((Direction::Undo, _)), _) => Kind::Undo,
            (Some((Direction::Redo, _)), _) => Kind::Redo,
            (None, true) => Kind::Delete,
            (None, false) => Kind::Put,
        };
        Moment {
            version: Version::of(&[change.hash]),
            at_ms: change.timestamp.saturating_mul(1_000),
            writer: edit::undo::writer(change),
            kind,
            fields: fields.of(change.hash),
        }
    });
    Ok((moments.collect(), start > 0))
}

/// Where the document shows one of several values that writers who did not know of each other have set; at most `limit` places,
/// and whether there are more. Setting the place again settles it. A deleted document has none.
pub fn conflicts(current: Current<'_>, limit: usize) -> Result<(Vec<Conflict>, bool), CorruptDocument> {
    if current.row.deleted {
        return Ok((vec![], false));
    }
    let doc = edit::load(current.chunks)?;
    let mut search = Search { doc: &doc, limit, found: vec![], path: vec![], more: false };
    search.object(&ROOT, ObjType::Map);
    Ok((search.found, search.more))
}

/// Which of the document's own fields objects lie in.
struct Fields<'a> {
    doc: &'a Automerge,
    ancestry: Ancestry<'a>,
    known: HashMap<ObjId, Option<String>>,
}

impl Fields<'_> {
    fn of(&mut self, hash: ChangeHash) -> Vec<String> {
        let Some(change) = self.doc.get_change_by_hash(&hash) else { return vec![] };
        let mut fields = BTreeSet::new();
        for op in &change.decode().operations {
            if fields.len() >= MAX_FIELDS {
                break;
            }
            fields.extend(self.field_of(object_of(&op.obj), &op.key));
        }
        fields.into_iter().collect()
    }

    /// The field in which this place of this object lies.
    fn field_of(&mut self, object: ObjId, key: &Key) -> Option<String> {
        let (mut object, mut key) = (object, key.clone());
        let mut passed = Vec::new();
        let field = loop {
            match (&object, &key) {
                (ObjId::Root, Key::Map(key)) => break Some(key.to_string()),
                (ObjId::Root, Key::Seq(_)) => break None,
                (ObjId::Id(..), _) => {}
            }
            if let Some(known) = self.known.get(&object) {
                break known.clone();
            }
            let Some((parent, at)) = self.ancestry.parent(&object).cloned() else { break None };
            passed.push(std::mem::replace(&mut object, parent));
            key = at;
        };
        self.known.extend(passed.into_iter().map(|object| (object, field.clone())));
        field
    }
}

/// Walks through what a document shows.
struct Search<'a> {
    doc: &'a Automerge,
    limit: usize,
    found: Vec<Conflict>,
    path: Vec<Step>,
    more: bool,
}

impl Search<'_> {
    fn object(&mut self, object: &ObjId, kind: ObjType) {
        if self.path.len() >= MAX_DEPTH {
            return;
        }
        match kind {
            ObjType::Map | ObjType::Table => {
                for item in self.doc.map_range(object, ..) {
                    let key = item.key.to_string();
                    let prop = Prop::Map(key.clone());
                    self.place(object, Step::Key(key), prop, item.conflict, &item.value, || item.id());
                }
            }
            ObjType::List => {
                for item in self.doc.list_range(object, ..) {
                    let prop = Prop::Seq(item.index);
                    self.place(object, Step::Index(item.index), prop, item.conflict, &item.value, || item.id());
                }
            }
            // Characters are never set, only inserted and removed.
            ObjType::Text => {}
        }
    }

    fn place(
        &mut self,
        object: &ObjId,
        step: Step,
        prop: Prop,
        conflict: bool,
        value: &ValueRef<'_>,
        id: impl FnOnce() -> ObjId,
    ) {
        if self.more {
            return;
        }
        self.path.push(step);
        if conflict {
            self.note(object, prop);
        }
        if let ValueRef::Object(kind) = value {
            self.object(&id(), *kind);
        }
        self.path.pop();
    }

    fn note(&mut self, object: &ObjId, prop: Prop) {
        let mut all = self.doc.get_all(object, prop).unwrap_or_default();
        all.reverse();
        let values: Vec<Claim> = all.into_iter().filter_map(|(value, id)| self.claim(&value, &id)).collect();
        // Who set the same disagrees about nothing.
        let (Some(first), true) = (values.first(), values.len() > 1) else { return };
        if values.iter().all(|claim| claim.value == first.value) {
            return;
        }
        if self.found.len() >= self.limit {
            self.more = true;
            return;
        }
        self.found.push(Conflict { path: self.path.clone(), values });
    }

    fn claim(&self, value: &automerge::Value<'_>, id: &ObjId) -> Option<Claim> {
        let hash = self.doc.hash_for_opid(id)?;
        let change = self.doc.get_change_meta_by_hash(&hash)?;
        let value = match value {
            automerge::Value::Object(kind) => read::object(self.doc, id, *kind, None, self.path.len()),
            automerge::Value::Scalar(scalar) => read::owned(scalar),
        };
        Some(Claim {
            value,
            version: Version::of(&[hash]),
            at_ms: change.timestamp.saturating_mul(1_000),
            writer: edit::undo::writer(&change),
        })
    }
}
