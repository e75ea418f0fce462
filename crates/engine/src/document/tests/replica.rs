//! One device's copy of one document, stored the way the engine stores it.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::chunk;
use crate::document::edit::{
    self, Actor, Current, Direction, EditError, Live, Merged, OwnActors, Step, TextEdit, TextError,
};
use crate::document::state::{ChunkSpan, ChunkWrite};
use crate::document::{DocumentRow, TextPath, Value, Version, json};

pub(super) struct Replica {
    actor: Actor,
    pub(super) row: Option<DocumentRow>,
    pub(super) chunks: BTreeMap<u32, Vec<u8>>,
    /// The changes made here, in order.
    pub(super) sent: Vec<Vec<u8>>,
    /// The document in memory, for editing texts and merging; used while it is what the row says.
    kept: Option<Live>,
}

pub(super) fn value(text: &str) -> Value {
    json::parse_one(text).unwrap()
}

impl Clone for Replica {
    fn clone(&self) -> Self {
        let (row, chunks, sent) = (self.row.clone(), self.chunks.clone(), self.sent.clone());
        Self { actor: self.actor, row, chunks, sent, kept: None }
    }
}

impl Replica {
    pub(super) fn new(actor: u8) -> Self {
        Self { actor: Actor([actor; 16]), row: None, chunks: BTreeMap::new(), sent: vec![], kept: None }
    }

    /// A replica whose document was created with this JSON text.
    pub(super) fn with(actor: u8, text: &str) -> Self {
        let mut replica = Self::new(actor);
        assert!(replica.put(text));
        replica
    }

    /// A second device that has merged everything of this one.
    pub(super) fn fork(&self, actor: u8) -> Self {
        let mut other = Self::new(actor);
        assert!(other.merge(&self.whole()));
        other
    }

    pub(super) fn put(&mut self, text: &str) -> bool {
        self.put_value(None, &value(text)).unwrap()
    }

    pub(super) fn put_at(&mut self, base: &Version, text: &str) -> bool {
        self.put_value(Some(base), &value(text)).unwrap()
    }

    pub(super) fn put_value(&mut self, base: Option<&Version>, new: &Value) -> Result<bool, EditError> {
        self.try_put(base, new).map(|(_, changed)| changed)
    }

    /// Puts a copy that was made from what was read at `base`, and answers what the next put of that copy builds on.
    pub(super) fn put_copy(&mut self, base: &Version, text: &str) -> Version {
        self.try_put(Some(base), &value(text)).unwrap().0
    }

    /// The version that a put answers, which reads as what was put, and whether anything changed.
    pub(super) fn try_put(&mut self, base: Option<&Version>, new: &Value) -> Result<(Version, bool), EditError> {
        let (actor, now) = (self.actor, 1_000 * self.sent.len() as u64);
        let put = self.with_current(|current| edit::put(current, base, new, actor, now))?;
        // To the document in memory, too: both must come to the same.
        let mut live = self.kept.take();
        if live.is_none() && self.row.is_some() {
            live = Some(self.live());
        }
        let to_live = self.with_current(|current| edit::put_live(current, &mut live, base, (None, new), actor, now))?;
        assert_eq!(to_live.version, put.version);
        assert_edited_alike(to_live.edited.as_ref(), put.edited.as_ref());
        self.kept = live;
        let changed = put.edited.map(|edited| self.keep(edited)).is_some();
        assert_eq!(self.value_at(&put.version), *new);
        Ok((put.version, changed))
    }

    /// The document in Automerge's memory, as it is stored.
    pub(super) fn live(&self) -> Live {
        self.with_current(|current| Live::load(current.unwrap())).unwrap()
    }

    /// Edits a text in a document that is kept live from edit to edit; answers the version of the caller's text, and its path.
    pub(super) fn edit_text(
        &mut self,
        base: &Version,
        path: &TextPath,
        edits: &[TextEdit],
    ) -> Result<(Version, TextPath), TextError> {
        let row = self.row.clone().unwrap();
        let kept = self.kept.take().filter(|live| live.is_at(&row));
        let mut live = kept.unwrap_or_else(|| self.live());
        let edited = live.edit(&row, base, path, edits, self.actor, 1_000 * self.sent.len() as u64)?;
        if let Some(edited) = edited.edited {
            self.keep(edited);
        }
        assert!(live.is_at(self.row.as_ref().unwrap()));
        self.kept = Some(live);
        Ok((edited.version, edited.path))
    }

    pub(super) fn delete(&mut self) -> bool {
        let actor = self.actor;
        let edited =
            self.with_current(|current| current.map_or(Ok(None), |current| edit::delete(current, actor, 0))).unwrap();
        edited.map(|edited| self.keep(edited)).is_some()
    }

    /// Takes the last step back; answers whether there was one.
    pub(super) fn undo(&mut self) -> bool {
        self.revert(Direction::Undo, Step::Last)
    }

    pub(super) fn redo(&mut self) -> bool {
        self.revert(Direction::Redo, Step::Last)
    }

    pub(super) fn revert(&mut self, direction: Direction, step: Step<'_>) -> bool {
        let (actor, own) = (self.actor, self.own());
        let edited = self
            .with_current(|current| {
                current.map_or(Ok(None), |current| edit::undo(current, direction, step, &own, actor, 0))
            })
            .unwrap();
        edited.map(|edited| self.keep(edited)).is_some()
    }

    /// Takes these changes back as one write; answers the changes that did it.
    pub(super) fn revert_each(&mut self, direction: Direction, changes: &[Version]) -> Vec<Version> {
        let (actor, own) = (self.actor, self.own());
        let steps: Vec<_> = changes.iter().map(Step::Change).collect();
        let edited = self.with_current(|current| {
            current.map_or(Ok(None), |current| edit::undo_each(current, direction, &steps, &own, actor, 0))
        });
        let Some(edited) = edited.unwrap() else { return vec![] };
        let made = edited.earlier.iter().chain([&edited.version]).cloned().collect();
        self.keep(edited);
        made
    }

    /// Undoes or redoes as a device would that was this one and has been opened again since.
    pub(super) fn own(&self) -> OwnActors {
        [self.actor.0].into()
    }

    /// Merges and answers whether anything changed; panics when something is missing.
    pub(super) fn merge(&mut self, remote: &[u8]) -> bool {
        self.try_merge(remote).expect("nothing is missing")
    }

    /// None when something is missing.
    pub(super) fn try_merge(&mut self, remote: &[u8]) -> Option<bool> {
        // Through the live document when there is one, else from the chunks: both must come to the same.
        let plain = self.with_current(|current| edit::merge(current, remote)).unwrap();
        let mut live = self.kept.take();
        if live.is_some() {
            let merged = self.with_current(|current| edit::merge_live(current, &mut live, remote)).unwrap();
            assert_alike(&merged, &plain);
            self.kept = live;
        }
        match plain {
            Merged::Unchanged => Some(false),
            Merged::MissingDeps(missing) => {
                assert!(!missing.is_empty());
                None
            }
            Merged::Changed { row, write } => {
                self.store(row, write);
                Some(true)
            }
        }
    }

    pub(super) fn exchange(&mut self, other: &mut Self) {
        let (mine, theirs) = (self.whole(), other.whole());
        self.merge(&theirs);
        other.merge(&mine);
        assert_eq!(self.state(), other.state());
    }

    pub(super) fn whole(&self) -> Vec<u8> {
        edit::whole(&self.chunks.values().map(Vec::as_slice).collect::<Vec<_>>()).unwrap()
    }

    /// What an entry carries of it, and who wrote it.
    pub(super) fn travelling(&self) -> (Vec<Vec<u8>>, BTreeSet<[u8; 16]>) {
        let chunks: Vec<_> = self.chunks.values().map(Vec::as_slice).collect();
        (edit::pieces(&chunks, usize::MAX).unwrap(), edit::writers(&chunks).unwrap())
    }

    pub(super) fn value_at(&self, version: &Version) -> Value {
        self.with_current(|current| edit::value_at(current.unwrap(), version)).unwrap()
    }

    pub(super) fn version(&self) -> Version {
        self.row.as_ref().unwrap().version()
    }

    /// What all devices must agree on.
    pub(super) fn state(&self) -> Option<(Vec<automerge::ChangeHash>, bool, Value)> {
        let row = self.row.as_ref()?;
        Some((row.heads.clone(), row.deleted, Value::decode(&row.value).unwrap()))
    }

    /// The document as JSON; "deleted" when it is.
    pub(super) fn text(&self) -> String {
        let row = self.row.as_ref().unwrap();
        if row.deleted { "deleted".to_owned() } else { json::write_text(&row.value).unwrap() }
    }

    pub(super) fn with_current<T>(&self, run: impl FnOnce(Option<Current<'_>>) -> T) -> T {
        let chunks: Vec<_> = self.chunks.values().map(Vec::as_slice).collect();
        run(self.row.as_ref().map(|row| Current { row, chunks: &chunks }))
    }

    pub(super) fn keep(&mut self, edited: edit::Edited) {
        self.sent.push(edited.change);
        self.store(edited.row, edited.write);
    }

    /// Stores, and checks that what is stored says the same from its bytes alone.
    fn store(&mut self, row: DocumentRow, write: ChunkWrite) {
        for number in write.replaces.into_iter().flatten() {
            self.chunks.remove(&number).expect("only what exists is replaced");
        }
        assert_eq!(self.chunks.insert(write.number, write.bytes), None);
        assert_eq!(DocumentRow::decode(&row.encode()), Ok(row.clone()));
        let numbers: Vec<_> = self.chunks.keys().copied().collect();
        assert_eq!(numbers, (row.chunks.first..=row.chunks.last).collect::<Vec<_>>());
        let stored: u32 = self.chunks.values().map(|chunk| chunk.len() as u32).sum();
        assert_eq!(stored, row.chunks.base_bytes + row.chunks.appended_bytes);
        self.row = Some(row);
        let row = self.row.as_ref().unwrap();
        let value = self.value_at(&row.version());
        let expected = if row.deleted { Value::Null } else { Value::decode(&row.value).unwrap() };
        assert_eq!(value, expected);
    }
}

/// The same edit, as far as [`assert_alike`] asks for it.
fn assert_edited_alike(left: Option<&edit::Edited>, right: Option<&edit::Edited>) {
    assert_eq!(left.is_some(), right.is_some());
    let (Some(left), Some(right)) = (left, right) else { return };
    let stored = |edited: &edit::Edited| Merged::Changed { row: edited.row.clone(), write: edited.write.clone() };
    assert_alike(&stored(left), &stored(right));
    let says = |edited: &edit::Edited| {
        (edited.change.clone(), edited.version.clone(), edited.earlier.clone(), edited.over_delete)
    };
    assert_eq!(says(left), says(right));
}

/// The same, except that changes which do not know of each other may be written in another order.
fn assert_alike(left: &Merged, right: &Merged) {
    let (Merged::Changed { row: mine, write: my_write }, Merged::Changed { row: other, write: other_write }) =
        (left, right)
    else {
        assert_eq!(left, right);
        return;
    };
    // Compressed together they may be of another length.
    let rewritten = my_write.replaces.is_some();
    let chunks = |row: &DocumentRow| if rewritten { ChunkSpan::NONE } else { row.chunks };
    let plain = |row: &DocumentRow| DocumentRow { chunks: chunks(row), ..row.clone() };
    assert_eq!(plain(mine), plain(other));
    assert_eq!((mine.chunks.first, mine.chunks.last), (other.chunks.first, other.chunks.last));
    assert_eq!((my_write.number, &my_write.replaces), (other_write.number, &other_write.replaces));
    let changes = |write: &ChunkWrite| -> BTreeSet<Vec<u8>> {
        if !rewritten {
            return chunk::split(&write.bytes).unwrap().iter().map(|chunk| chunk.bytes.to_vec()).collect();
        }
        let doc = automerge::Automerge::load(&write.bytes).unwrap();
        doc.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()).collect()
    };
    assert_eq!(changes(my_write), changes(other_write));
}
