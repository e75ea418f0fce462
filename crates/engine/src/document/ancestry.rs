//! What the objects of a document lie in, also of those that are not there any more: read from the changes that made them.

use std::collections::{HashMap, HashSet};

use automerge::legacy::{Key, ObjectId, OpType};
use automerge::{Automerge, ChangeHash, ExpandedChange, ObjId, ROOT, ReadDoc};

/// The objects that were asked for so far, and those that were made with them.
pub(super) struct Ancestry<'a> {
    doc: &'a Automerge,
    parents: HashMap<ObjId, (ObjId, Key)>,
    read: HashSet<ChangeHash>,
}

impl<'a> Ancestry<'a> {
    pub(super) fn new(doc: &'a Automerge) -> Self {
        Self { doc, parents: HashMap::new(), read: HashSet::new() }
    }

    /// The object that `object` was made in, and where in it; none for the document itself.
    pub(super) fn parent(&mut self, object: &ObjId) -> Option<&(ObjId, Key)> {
        if !self.parents.contains_key(object) {
            let hash = self.doc.hash_for_opid(object)?;
            if self.read.insert(hash) {
                self.read(&self.doc.get_change_by_hash(&hash)?.decode());
            }
        }
        self.parents.get(object)
    }

    /// Adds an object and all that it lies in.
    pub(super) fn add_with_parents(&mut self, object: ObjId, objects: &mut HashSet<ObjId>) {
        let mut next = Some(object);
        while let Some(object) = next {
            next = self.parent(&object).map(|(parent, _)| parent.clone());
            if !objects.insert(object) {
                return;
            }
        }
    }

    fn read(&mut self, change: &ExpandedChange) {
        for (counter, op) in (change.start_op.get()..).zip(&change.operations) {
            if matches!(op.action, OpType::Make(_)) {
                let object = ObjId::Id(counter, change.actor_id.clone(), 0);
                self.parents.insert(object, (object_of(&op.obj), op.key.clone()));
            }
        }
    }
}

/// An object as documents name it.
pub(super) fn object_of(object: &ObjectId) -> ObjId {
    match object {
        ObjectId::Root => ROOT,
        ObjectId::Id(id) => ObjId::Id(id.0, id.1.clone(), 0),
    }
}
