//! The ways in which a page writes: puts on what it read, modifiers, updates of everything that fits, texts as they are typed, undo and
//! redo, and apps of two versions that share a collection.

use super::{CANARY, Story, Written};
use crate::api::{Command, Durability, IndexField, IndexSpec, TextEdit, Write};
use crate::testing::rich;
use serde_json::{Value, json};

/// A collection and an id.
pub(super) type Name = (String, String);

impl Story {
    pub(super) fn edit(&mut self, index: usize) {
        if self.buries() && self.network.rng.below(3) == 0 {
            return self.pass(index);
        }
        match self.network.rng.below(24) {
            // There only plain fields are written to it: see `pass`.
            0 | 1 if self.buries() => self.pass(index),
            0 => {
                let (collection, id) = some("passing", 0);
                self.write(index, vec![Write::Delete { collection, ids: vec![id] }], vec![]);
            }
            1 => {
                let mark = self.mark();
                let put = self.put(index, &some("passing", 0), mark);
                self.ask_to_write(index, mark, vec![put], vec![]);
            }
            2..=4 => {
                let mark = self.mark();
                let pairs = ["a", "b"].map(|id| (collection("pairs"), format!("{CANARY}-{id}")));
                let puts = pairs.iter().map(|name| self.put(index, name, mark)).collect();
                self.ask_to_write(index, mark, puts, pairs.to_vec());
            }
            5..=11 => {
                let mark = self.mark();
                let note = self.some_note();
                let put = self.put(index, &note, mark);
                self.ask_to_write(index, mark, vec![put], vec![note]);
            }
            12 | 13 => self.modify(index),
            14 => self.update_many(index),
            15 | 16 => self.type_text(index),
            17..=19 => self.undo(index),
            _ => self.edit_shaped(index),
        }
    }

    /// One document is deleted and written again, by a page that has read it, long ago perhaps, or not at all. Once the deletes are over and done, what is written
    /// stays, whoever had buried it.
    fn pass(&mut self, index: usize) {
        let name = some("passing", 0);
        match self.network.rng.below(5) {
            0 | 1 if !self.deletes_are_over => {
                let (collection, id) = name;
                self.write(index, vec![Write::Delete { collection, ids: vec![id] }], vec![]);
            }
            2 => self.read_documents(index, vec![name]),
            _ => {
                let mark = self.mark();
                // Only the write's own field: counters and texts of before go with a delete.
                let (mut value, base) = self.known(index, &name);
                value[field(mark)] = json!({});
                let put = put(&name, &value, base);
                let stays = self.deletes_are_over && !self.awaits_delete();
                self.ask_to_write(index, mark, vec![put], if stays { vec![name] } else { vec![] });
            }
        }
    }

    fn awaits_delete(&self) -> bool {
        let calls = self.network.devices.iter().flat_map(|device| device.asked.values());
        let deletes = |command: &Command| match command {
            Command::Write { writes, .. } => writes.iter().any(|write| matches!(write, Write::Delete { .. })),
            _ => false,
        };
        calls.into_iter().any(|call| deletes(&call.command))
    }

    pub(super) fn some_note(&mut self) -> Name {
        some("notes", self.network.rng.below(3))
    }

    fn write(&mut self, index: usize, writes: Vec<Write>, documents: Vec<Name>) {
        let mark = self.mark();
        self.ask_to_write(index, mark, writes, documents);
    }

    /// The mark stands for the write; `documents` are those that must have it in the end.
    fn ask_to_write(&mut self, index: usize, mark: u64, writes: Vec<Write>, documents: Vec<Name>) {
        let durability = self.durability();
        self.expect(index, mark, durability, documents);
        self.network.ask(index, Command::Write { writes, durability, split: false }, mark);
    }

    fn durability(&mut self) -> Durability {
        if self.network.rng.below(3) == 0 { Durability::Strict } else { Durability::Relaxed }
    }

    pub(super) fn expect(&mut self, device: usize, mark: u64, durability: Durability, documents: Vec<Name>) {
        let strict = durability == Durability::Strict;
        self.writes.insert(mark, Written { device, documents, strict, acknowledged: false });
    }

    /// What the page has of a document, and the version of it; a page that has not read the document takes it for absent, and so
    /// adds its own field and removes nobody's.
    fn known(&self, index: usize, name: &Name) -> (Value, String) {
        self.pages[index].read.get(name).cloned().unwrap_or((json!({}), String::new()))
    }

    /// A put that adds one field and one list item on top of what was read, and counts and types something.
    fn put(&mut self, index: usize, name: &Name, mark: u64) -> Write {
        let (mut value, base) = self.known(index, name);
        value[field(mark)] = rich::edit(&mut value, mark, &mut self.network.rng);
        value["kind"] = json!(mark % 3);
        value["title"] = json!(format!("word{} w{}", mark % 3, mark % 7));
        value["said"] =
            json!([{"text": format!("{} word{}", "again ".repeat(mark as usize % 4), mark % 5)}, {"text": mark}]);
        value["parts"] = json!([{"size": mark % 5}, {"size": mark % 7}]);
        if let Some(log) = value.get_mut("log").and_then(Value::as_array_mut) {
            let at = self.network.rng.below(log.len() as u64 + 1) as usize;
            log.insert(at, json!(mark));
        }
        put(name, &value, base)
    }

    /// Modifiers of a note, on whatever is there.
    fn modify(&mut self, index: usize) {
        let mark = self.mark();
        let note = self.some_note();
        let (value, _) = self.known(index, &note);
        // Where the power may take a counter that the page has read, an increment would begin a number there.
        let counter = if self.power_is_safe { rich::counter(&value, &mut self.network.rng) } else { None };
        let mut modifiers = marking(mark, &json!({ "counter": counter }));
        if let Some(counter) = counter {
            modifiers["$inc"] = json!({ counter: mark });
        }
        modifiers["$addToSet"] = json!({ "kinds": mark % 3 });
        self.ask_to_write(index, mark, vec![modify(&note, &modifiers)], vec![note]);
    }

    /// Modifiers of every note of a kind, in one step.
    fn update_many(&mut self, index: usize) {
        let mark = self.mark();
        let durability = self.durability();
        let query = json!({ "filter": { "kind": self.network.rng.below(3) } }).to_string();
        let modifiers = marking(mark, &json!({})).to_string();
        self.expect(index, mark, durability, vec![]);
        let command = Command::UpdateMany { collection: collection("notes"), query, modifiers, durability };
        self.network.ask(index, command, mark);
    }

    /// A piece is typed into a text of a note where the page has it, or taken out of it.
    fn type_text(&mut self, index: usize) {
        let mark = self.mark();
        let notes: Vec<_> = self.pages[index].read.keys().filter(|name| name.0 == collection("notes")).collect();
        let known = notes.get(self.network.rng.below(notes.len() as u64) as usize).map(|name| (*name).clone());
        let note = known.unwrap_or_else(|| self.some_note());
        let (value, base) = self.known(index, &note);
        let Some((path, splice, said)) = rich::splice(&value, mark, &mut self.network.rng) else {
            self.read_documents(index, vec![note]);
            return;
        };
        let edits = vec![TextEdit::Splice(splice)];
        let typed = Write::Text { collection: note.0.clone(), id: note.1.clone(), path, base, edits };
        let marked = modify(&note, &marking(mark, &said));
        self.ask_to_write(index, mark, vec![typed, marked], vec![note]);
    }

    /// Only the first device goes back: what the others wrote stays, whatever it takes back of its own.
    fn undo(&mut self, index: usize) {
        let mark = self.mark();
        let name = some("undone", 0);
        if index == 0 && self.network.rng.below(2) == 0 {
            let redo = self.network.rng.below(4) == 0;
            let (collection, id) = name;
            self.write(index, vec![Write::Revert { collection, ids: vec![id], versions: vec![vec![]], redo }], vec![]);
            return;
        }
        let (mut value, base) = self.known(index, &name);
        value[field(mark)] = json!({});
        value["kind"] = json!(mark % 3);
        let documents = if index == 0 { vec![] } else { vec![name.clone()] };
        self.ask_to_write(index, mark, vec![put(&name, &value, base)], documents);
    }

    /// A document of two shapes: the apps of the odd devices have migrated `name` to `first`, the others know nothing of that.
    fn edit_shaped(&mut self, index: usize) {
        let mark = self.mark();
        let name = some("shaped", 0);
        let (mut value, base) = self.known(index, &name);
        let fields = value.as_object_mut();
        let shape = fields.and_then(|fields| fields.remove("$version")).and_then(|shape| shape.as_u64()).unwrap_or(1);
        let newer = index % 2 == 1;
        if base.is_empty() && self.network.rng.below(2) == 0 {
            self.read_documents(index, vec![name]);
            return;
        }
        if newer && shape < 2 && !base.is_empty() {
            let fields = value.as_object_mut();
            let first = fields.and_then(|fields| fields.remove("name"));
            value["first"] = first.unwrap_or(json!(""));
            value["$version"] = json!(2);
            let (collection, id) = name;
            let documents = Value::Array(vec![value]).to_string();
            self.write(
                index,
                vec![Write::Migrate { collection, ids: vec![id], documents, bases: vec![Some(base)] }],
                vec![],
            );
            return;
        }
        value[field(mark)] = json!({ "shape": if newer { 2 } else { 1 } });
        if newer {
            value["$version"] = json!(2);
        }
        value[if newer { "first" } else { "name" }] = json!(format!("word{mark}"));
        self.ask_to_write(index, mark, vec![put(&name, &value, base)], vec![name]);
    }

    /// Other indexes than before on one collection: some are new, some stay, some are dropped.
    pub(super) fn declare(&mut self, index: usize) {
        let field = |path: &str, descending| IndexField { path: path.into(), descending, weight: None };
        let spec = |name: &str, fields, sparse| IndexSpec {
            name: name.into(),
            fields,
            unique: name.starts_with("unique"),
            sparse,
            text: None,
        };
        let words = IndexField { weight: Some(3), ..field("title", false) };
        let mut indexes = vec![
            spec("kind", vec![field("kind", false)], false),
            spec("log", vec![field("log", true)], true),
            spec("both", vec![field("kind", true), field("log", false)], false),
            spec("unique kind", vec![field("kind", false)], true),
            spec("deep", vec![field("parts.size", false), field("kind", false)], true),
            IndexSpec { text: Some(true), ..spec("words", vec![words, field("said.text", false)], false) },
        ];
        indexes.retain(|_| self.network.rng.below(2) == 0);
        let name = ["notes", "pairs", "passing", "undone", "shaped"][self.network.rng.below(5) as usize];
        let mark = self.mark();
        self.network.ask(index, Command::DeclareIndexes { collection: collection(name), indexes }, mark);
    }
}

/// What is wrong with the shape of a document: once somebody has written it in the newer one, it has that version.
pub(super) fn check_shape<'a>(
    document: &Value,
    mut fields: impl Iterator<Item = (u64, &'a Value)>,
) -> Result<(), String> {
    let newer = fields.any(|(_, field)| field["shape"] == json!(2));
    if newer && document["$version"] != json!(2) {
        return Err(format!("a document was written in shape 2 and is of shape {}", document["$version"]));
    }
    Ok(())
}

pub(super) fn collection(name: &str) -> String {
    format!("{CANARY}-{name}")
}

/// One of the documents of a collection.
pub(super) fn some(name: &str, number: u64) -> Name {
    (collection(name), format!("{CANARY}-{name}-{number}"))
}

/// The field that says that a write is there.
pub(super) fn field(mark: u64) -> String {
    format!("{CANARY}{mark}")
}

/// Modifiers that leave what a put leaves: the write's own field, and its item in the list.
fn marking(mark: u64, said: &Value) -> Value {
    json!({ "$set": { field(mark): said }, "$push": { "log": mark } })
}

fn put((collection, id): &Name, value: &Value, base: String) -> Write {
    Write::Put {
        collection: collection.clone(),
        ids: vec![id.clone()],
        documents: json!([value]).to_string(),
        bases: vec![Some(base)],
    }
}

fn modify((collection, id): &Name, modifiers: &Value) -> Write {
    Write::Modify { collection: collection.clone(), ids: vec![id.clone()], modifiers: modifiers.to_string() }
}
