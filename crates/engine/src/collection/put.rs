//! The two parts of a document: telling them apart, laying them over each other, and what a put makes of them.
//!
//! - At a field that stays only this device's own value is ever shown. What others wrote there is left as it is in the part
//!   that travels, and a put of ours does not touch it.
//! - Where only some fields travel, what was put first is where a document begins and does not travel; a field travels once
//!   it was changed. So content that every device fetches for itself does not undo what somebody said about it.
//! - A put changes of the part that stays what its caller changed: what the caller saw is known by digests in the version.

use super::declared::{Declared, Travels};
use super::paths::FieldPath;
use crate::crypto::Key;
use crate::document::Value;
use crate::document::version::{MAX_SEEN, SEEN_BYTES, Seen};
use ashore_protocol::gather::Gather;
use std::collections::{BTreeMap, BTreeSet};

/// A document as it is before a put.
pub struct Held {
    /// The part that travels, also below a delete; empty when there is none.
    pub travels: Value,
    /// The part that stays; `None` when nothing of the document was put here or it was deleted here.
    pub stays: Option<Value>,
    /// Readers find it.
    pub shown: bool,
}

/// What a put makes of a document.
#[derive(Debug, PartialEq, Eq)]
pub struct New {
    /// What the part that travels becomes, as a difference from what the caller saw of it; `None`: it is left as it is.
    pub travels: Option<Value>,
    /// The part that stays.
    pub stays: Value,
}

impl Declared {
    /// What travels of a value, and what stays.
    pub fn split(&self, value: &Value) -> (Value, Value) {
        match &self.travels {
            Travels::All => (value.clone(), Value::empty()),
            Travels::Nothing => (Value::empty(), value.clone()),
            Travels::Except(fields) => {
                let (mut travels, mut stays) = (value.clone(), Value::empty());
                for field in fields {
                    let reached = field.reach(&travels).map(|(reached, _)| reached);
                    if let Some((reached, value)) =
                        reached.and_then(|at| at.remove(&mut travels).map(|value| (at, value)))
                    {
                        reached.set(&mut stays, value);
                    }
                }
                (travels, stays)
            }
            Travels::Only(fields) => {
                let (mut travels, mut stays) = (Value::empty(), value.clone());
                for field in fields.iter().filter(|field| field.get(value).is_some()) {
                    if let Some(value) = field.remove(&mut stays) {
                        field.set(&mut travels, value);
                    }
                }
                (travels, stays)
            }
        }
    }

    /// What is shown of a document with these parts.
    pub fn overlay(&self, travels: &Value, stays: &Value) -> Value {
        match &self.travels {
            Travels::All => travels.clone(),
            Travels::Nothing => stays.clone(),
            Travels::Except(fields) => {
                let mut shown = travels.clone();
                for field in fields {
                    if let Some((reached, _)) = field.reach(travels) {
                        reached.remove(&mut shown);
                    }
                }
                for (field, value) in fields.iter().filter_map(|field| field.reach(stays)) {
                    field.set(&mut shown, value.clone());
                }
                shown
            }
            Travels::Only(fields) => {
                let mut shown = stays.clone();
                for field in fields {
                    if let Some(value) = field.get(travels) {
                        field.set(&mut shown, value.clone());
                    }
                }
                shown
            }
        }
    }

    /// The part that stays, as far as what is shown tells it.
    pub fn stays_in(&self, shown: &Value, travels: &Value) -> Value {
        let Travels::Only(fields) = &self.travels else { return self.split(shown).1 };
        let mut stays = shown.clone();
        for field in fields.iter().filter(|field| field.get(travels).is_some()) {
            field.remove(&mut stays);
        }
        stays
    }

    /// Whether this part that travels holds something that does not.
    pub fn is_tainted(&self, travels: &Value) -> bool {
        match &self.travels {
            Travels::All => false,
            Travels::Except(_) | Travels::Only(_) | Travels::Nothing => holds_something(&self.split(travels).1),
        }
    }

    /// The digests of the fields of a part that stays.
    pub fn seen(&self, stays: &Value, key: &Key) -> Seen {
        if self.is_plain() {
            return Seen::Nothing;
        }
        let fields = self.fields_of(stays);
        if fields.len() > MAX_SEEN {
            return Seen::Many;
        }
        let digests: BTreeSet<_> = fields.iter().map(|(field, value)| digest(key, field, value)).gather();
        Seen::Fields(digests.into_iter().collect())
    }

    /// What becomes of a document's parts when `new` is put on `base`, where the part that travels was `base_travels`.
    /// `was` is the declaration by which the parts were told apart so far; `seen` is what the caller saw, `None` when it
    /// does not matter.
    pub fn put(
        &self,
        was: &Self,
        held: &Held,
        base_travels: &Value,
        seen: Option<&Seen>,
        new: &Value,
        key: &Key,
    ) -> New {
        let stays = held.stays.as_ref().filter(|_| held.shown);
        let new = match (stays, seen) {
            (Some(stays), Some(seen)) => was.with_unseen(new, stays, seen, key),
            _ => new.clone(),
        };
        match &self.travels {
            Travels::Nothing => New { travels: None, stays: new },
            Travels::All | Travels::Except(_) => self.put_all(held, base_travels, &new),
            Travels::Only(fields) => put_only(fields, held, stays, base_travels, new),
        }
    }

    fn put_all(&self, held: &Held, base_travels: &Value, new: &Value) -> New {
        let (mut travels, stays) = self.split(new);
        // What others wrote where only our own value counts stays as it is, unless the caller put something else over it.
        for (field, value) in self.travels.fields().iter().filter_map(|field| field.reach(base_travels)) {
            if field.get(&travels).is_none() {
                field.set(&mut travels, value.clone());
            }
        }
        if held.stays.is_none() && !self.deletes {
            // It was deleted here alone: what others know about it comes back with it.
            add_missing(&mut travels, &held.travels);
        }
        New { travels: Some(travels), stays }
    }

    /// A value as its caller put it, with the fields that stay and that the caller did not change as they are now.
    fn with_unseen(&self, new: &Value, now: &Value, seen: &Seen, key: &Key) -> Value {
        let seen: BTreeSet<&[u8; SEEN_BYTES]> = match seen {
            Seen::Many => return new.clone(),
            Seen::Nothing => BTreeSet::new(),
            Seen::Fields(digests) => digests.iter().gather(),
        };
        let (travels, mut stays) = self.split(new);
        let (put, now): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (self.fields_of(&stays).into_iter().gather(), self.fields_of(now).into_iter().gather());
        let mut kept: Vec<(FieldPath, Option<Value>)> = Vec::new();
        for (field, value) in &put {
            if seen.contains(&digest(key, field, value)) {
                kept.push((field.clone(), now.get(field).map(|value| (*value).clone())));
            }
        }
        for (field, value) in now.iter().filter(|(field, _)| !put.contains_key(*field)) {
            if !seen.contains(&digest(key, field, value)) {
                kept.push((field.clone(), Some((*value).clone())));
            }
        }
        for (field, value) in kept {
            match value {
                Some(value) => drop(field.set(&mut stays, value)),
                None => drop(field.remove(&mut stays)),
            }
        }
        self.overlay(&travels, &stays)
    }

    /// The fields of a part that stays: those that are named, or all of the document that are not.
    fn fields_of<'a>(&self, stays: &'a Value) -> Vec<(FieldPath, &'a Value)> {
        match (&self.travels, stays) {
            (Travels::Except(fields), stays) => fields.iter().filter_map(|field| field.reach(stays)).collect(),
            (Travels::Only(named), Value::Map(map)) => {
                let each = map.iter().map(|(key, value)| (FieldPath::key(key), value));
                each.filter(|(field, _)| !named.contains(field)).gather()
            }
            (Travels::Nothing, Value::Map(map)) => map.iter().map(|(key, value)| (FieldPath::key(key), value)).gather(),
            (Travels::All | Travels::Only(_) | Travels::Nothing, _) => vec![],
        }
    }
}

/// Where only `fields` travel: those that differ from what was shown do.
fn put_only(fields: &[FieldPath], held: &Held, stays: Option<&Value>, base_travels: &Value, mut new: Value) -> New {
    let Some(before) = stays else { return New { travels: None, stays: new } };
    let mut travels = base_travels.clone();
    let mut changed = false;
    for field in fields {
        let value = field.get(&new).cloned();
        let shown = field.get(base_travels).or_else(|| field.get(before));
        if value.as_ref() == shown {
            // What was put at first stays where a document without anybody's word begins.
            match field.get(before).filter(|_| field.get(&held.travels).is_none()) {
                Some(first) => drop(field.set(&mut new, first.clone())),
                None => drop(field.remove(&mut new)),
            }
            continue;
        }
        changed = true;
        field.remove(&mut new);
        match value {
            // Where something of before the declaration stands in its way, it stays here.
            Some(value) if !field.set(&mut travels, value.clone()) => drop(field.set(&mut new, value)),
            Some(_) => {}
            None => drop(field.remove(&mut travels)),
        }
    }
    New { travels: changed.then_some(travels), stays: new }
}

/// Whether there is anything but objects around nothing.
fn holds_something(value: &Value) -> bool {
    match value {
        Value::Map(map) => map.values().any(holds_something),
        _ => true,
    }
}

fn add_missing(to: &mut Value, from: &Value) {
    if let (Value::Map(to), Value::Map(from)) = (to, from) {
        for (key, value) in from {
            to.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// Keyed, so that a version that is shown or logged tells nobody a password's digest to try guesses on.
fn digest(key: &Key, field: &FieldPath, value: &Value) -> [u8; SEEN_BYTES] {
    let mut hasher = blake3::Hasher::new_keyed(key.expose());
    hasher.update(field.to_string().as_bytes()).update(&[0]).update(&value.to_bytes());
    let mut digest = [0; SEEN_BYTES];
    hasher.finalize_xof().fill(&mut digest);
    digest
}
